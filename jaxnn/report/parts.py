"""The page above the reports of an experiment's parts, and the same as a short Markdown text."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import xarray as xr

from jaxnn.labels import count_label, duration_label
from jaxnn.report.answer import answer_sentences
from jaxnn.report.findings import Findings, gather
from jaxnn.report.html import Html, definitions, document, element, image, join, paragraph, section
from jaxnn.report.markdown import note_blocks, study_blocks, write_blocks
from jaxnn.report.origin import measured_by, setup_section


class PartReport(NamedTuple):
    """What a part found.

    name: the part's, and that of its directory, which stands beside the page.
    results: of its study.
    notes: sentences that answer further questions.
    tables: (heading, text table).
    figures: (caption, PNG file).
    """

    name: str
    results: xr.Dataset
    notes: Sequence[str] = ()
    tables: Sequence[tuple[str, str]] = ()
    figures: Sequence[tuple[str, Path]] = ()


def write_parts_report(
    path: str | Path, parts: Sequence[PartReport], *, title: str, question: str, about: Mapping[str, Any]
) -> Path:
    """Write the page of several studies: what each asks and found, and where its own report is.

    Args:
        path: the file; the directories of the parts are beside it.
        parts: in their order.
        title: name of the experiment.
        question: what the experiment asks.
        about: `command`, `device`, `date`, `commit` and `versions`, as far as they are known.

    Returns:
        The path.
    """
    findings = [gather(part.results) for part in parts]
    compiling, running, networks = _totals(findings)
    shown = {
        "Parts": str(len(parts)),
        "Networks": f"{networks:,}",
        "Compiling": duration_label(compiling),
        "Training": duration_label(running),
    }
    body = join(
        element("header", element("h1", title), paragraph(question, class_name="question")),
        definitions(shown, class_name="tiles"),
        *(_part_section(part, found, question) for part, found in zip(parts, findings, strict=True)),
        setup_section(about),
    )
    path = Path(path)
    path.write_text(document(title, body), encoding="utf-8")
    return path


def write_parts_summary(
    path: str | Path, parts: Sequence[PartReport], *, title: str, question: str, about: Mapping[str, Any]
) -> Path:
    """Write what `write_parts_report` shows as Markdown, with the tables and without the figures."""
    findings = [gather(part.results) for part in parts]
    compiling, running, networks = _totals(findings)
    blocks = [f"# {title}", question]
    for part, found in zip(parts, findings, strict=True):
        blocks += [f"## {part.name}", _question_of(part, question)]
        blocks += [*study_blocks(found), *note_blocks(part.notes, part.tables)]
    total = (
        f"{count_label(networks, 'network')}, {duration_label(compiling)} compiling and "
        f"{duration_label(running)} training"
    )
    return write_blocks(path, [*blocks, measured_by(about, total)])


def _part_section(part: PartReport, findings: Findings, question: str) -> Html:
    (compiling, running, networks), asked = _totals([findings]), _question_of(part, question)
    link = element("a", f"Full report of {part.name}", attributes={"href": f"{part.name}/report.html"})
    time = f"{count_label(networks, 'network')} in {duration_label(compiling + running)}.  "
    return section(
        part.name,
        paragraph(asked, class_name="question") if asked else "",
        element("div", paragraph(" ".join(answer_sentences(findings))), attributes={"class": "answer"}),
        element("ul", *(element("li", note) for note in part.notes)) if part.notes else "",
        *(image(file, caption=caption) for caption, file in part.figures),
        paragraph(time, link),
    )


def _question_of(part: PartReport, question: str) -> str:
    """What a part asks, where that is not what the experiment asks."""
    asked = str(part.results.attrs.get("question", ""))
    return "" if asked == question else asked


def _totals(findings: Sequence[Findings]) -> tuple[float, float, int]:
    """Seconds of compiling and of training, and the number of networks."""
    attrs = [found.ds.attrs for found in findings]
    seconds = (sum(float(one.get(f"{name}_seconds", 0.0)) for one in attrs) for name in ("compile", "run"))
    return *seconds, sum(found.num_members for found in findings)  # type: ignore[return-value]
