"""The figures and the report of a study."""

from pathlib import Path

import xarray as xr

from jaxnn import plots, stats
from jaxnn.models import Activation, Conv, Dense, Network, summary
from jaxnn.report import write_report, write_summary
from jaxnn.study.describe import Analysis
from jaxnn.study.outcome import Outcome
from jaxnn.study.plan import Plan
from jaxnn.study.sweep import swept_fields


def publish(outcome: Outcome, analysis: Analysis, directory: Path) -> None:
    """Write the figures, the summary and the report of an outcome whose results have been described."""
    results, plan = outcome.results, outcome.plan
    figures = {**_standard_figures(results), **{name: figure for name, _, figure in analysis.figures}}
    for name, figure in figures.items():
        plots.save_figure(figure, directory / "figures" / f"{name}.png")
    write_summary(directory / "summary.md", results, notes=analysis.notes, tables=analysis.tables)
    summaries = {
        _network_name(setting.recipe.model): summary(setting.recipe.model, setting.data.info.input_shape)
        for setting in plan.settings
    }
    write_report(
        directory / "report.html",
        results,
        setup=_setup(plan),
        summaries=list(summaries.items()),
        figures=[(caption, figure) for _, caption, figure in analysis.figures],
        notes=analysis.notes,
        tables=analysis.tables,
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


def _network_name(model: Network) -> str:
    words = []
    for layer in model.layers:
        if isinstance(layer, Dense | Conv):
            words.append(str(layer.features))
        elif isinstance(layer, Activation):
            words.append(layer.function)
    return " - ".join(words)


def _setup(plan: Plan) -> dict[str, str]:
    """Rows of the set-up table that the results do not hold themselves; what is swept has rows of its own there."""
    config, data = plan.config, plan.settings[0].data
    training = config.training
    rows = {
        "dataset": ("Data", f"{data.info.name}: {data.info.source}"),
        "sizes": (
            "Training / validation / test",
            f"{len(data.train.x):,} / {len(data.validation.x):,} / {len(data.test.x):,} examples",
        ),
        "model": ("Model", config.model.model),
        "optimizer": ("Optimizer", training.optimizer),
        "learning_rate": ("Learning rate", f"{config.hparams.learning_rate:g}, {training.schedule}"),
        "batch_size": ("Batch size", str(training.batch_size)),
    }
    swept = {field for name, axis in plan.sweep.items() for field in swept_fields(name, axis)}
    return {label: text for field, (label, text) in rows.items() if field not in swept}
