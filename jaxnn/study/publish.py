"""What a study leaves behind: config.json, the lines of the log, figures and the report."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import xarray as xr

from jaxnn import plots, stats
from jaxnn.models import Activation, Conv, Dense, Network, summary
from jaxnn.report import write_report
from jaxnn.study.outcome import Outcome
from jaxnn.study.plan import Plan, Setting
from jaxnn.study.rundir import log_line
from jaxnn.study.sweep import sweepable
from jaxnn.study.training import Progress


class About(NamedTuple):
    """What a study is called and asks."""

    name: str
    question: str


class Analysis(NamedTuple):
    """What somebody made of an outcome, to stand in its report."""

    notes: Sequence[str] = ()
    figures: Sequence[tuple[str, str, plots.Figure]] = ()  # (file name, caption, figure)


def describe_study(about: About, plan: Plan, surroundings: Mapping[str, Any]) -> dict[str, Any]:
    """The content of config.json: everything needed to run the study again, and to know whether it is the same."""
    hashes = {program.data.info.name: program.data.info.sha256 for program in plan.programs}
    return {
        "experiment": about.name,
        "question": about.question,
        "config": plan.config,
        "sweep": plan.sweep,
        "seeds": plan.seeds,
        "data_sha256": hashes,
        **surroundings,
    }


def describe_results(about: About, outcome: Outcome, surroundings: Mapping[str, Any]) -> xr.Dataset:
    """The results with the attributes that a report, or a reader years later, needs."""
    plan, trained, results = outcome.plan, outcome.trained, outcome.results
    best = stats.select(results, results.attrs["monitor"], results.attrs["mode"])
    return results.assign_attrs(
        experiment=about.name,
        question=about.question,
        selected=json.dumps(best.setting if best else {}),
        selected_on=results.attrs["monitor"],
        final=plan.config.final,
        compile_seconds=sum(one.compile_seconds for one in trained),
        run_seconds=sum(one.run_seconds for one in trained),
        num_programs=len(plan.programs),
        num_members=len(plan.settings) * len(plan.seeds),
        device=surroundings["device"],
        date=surroundings["date"],
        versions=json.dumps(surroundings["versions"]),
        command=surroundings["command"],
    )


def log_lines(plan: Plan, chunk: Progress) -> list[str]:
    """The lines of log.jsonl for a chunk: one for each record and member."""
    program = plan.programs[chunk.program]
    names = list(plan.sweep)
    lines = []
    for record in range(chunk.first, chunk.last):
        for member in range(len(chunk.stopped_at)):
            position, seed = divmod(member, len(plan.seeds))
            setting = plan.settings[program.settings[position]]
            row = {name: float(values[member, record]) for name, values in chunk.history.items()}
            place = {name: setting_value(setting, name) for name in names}
            epoch = (record + 1) * program.recipe.run.eval_every
            lines.append(log_line({**place, "seed": plan.seeds[seed], "epoch": epoch, **row}))
    return lines


def setting_value(setting: Setting, name: str) -> Any:
    """The value a setting has for a swept field."""
    return getattr(getattr(setting.config, sweepable()[name]), name)


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
