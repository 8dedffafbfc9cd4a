"""The page of a study: its sections in their order, in one file."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import xarray as xr

from jaxnn import plots
from jaxnn.report import overview, results
from jaxnn.report.answer import answer_sentences
from jaxnn.report.findings import gather
from jaxnn.report.html import Html, document, element, figure, join, paragraph, preformatted, section


def write_report(
    path: str | Path,
    ds: xr.Dataset,
    *,
    title: str | None = None,
    question: str | None = None,
    setup: Mapping[str, str] | None = None,
    summaries: Sequence[tuple[str, str]] = (),
    figures: Sequence[tuple[str, plots.Figure]] = (),
    notes: Sequence[str] = (),
    tables: Sequence[tuple[str, str]] = (),
    inside: Sequence[tuple[str, plots.Figure]] = (),
    drawn: Mapping[str, plots.Figure] | None = None,
) -> Path:
    """Write the report of a study as one HTML file that needs nothing else, neither network nor script.

    The learning curves, the comparison of the settings and the confusion matrix are drawn here, from `ds`, unless
    they are in `drawn`.

    Args:
        path: the file; its directory exists.
        ds: results of the study.
        title: the heading; None takes the name of the experiment from the results.
        question: what the study asks; None takes it from the results.
        setup: rows for the set-up table, such as the data set, the model and the optimizer.
        summaries: (name, text table) of networks.
        figures: (caption, figure), after those that every report has.
        notes: sentences that answer further questions, after the selection.
        tables: (heading, text table) that stand below the notes.
        inside: (caption, figure) of what was seen inside a network while it learned.
        drawn: figures of `ds` by name, a metric, "comparison" or "confusion".

    Returns:
        The path.
    """
    findings = gather(ds, drawn)
    title = str(ds.attrs.get("experiment", "Study")) if title is None else title
    question = str(ds.attrs.get("question", "")) if question is None else question
    extra = [figure(drawn, name=f"figure-{i}", caption=caption) for i, (caption, drawn) in enumerate(figures)]
    seen = [figure(drawn, name=f"inside-{i}", caption=caption) for i, (caption, drawn) in enumerate(inside)]
    networks = [
        element(
            "details", element("summary", name), preformatted(text), attributes={"open": ""} if i == 0 else None
        )
        for i, (name, text) in enumerate(summaries)
    ]
    body = join(
        element("header", element("h1", title), paragraph(question, class_name="question")),
        element("div", paragraph(" ".join(answer_sentences(findings))), attributes={"class": "answer"}),
        overview.tiles(findings),
        overview.study_setup(findings, setup or {}),
        results.curves_section(findings),
        results.settings_section(findings),
        results.comparison_section(findings),
        overview.notes_section("Further questions", notes, tables),
        results.test_section(findings),
        results.classes_section(findings),
        section("Figures", *extra) if extra else Html(""),
        section("Inside the network", *seen) if seen else Html(""),
        section("Networks", *networks) if networks else Html(""),
        overview.time_section(findings),
    )
    path = Path(path)
    path.write_text(document(title, body), encoding="utf-8")
    return path
