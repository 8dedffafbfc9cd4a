"""A page and its elements as text.  Whatever is not `Html` already is escaped on its way in."""

import base64
import html
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from jaxnn import plots


class Html(str):
    """Text that is markup: the only text that enters an element as it is."""


def escape(text: str) -> Html:
    return text if isinstance(text, Html) else Html(html.escape(text))


def element(name: str, *children: str, attributes: Mapping[str, str] | None = None) -> Html:
    """<name attributes>children</name>."""
    written = "".join(f' {key}="{html.escape(value)}"' for key, value in (attributes or {}).items())
    return Html(f"<{name}{written}>{join(*children)}</{name}>")


def join(*parts: str) -> Html:
    return Html("".join(map(escape, parts)))


def paragraph(*children: str, class_name: str = "") -> Html:
    return element("p", *children, attributes={"class": class_name} if class_name else None)


def section(heading: str, *children: str) -> Html:
    """A section under a heading of the second level."""
    return element("section", element("h2", heading), *children)


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, align: str, marked: int | None = None) -> Html:
    """A table.  `align` holds "l" or "r" for each column; row `marked` stands out."""

    def line(cell: str, values: Sequence[str], class_name: str = "") -> Html:
        cells = [element(cell, v, attributes={"class": a}) for v, a in zip(values, align, strict=True)]
        return element("tr", *cells, attributes={"class": class_name} if class_name else None)

    body = [line("td", row, "marked" if i == marked else "") for i, row in enumerate(rows)]
    whole = element("table", element("thead", line("th", header)), element("tbody", *body))
    return element("div", whole, attributes={"class": "scroll"})


def definitions(pairs: Mapping[str, str], *, class_name: str = "") -> Html:
    """Terms and what they are, in their order."""
    items = [element("div", element("dt", term), element("dd", value)) for term, value in pairs.items()]
    return element("dl", *items, attributes={"class": class_name} if class_name else None)


def preformatted(text: str) -> Html:
    return element("pre", element("code", text), attributes={"class": "scroll"})


def figure(drawn: plots.Figure, *, name: str, caption: str) -> Html:
    """A figure in the page's own colours with its caption; `name` is unique in the page."""
    svg = plots.embed_svg(drawn, name=name)
    label = html.escape(caption)
    svg = svg.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)
    return element("figure", Html(svg), element("figcaption", caption))


def image(path: Path, *, caption: str) -> Html:
    """A PNG file in the page itself, with its caption."""
    source = f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"
    drawn = Html(f'<img src="{source}" alt="{html.escape(caption)}">')
    return element("figure", drawn, element("figcaption", caption))


def document(title: str, body: Html) -> str:
    """A whole page that needs nothing else, with the style sheet in it."""
    style = files("jaxnn.report").joinpath("style.css").read_text(encoding="utf-8")
    head = join(
        Html('<meta charset="utf-8">\n<meta name="viewport" content="width=device-width, initial-scale=1">\n'),
        Html('<meta name="color-scheme" content="light dark">\n'),
        element("title", title),
        element("style", Html(f"\n{style}")),
    )
    body = element("body", Html("\n"), element("main", body), Html("\n"))
    return f'<!doctype html>\n<html lang="en">\n{element("head", head)}\n{body}\n</html>\n'
