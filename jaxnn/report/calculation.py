"""The page and the Markdown text of an answer that is calculated, with no study behind it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxnn import plots
from jaxnn.report.html import document, element, figure, join, paragraph, section
from jaxnn.report.markdown import note_blocks, write_blocks
from jaxnn.report.origin import measured_by, setup_section
from jaxnn.report.overview import notes_section


def write_calculation(
    directory: Path,
    *,
    title: str,
    question: str,
    notes: Sequence[str] = (),
    tables: Sequence[tuple[str, str]] = (),
    figures: Sequence[tuple[str, plots.Figure]] = (),
    about: Mapping[str, Any],
) -> None:
    """Write `report.html`, one file that needs nothing else, and `summary.md`.

    Args:
        directory: where; it exists.
        title: name of the experiment.
        question: what it asks.
        notes: the answer, in sentences.
        tables: (heading, text table).
        figures: (caption, figure).
        about: `command`, `device`, `date`, `commit` and `versions`, as far as they are known.
    """
    drawn = [figure(one, name=f"figure-{i}", caption=caption) for i, (caption, one) in enumerate(figures)]
    body = join(
        element("header", element("h1", title), paragraph(question, class_name="question")),
        notes_section("Answer", notes, tables),
        section("Figures", *drawn) if drawn else "",
        setup_section(about),
    )
    (directory / "report.html").write_text(document(title, body), encoding="utf-8")
    blocks = [f"# {title}", question, *note_blocks(notes, tables), measured_by(about, verb="Calculated")]
    write_blocks(directory / "summary.md", blocks)
