"""The command that trains: `jaxnn run EXPERIMENT`, which is also what `python experiments/NAME.py` does."""

import argparse
import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

import tyro

from jaxnn import runtime
from jaxnn.cli.parse import leading_name, parse
from jaxnn.discover import experiment_files, load_experiment
from jaxnn.errors import InputError, unknown
from jaxnn.experiment import Experiment
from jaxnn.study import CheckpointConfig, StudyConfig, run_study
from jaxnn.study.rundir import default_output
from jaxnn.study.sweep import parse_sweep


@dataclasses.dataclass(frozen=True)
class RunFlags:
    """Train the study of an experiment: what it sweeps and its configuration, field by field."""

    config: StudyConfig
    preset: Literal["quick", "cpu", "full"] = "cpu"
    """Size of the study: quick (seconds, bundled data), cpu (minutes on two cores), full (an accelerator)."""
    sweep: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """A field and its values, such as `learning_rate=1e-3,1e-2`; repeat it for a grid.  It joins what the preset
    sweeps, or replaces it where the field is the same; `--sweep none` drops the preset's sweep."""
    output: Path | None = None
    """Directory of the run; default: a new one under `runs/`."""
    resume: bool = False
    """Continue the run in that directory, if there is one; more `--epochs` than it had extend it."""
    overwrite: bool = False
    """Replace an earlier run in that directory."""
    checkpoints: CheckpointConfig = CheckpointConfig()
    platform: Literal["cpu", "cuda", "tpu"] | None = None
    """Where to run; default: the best there is."""
    cpu_devices: int | None = None
    """XLA devices a CPU is divided into, over which members are spread; default: one a core."""
    deterministic: bool = False
    """The same bits every time on a GPU too, at some cost in speed; on CPU they always are."""
    debug: bool = False
    """Show tracebacks; make silent broadcasts errors."""


def run_named(arguments: Sequence[str]) -> int:
    """`jaxnn run NAME ...`."""
    files = experiment_files()
    name, rest = leading_name(arguments, "experiment", files, "run")
    return 0 if name is None else run_command(load_experiment(files[name]), rest)


def run_command(experiment: Experiment, arguments: Sequence[str]) -> int:
    """`jaxnn run EXPERIMENT ...` for an experiment in hand; returns the exit status."""
    finder = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    finder.add_argument("--preset", default="cpu", nargs="?", const="")
    preset = finder.parse_known_args(arguments)[0].preset
    if preset not in experiment.presets:
        raise unknown("preset", preset, experiment.presets)
    chosen = experiment.presets[preset]
    flags = parse(RunFlags, RunFlags(chosen.config, preset=preset), arguments, prog=f"jaxnn run {experiment.name}")
    sweep = _choose_sweep(chosen.sweep, flags.sweep, arguments)
    runtime.start(
        platform=flags.platform, cpu_devices=flags.cpu_devices, debug=flags.debug, deterministic=flags.deterministic
    )
    directory = flags.output or default_output(experiment.name, datetime.now())
    run_study(
        flags.config,
        sweep,
        name=experiment.name,
        question=experiment.question,
        analyse=experiment.analyse,
        output=directory,
        resume=flags.resume,
        overwrite=flags.overwrite,
        checkpoints=flags.checkpoints,
    )
    print(f"report: {directory / 'report.html'}")
    return 0


def _choose_sweep(preset: Mapping[str, Sequence], words: Sequence[str], arguments: Sequence[str]) -> dict:
    """The preset's sweep with what the command line says of it; a field given a value of its own is not swept."""
    flags = [argument.partition("=")[0] for argument in arguments if argument.startswith("--")]
    given = {flag.removeprefix("--").replace("-", "_") for flag in flags}
    swept = parse_sweep([word for word in words if word != "none"])
    for name in swept:
        if name in given:
            raise InputError(f"`{name}` is swept and given one value too: leave out one of them.")
    kept = {} if "none" in words else {name: values for name, values in preset.items() if name not in given}
    return {**kept, **swept}
