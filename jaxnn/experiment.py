"""An experiment: a question, the studies that answer it at three sizes, and what is made of their results."""

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from jaxnn import plots, rundir, stats
from jaxnn.config import StudyConfig
from jaxnn.data import merge
from jaxnn.models import summary
from jaxnn.progress import ProgressLine
from jaxnn.report import write_report
from jaxnn.results import make_dataset, members_of, save_dataset, selected_setting, test_variables
from jaxnn.run import RunConfig
from jaxnn.study import Plan, Progress, Setting, TrainedProgram, plan_study, predict_members, train_program
from jaxnn.types import Params


class Study(NamedTuple):
    """A configuration and the fields that are swept."""

    config: StudyConfig
    sweep: Mapping[str, Sequence[Any]]


class Outcome(NamedTuple):
    """Everything that is known when a study is over; what an experiment's `analyse` is given.

    `final` holds the members that met the test set, (recipe's program, params and batch_stats); None if there was
    no test set, or every member diverged.
    """

    plan: Plan
    trained: list[TrainedProgram]
    results: xr.Dataset
    final: tuple[Params, Params] | None


class Analysis(NamedTuple):
    """What an experiment adds to its report."""

    notes: Sequence[str] = ()
    figures: Sequence[tuple[str, str, plots.Figure]] = ()  # (file name, caption, figure)


@dataclasses.dataclass(frozen=True)
class Experiment:
    """One file of `experiments/`: its name, its question and its presets."""

    name: str
    question: str
    presets: Mapping[str, Study]
    """quick (seconds, bundled data), cpu (minutes on two cores), full (an accelerator)."""
    analyse: Callable[[Outcome], Analysis] = lambda outcome: Analysis()


def run_experiment(
    experiment: Experiment, study: Study, *, output: Path | None = None, overwrite: bool = False
) -> tuple[Outcome, Path]:
    """Train a study of an experiment and write everything about it into a directory.

    Args:
        experiment: whose question is asked.
        study: one of its presets, perhaps changed.
        output: the directory; None makes one under `runs/`.
        overwrite: replace an earlier run there.

    Returns:
        The outcome and the directory.

    Raises:
        InputError: anything wrong with the study or the directory, before anything is written.
    """
    plan = plan_study(study.config, study.sweep)
    path = output or rundir.default_output(experiment.name, datetime.now())
    rundir.claim(path, overwrite=overwrite)
    about = rundir.environment()
    rundir.write_json(path / "config.json", _describe(experiment, plan, about))
    with ProgressLine() as progress, (path / "log.jsonl").open("w", encoding="utf-8") as log:

        def observe(plan: Plan, chunk: Progress) -> None:
            progress(plan, chunk)
            log.writelines(_log_lines(plan, chunk))
            log.flush()

        trained = []
        for position in range(len(plan.programs)):
            progress.announce(f"compiling program {position + 1} of {len(plan.programs)}")
            trained.append(train_program(plan, position, observe=observe))
        progress.announce("testing the selected setting")
        outcome = conclude(plan, trained, observe=progress)
    outcome = outcome._replace(results=outcome.results.assign_attrs(_attributes(experiment, outcome, about)))
    save_dataset(outcome.results, path / "results.nc")
    _write_report(experiment, outcome, path)
    rundir.complete(path)
    return outcome, path


def conclude(plan: Plan, trained: list[TrainedProgram], *, observe: Callable[[Plan, Progress], None]) -> Outcome:
    """Select a setting on validation data, and use the test set once, on its members."""
    results = make_dataset(plan, trained)
    setting = selected_setting(plan, results)
    if setting is None:
        return Outcome(plan, trained, results, None)
    one, members = members_of(plan, trained, setting)
    if not len(one.program.data.test.x):
        return Outcome(plan, trained, results, None)
    recipe, data = one.program.recipe, one.program.data
    variables = tuple(_slice(tree, members) for tree in one.best)
    if plan.config.final == "retrain":
        again = _retraining(plan, setting, int(np.median(one.best_epoch[members])))
        retrained = train_program(again, 0, observe=observe)
        variables = retrained.last
    outputs = predict_members(recipe, variables, data.test.x)
    results = results.merge(test_variables(recipe, data, outputs, plan.seeds), combine_attrs="override")
    return Outcome(plan, trained, results, variables)


def _retraining(plan: Plan, setting: int, epochs: int) -> Plan:
    """The plan that trains one setting on training and validation data together, for so many epochs."""
    chosen = plan.settings[setting]
    program = next(p for p in plan.programs if setting in p.settings)
    run: RunConfig = dataclasses.replace(
        chosen.recipe.run, epochs=epochs, eval_every=_divisor(epochs, chosen), patience=None, monitor="train_loss"
    )
    recipe = dataclasses.replace(chosen.recipe, run=run)
    again = program._replace(recipe=recipe, data=merge(program.data), settings=(0,))
    return plan._replace(settings=[chosen._replace(recipe=recipe)], programs=[again], sweep={})


def _divisor(epochs: int, setting: Setting) -> int:
    every = setting.recipe.run.eval_every
    return every if epochs % every == 0 else 1


def _slice(tree: Params, members: slice) -> Params:
    import jax

    return jax.tree.map(lambda leaf: leaf[members], tree)


def _describe(experiment: Experiment, plan: Plan, about: Mapping[str, Any]) -> dict[str, Any]:
    """The content of config.json."""
    hashes = {program.data.info.name: program.data.info.sha256 for program in plan.programs}
    return {
        "experiment": experiment.name,
        "config": plan.config,
        "sweep": plan.sweep,
        "seeds": plan.seeds,
        "data_sha256": hashes,
        **about,
    }


def _attributes(experiment: Experiment, outcome: Outcome, about: Mapping[str, Any]) -> dict[str, Any]:
    plan, trained, results = outcome.plan, outcome.trained, outcome.results
    best = stats.select(results, results.attrs["monitor"], results.attrs["mode"])
    return {
        "experiment": experiment.name,
        "question": experiment.question,
        "selected": json.dumps(best.setting if best else {}),
        "selected_on": results.attrs["monitor"],
        "final": plan.config.final,
        "compile_seconds": sum(one.compile_seconds for one in trained),
        "run_seconds": sum(one.run_seconds for one in trained),
        "num_programs": len(plan.programs),
        "num_members": len(plan.settings) * len(plan.seeds),
        "device": about["device"],
        "date": about["date"],
        "versions": json.dumps(about["versions"]),
        "command": about["command"],
    }


def _log_lines(plan: Plan, chunk: Progress) -> list[str]:
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
            lines.append(rundir.log_line({**place, "seed": plan.seeds[seed], "epoch": epoch, **row}))
    return lines


def setting_value(setting: Setting, name: str) -> Any:
    """The value a setting has for a swept field."""
    from jaxnn.sweep import sweepable

    return getattr(getattr(setting.config, sweepable()[name]), name)


def _write_report(experiment: Experiment, outcome: Outcome, path: Path) -> None:
    results, plan = outcome.results, outcome.plan
    analysis = experiment.analyse(outcome)
    for name, _, figure in analysis.figures:
        plots.save_figure(figure, path / "figures" / f"{name}.png")
    for metric in ("val_loss", "val_accuracy"):
        if metric in results:
            plots.save_figure(plots.plot_curves(results, metric), path / "figures" / f"{metric}.png")
    summaries = {
        _network_name(program.recipe.model): summary(program.recipe.model, program.data.info.input_shape)
        for program in plan.programs
    }
    write_report(
        path / "report.html",
        results,
        setup=_setup(plan),
        summaries=list(summaries.items()),
        figures=[(caption, figure) for _, caption, figure in analysis.figures],
        notes=analysis.notes,
    )


def _network_name(model) -> str:
    from jaxnn.models import Activation, Conv, Dense

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
