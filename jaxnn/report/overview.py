"""The frame of a report: its headline numbers, the set-up, and where the time went."""

from collections.abc import Mapping, Sequence
from typing import Any

from jaxnn import stats
from jaxnn.labels import (
    count_label,
    duration_label,
    field_label,
    is_share,
    metric_label,
    metric_value,
    setting_label,
    value_label,
)
from jaxnn.report.findings import Findings, seed_interval
from jaxnn.report.html import Html, definitions, element, join, preformatted, section
from jaxnn.report.origin import setup_section


def tiles(findings: Findings) -> Html:
    """The few numbers to see first."""
    ds, shown = findings.ds, {}
    if findings.chosen:
        if findings.problem_axes and not is_share(findings.metric):
            shown["Settings"] = f"{len(findings.ranking):,}"  # the losses of different problems have no best
        else:
            if findings.chosen.setting:
                label = "Best of all" if findings.problem_axes else "Selected"
                shown[label] = setting_label(findings.chosen.setting)
            interval = findings.chosen.interval
            over = ", mean of the folds" if findings.over_folds else ""
            name = f"{metric_label(findings.metric).capitalize()}{over}"
            shown[name] = metric_value(findings.metric, interval.mean)
    for metric in ("test_accuracy", "test_loss"):
        if metric in ds and len(shown) < 3:
            shown[metric_label(metric).capitalize()] = metric_value(metric, seed_interval(ds, metric).mean)
    seconds = _seconds(ds.attrs)
    trained = count_label(findings.num_members, "network")
    shown["Trained"] = f"{trained} in {duration_label(sum(seconds.values()))}" if seconds else trained
    return definitions(shown, class_name="tiles")


def study_setup(findings: Findings, setup: Mapping[str, str]) -> Html:
    """What was run, on what, and the command that runs it again."""
    ds = findings.ds
    pairs = {name[:1].upper() + name[1:]: value for name, value in setup.items()}
    for dim in stats.setting_dims(ds):
        values = ds[dim].values.tolist()
        pairs[f"{field_label(dim).capitalize()} (swept)"] = ", ".join(map(value_label, values))
    known = {
        "Seeds": str(ds.sizes["seed"]) + (" for each setting" if stats.setting_dims(ds) else ""),
        "Epochs": str(int(ds["epoch"].max())),
        "Selected on": f"{metric_label(findings.metric)} ({findings.mode}), at each seed's best epoch",
    }
    return setup_section(ds.attrs, pairs | {name: value for name, value in known.items() if name not in pairs})


def notes_section(heading: str, notes: Sequence[str], tables: Sequence[tuple[str, str]]) -> Html:
    """Sentences as a list, then (heading, text table) pairs; nothing without any."""
    listed = [element("ul", *(element("li", note) for note in notes))] if notes else []
    parts = [*listed, *(join(element("h3", name), preformatted(text)) for name, text in tables)]
    return section(heading, *parts) if parts else Html("")


def time_section(findings: Findings) -> Html:
    """Wall time, compiling and running apart."""
    attrs, seconds = findings.ds.attrs, _seconds(findings.ds.attrs)
    if not seconds:
        return Html("")
    total = sum(seconds.values()) or 1.0
    bar = [
        element("span", attributes={"class": name, "style": f"flex-grow: {value / total:.4f}"})
        for name, value in seconds.items()
    ]
    rows: dict[str, str] = {
        join(element("span", attributes={"class": f"swatch {name}"}), name.capitalize()): duration_label(value)
        for name, value in seconds.items()
    }
    if "num_programs" in attrs:
        rows["Programs compiled"] = str(attrs["num_programs"])
    rows["Networks trained"] = f"{findings.num_members:,}"
    rows["Running time per network"] = duration_label(seconds.get("run", 0.0) / findings.num_members)
    return section(
        "Wall time",
        element("div", *bar, attributes={"class": "bar"}),
        definitions(rows, class_name="setup"),
    )


def _seconds(attrs: Mapping[Any, Any]) -> dict[str, float]:
    names = {"compile": "compile_seconds", "run": "run_seconds"}
    return {name: float(attrs[key]) for name, key in names.items() if key in attrs}
