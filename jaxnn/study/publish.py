"""The figures and the report of a study."""

import dataclasses
import functools
from pathlib import Path
from typing import Any

import xarray as xr

from jaxnn import plots, stats
from jaxnn.labels import field_label, setting_label, value_label
from jaxnn.models import Activation, Conv, Dense, Network, summary
from jaxnn.report import write_report, write_summary
from jaxnn.study.board import Boards
from jaxnn.study.describe import Analysis
from jaxnn.study.inside import add_images, shown_strips
from jaxnn.study.outcome import Outcome
from jaxnn.study.plan import Plan, Setting
from jaxnn.study.sweep import SECTIONS, swept_value_coordinate


def publish(outcome: Outcome, analysis: Analysis, directory: Path, boards: Boards) -> None:
    """Write the figures, the summary and the report of an outcome whose results have been described.

    Of a monitored study also what was seen inside its networks: of all to `boards`, of one in a figure.
    """
    results, plan = outcome.results, outcome.plan
    standard = _standard_figures(results)
    inside = shown_strips(outcome)
    figures = {name: ("", figure) for name, figure in standard.items()}
    figures |= {name: (caption, figure) for name, caption, figure in analysis.figures} | inside
    add_images(outcome, boards)
    for earlier in (directory / "figures").glob("inside-*.png"):  # of another network, if the run was extended
        earlier.unlink()
    for name, (caption, figure) in figures.items():
        plots.save_figure(figure, directory / "figures" / f"{name}.png", caption=caption)
    write_summary(directory / "summary.md", results, notes=analysis.notes, tables=analysis.tables)
    write_report(
        directory / "report.html",
        results,
        setup=setup_rows(plan),
        summaries=network_summaries(plan),
        figures=[(caption, figure) for _, caption, figure in analysis.figures],
        notes=analysis.notes,
        tables=analysis.tables,
        inside=list(inside.values()),
        drawn=standard,
    )


def _standard_figures(results: xr.Dataset) -> dict[str, plots.Figure]:
    """The figures that every study has, by file name."""
    figures = {name: plots.plot_curves(results, name) for name in ("val_loss", "val_accuracy") if name in results}
    selected = stats.select(results, results.attrs["selected_on"], results.attrs["mode"])
    if selected is not None and selected.setting:
        figures["comparison"] = plots.plot_comparison(
            results, results.attrs["selected_on"], selected=selected.setting
        )
    if "confusion" in results:
        names = [str(name) for name in results["true"].values.tolist()]
        figures["confusion"] = plots.plot_confusion(results["confusion"].sum("seed").values, names)
    return figures


def network_summaries(plan: Plan) -> list[tuple[str, str]]:
    """A name and the table of every network of a study; where two have one name, with the setting of the first."""
    networks: dict[tuple, Setting] = {}
    for setting in plan.settings:
        networks.setdefault((setting.recipe.model, setting.data.info.input_shape), setting)
    tables: dict[str, Setting] = {}
    for (model, shape), setting in networks.items():
        tables.setdefault(summary(model, shape), setting)
    names = [_network_name(setting.recipe.model) for setting in tables.values()]
    named = []
    for name, (text, setting) in zip(names, tables.items(), strict=True):
        place = {axis: swept_value_coordinate(value) for axis, value in setting.place.items()}
        named.append((name if names.count(name) == 1 else f"{name} ({setting_label(place)})", text))
    return named


def _network_name(model: Network) -> str:
    words = []
    for layer in model.layers:
        if isinstance(layer, Dense | Conv):
            words.append(str(layer.features))
        elif isinstance(layer, Activation):
            words.append(layer.function)
    return " - ".join(words)


# Fields that a row of their own in the set-up, or another part of the report, speaks of.
_SAID = frozenset((
    "dataset", "data_dir", "path", "train", "validation", "test", "model", "optimizer", "learning_rate",
    "batch_size", "epochs", "select_on", "execution", "padding",
))  # fmt: skip


def setup_rows(plan: Plan) -> dict[str, str]:
    """Rows of the set-up table that the results do not hold themselves: what is the same for all settings.

    Of the many fields of a configuration those that are not as they usually are.
    """
    rows = {
        "Data": lambda one: f"{one.data.info.name}: {one.data.info.source}",
        "Training / validation / test": lambda one: (
            " / ".join(f"{len(split.x):,}" for split in (one.data.train, one.data.validation, one.data.test))
            + " examples"
        ),
        "Model": lambda one: one.config.model.model,
        "Optimizer": lambda one: one.config.training.optimizer,
        "Learning rate": lambda one: f"{one.config.hparams.learning_rate:g}",
        "Batch size": lambda one: str(one.config.training.batch_size),
    }
    for section in SECTIONS:
        usual = type(getattr(plan.config, section))()
        for field in dataclasses.fields(usual):
            if field.name not in _SAID:
                label = field_label(field.name).capitalize()
                rows[label] = functools.partial(_unusual, section, field.name, getattr(usual, field.name))
    found = {label: {text(setting) for setting in plan.settings} for label, text in rows.items()}
    return {label: text for label, (text, *others) in found.items() if text and not others}


def _unusual(section: str, field: str, usual: Any, setting: Setting) -> str:
    """The value of a field of a setting's configuration, or "" if it is the usual one."""
    value = getattr(getattr(setting.config, section), field)
    return "" if value == usual else value_label(swept_value_coordinate(value))
