"""The figures and the report of a study."""

from pathlib import Path

from jaxnn import plots
from jaxnn.models import Activation, Conv, Dense, Network, summary
from jaxnn.report import write_report
from jaxnn.study.describe import Analysis
from jaxnn.study.outcome import Outcome
from jaxnn.study.plan import Plan


def publish(outcome: Outcome, analysis: Analysis, directory: Path) -> None:
    """Write the figures and the report of an outcome whose results have been described."""
    results, plan = outcome.results, outcome.plan
    figures = {name: figure for name, _, figure in analysis.figures}
    for metric in ("val_loss", "val_accuracy"):
        if metric in results:
            figures[metric] = plots.plot_curves(results, metric)
    for name, figure in figures.items():
        plots.save_figure(figure, directory / "figures" / f"{name}.png")
    summaries = {
        _network_name(program.recipe.model): summary(program.recipe.model, program.data.info.input_shape)
        for program in plan.programs
    }
    write_report(
        directory / "report.html",
        results,
        setup=_setup(plan),
        summaries=list(summaries.items()),
        figures=[(caption, figure) for _, caption, figure in analysis.figures],
        notes=analysis.notes,
    )


def _network_name(model: Network) -> str:
    words = []
    for layer in model.layers:
        if isinstance(layer, Dense | Conv):
            words.append(str(layer.features))
        elif isinstance(layer, Activation):
            words.append(layer.function)
    return " - ".join(words)


def _setup(plan: Plan) -> dict[str, str]:
    config, info = plan.config, plan.programs[0].data.info
    data = plan.programs[0].data
    sizes = f"{len(data.train.x):,} / {len(data.validation.x):,} / {len(data.test.x):,}"
    training = config.training
    return {
        "data": f"{info.name}: {info.source}",
        "training / validation / test": sizes,
        "model": config.model.model,
        "optimizer": f"{training.optimizer}, {training.schedule} learning rate {config.hparams.learning_rate:g}",
        "batch": str(training.batch_size),
        "epochs": str(training.epochs),
        "swept": "; ".join(f"{name}: {', '.join(map(str, values))}" for name, values in plan.sweep.items()),
    }
