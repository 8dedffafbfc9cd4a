"""The findings of a study as a short Markdown text, for a README or a page of results."""

from collections.abc import Sequence
from pathlib import Path

import xarray as xr

from jaxnn import stats
from jaxnn.labels import (
    duration_label,
    field_label,
    interval_label,
    metric_label,
    metric_value,
    seeds_label,
    value_label,
)
from jaxnn.report.answer import answer_sentences
from jaxnn.report.findings import Findings, each_test_interval, each_tested, gather
from jaxnn.report.origin import measured_by


def write_summary(
    path: str | Path, ds: xr.Dataset, *, notes: Sequence[str] = (), tables: Sequence[tuple[str, str]] = ()
) -> Path:
    """Write the answer, the table of the settings and what it was measured with.

    Args:
        path: the file; its directory exists.
        ds: results of the study.
        notes: sentences that answer further questions.
        tables: (heading, text table).

    Returns:
        The path.
    """
    findings = gather(ds)
    title, question = f"# {ds.attrs.get('experiment', 'Study')}", str(ds.attrs.get("question", ""))
    blocks = [title, question, *study_blocks(findings), *note_blocks(notes, tables), provenance(findings)]
    return write_blocks(path, blocks)


def write_blocks(path: str | Path, blocks: Sequence[str]) -> Path:
    """Write blocks of text with a line between them, without those that are empty."""
    path = Path(path)
    path.write_text("\n\n".join(block for block in blocks if block) + "\n", encoding="utf-8")
    return path


def study_blocks(findings: Findings) -> list[str]:
    """The answer of a study, and the table of its settings."""
    return [" ".join(answer_sentences(findings)), _folds_table(findings), _settings_table(findings)]


def note_blocks(notes: Sequence[str], tables: Sequence[tuple[str, str]]) -> list[str]:
    """Sentences as a list, and (heading, text table) pairs."""
    listed = "\n".join(f"- {note}" for note in notes)
    return [listed, *(f"{heading}:\n\n```\n{text}\n```" for heading, text in tables)]


def _folds_table(findings: Findings) -> str:
    """The settings of a cross-validation by their means over the folds; nothing of other studies."""
    if not findings.over_folds:
        return ""
    metric = findings.metric
    fields = [field_label(dim) for dim in findings.over_folds[0].setting]
    numbers = [f"{metric_label(metric)}, mean of the folds", "95% interval", "folds", "diverged"]
    rows = [[*fields, *numbers], ["---"] * len(fields) + ["---:"] * len(numbers)]
    for result in findings.over_folds:
        names = [_cell(value_label(value)) for value in result.setting.values()]
        cells = _interval_cells(metric, result.interval)
        rows.append([*names, *cells, str(result.interval.n), str(result.diverged)])
    return _markdown(rows)


def _settings_table(findings: Findings) -> str:
    metric = findings.metric
    fields = [field_label(dim) for dim in stats.setting_dims(findings.ds)]
    tested = each_tested(findings.ds)
    numbers = [f"{metric_label(metric)}, best epochs", "95% interval", "n", "diverged"]
    for name in tested:
        numbers += [metric_label(name.removeprefix("each_")), "95% interval"]
    rows = [[*fields, *numbers], ["---"] * len(fields) + ["---:"] * len(numbers)]
    for result in findings.ranking:
        cells = [*_interval_cells(metric, result.interval), str(result.interval.n), str(result.diverged)]
        for name in tested:
            cells += _interval_cells(name, each_test_interval(findings.ds, name, result.setting))
        rows.append([*(_cell(value_label(value)) for value in result.setting.values()), *cells])
    return _markdown(rows)


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cell(text: str) -> str:
    """A cell of a table: a bar in it, or the end of a line, would end it."""
    return " ".join(text.replace("|", "\\|").split("\n"))


def _interval_cells(metric: str, interval: stats.Interval) -> list[str]:
    return [metric_value(metric, interval.mean), interval_label(metric, interval.low, interval.high)]


def provenance(findings: Findings) -> str:
    """The command, seeds, time, date, source and versions behind the numbers, as far as the results know them."""
    attrs, facts = findings.ds.attrs, [seeds_label(findings.ds["seed"].values.tolist())]
    if "compile_seconds" in attrs and "run_seconds" in attrs:
        compiling, running = (float(attrs[f"{name}_seconds"]) for name in ("compile", "run"))
        facts.append(f"{duration_label(compiling)} compiling and {duration_label(running)} training")
    return measured_by(attrs, *facts)
