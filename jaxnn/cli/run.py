"""The command that trains: `jaxnn run EXPERIMENT`, which is also what `python experiments/NAME.py` does."""

import argparse
import dataclasses
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import tyro

from jaxnn import runtime
from jaxnn.calculation import run_calculation
from jaxnn.cli.dry_run import print_costs
from jaxnn.cli.parse import flag_types, leading_name, parse
from jaxnn.discover import experiment_files, load_experiment
from jaxnn.errors import InputError, unknown
from jaxnn.experiment import Calculation, Experiment, Preset, analysis_of
from jaxnn.parts import Part, plan_parts, run_parts
from jaxnn.study import CheckpointConfig, StudyConfig, plan_study, run_study
from jaxnn.study.board import check_files
from jaxnn.study.rundir import output_directory
from jaxnn.study.sweep import parse_sweep

Size = Literal["quick", "cpu", "full"]


@dataclasses.dataclass(frozen=True)
class RunFlags:
    """Train the study of an experiment, or its parts: what is swept and the configuration, field by field."""

    config: StudyConfig
    preset: Size = "cpu"
    """Size of the study: quick (seconds, bundled data), cpu (minutes on two cores), full (an accelerator)."""
    part: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """A part of an experiment of several studies; repeat it for more of them.  Default: all."""
    sweep: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """A field and its values, such as `learning_rate=1e-3,1e-2`; repeat it for a grid.  It joins what the preset
    sweeps, or replaces it where the field is the same; of variants that the preset names it takes some, such as
    `network=relu-adam`; `--sweep none` drops the preset's sweep."""
    output: Path | None = None
    """Directory of the run; default: a new one under `runs/`."""
    resume: bool = False
    """Continue the run in that directory, if there is one; more `--epochs` than it had extend it."""
    overwrite: bool = False
    """Replace an earlier run in that directory."""
    dry_run: bool = False
    """Say what would be trained, and what it takes (programs, steps, operations, memory), and stop; on this machine
    or a larger one."""
    checkpoints: CheckpointConfig = CheckpointConfig()
    platform: Literal["cpu", "cuda", "tpu"] | None = None
    """Where to run; default: the best there is."""
    cpu_devices: int | None = None
    """XLA devices a CPU is divided into, over which members are spread; default: one a core."""
    deterministic: bool = False
    """The same bits every time on a GPU too, at some cost in speed; on CPU they always are."""
    debug: bool = False
    """Show tracebacks; make silent broadcasts errors."""


@dataclasses.dataclass(frozen=True)
class CalculationFlags:
    """Calculate the answer of an experiment in which nothing is trained."""

    preset: Size = "cpu"
    """Size of the calculation."""
    output: Path | None = None
    """Directory of the run; default: a new one under `runs/`."""
    overwrite: bool = False
    """Replace an earlier run in that directory."""
    platform: Literal["cpu", "cuda", "tpu"] | None = None
    """Where to run; default: the best there is."""
    debug: bool = False
    """Show tracebacks."""


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
    if isinstance(chosen, Preset):
        directory = _run_study(experiment, preset, chosen, arguments)
    elif isinstance(chosen, Mapping):
        directory = _run_parts(experiment, preset, chosen, arguments)
    else:
        directory = _calculate(experiment, preset, chosen, arguments)
    if directory is not None:
        print_places(directory)
    return 0


def print_places(directory: Path) -> None:
    """Say where the report of a run is, and how to look at what a monitored one recorded."""
    print(f"report: {directory / 'report.html'}")
    recorded = sorted(directory.glob("**/tensorboard"))
    if recorded:
        folder = recorded[0] if len(recorded) == 1 else directory
        print(f"inside the networks: `tensorboard --logdir {folder}`")


def _run_study(experiment: Experiment, preset: Size, chosen: Preset, arguments: Sequence[str]) -> Path | None:
    """Train a single study; its directory, None where nothing was to be written."""
    flags = parse(RunFlags, RunFlags(chosen.config, preset=preset), arguments, prog=f"jaxnn run {experiment.name}")
    if flags.part:
        raise InputError(f"`--part {flags.part[0]}` must be left out: `{experiment.name}` is a single study.")
    sweep = _choose_sweep(chosen.sweep, flags.sweep, arguments)
    _start(flags)
    if flags.dry_run:
        plan = plan_study(flags.config, sweep, must_fit=False)
        check_files(plan)
        print_costs({experiment.name: plan})
        return None
    with output_directory(flags.output, experiment.name) as directory:
        run_study(
            flags.config,
            sweep,
            name=experiment.name,
            question=chosen.question or experiment.question,
            analyse=analysis_of(experiment, chosen, flags.config, sweep, debug=flags.debug),
            output=directory,
            resume=flags.resume,
            overwrite=flags.overwrite,
            checkpoints=flags.checkpoints,
        )
    return directory


def _run_parts(
    experiment: Experiment, preset: Size, chosen: Mapping[str, Preset], arguments: Sequence[str]
) -> Path | None:
    """Train some of the parts or all, each with the flags on top of its own defaults; the directory above them.

    None where nothing was to be written.
    """
    if set(arguments) & {"-h", "--help"}:
        print(f"parts of `{experiment.name}`: {', '.join(chosen)}; the defaults below are those of the first\n")
    given = {
        name: parse(RunFlags, RunFlags(one.config, preset=preset), arguments, prog=f"jaxnn run {experiment.name}")
        for name, one in chosen.items()
    }
    flags = next(iter(given.values()))
    for name in flags.part:
        if name not in chosen:
            raise unknown("part", name, chosen)
    parts = []
    for name, one in chosen.items():
        if flags.part and name not in flags.part:
            continue
        config = given[name].config
        sweep = _choose_sweep(one.sweep, flags.sweep, arguments)
        analyse = analysis_of(experiment, one, config, sweep, debug=flags.debug)
        parts.append(Part(name, config, sweep, analyse, one.question))
    _start(flags)
    if flags.dry_run:
        names = [f"{experiment.name}/{part.name}" for part in parts]
        print_costs(dict(zip(names, plan_parts(parts, must_fit=False), strict=True)))
        return None
    with output_directory(flags.output, experiment.name) as directory:
        run_parts(
            parts,
            name=experiment.name,
            question=experiment.question,
            preset=preset,
            output=directory,
            resume=flags.resume,
            overwrite=flags.overwrite,
            checkpoints=flags.checkpoints,
        )
    return directory


def _calculate(experiment: Experiment, preset: Size, calculation: Calculation, arguments: Sequence[str]) -> Path:
    """Calculate the answer, and print it; its directory."""
    options = [argument.partition("=")[0] for argument in arguments]
    for option in options:
        if option in flag_types(RunFlags).keys() - flag_types(CalculationFlags).keys():
            raise InputError(f"`{option}` must be left out: nothing is trained in `{experiment.name}`.")
    flags = parse(
        CalculationFlags, CalculationFlags(preset=preset), arguments, prog=f"jaxnn run {experiment.name}"
    )  # fmt: skip
    runtime.start(platform=flags.platform, debug=flags.debug)
    with output_directory(flags.output, experiment.name) as directory:
        analysis = run_calculation(
            calculation,
            name=experiment.name,
            question=experiment.question,
            preset=preset,
            output=directory,
            overwrite=flags.overwrite,
        )
    print("\n".join(analysis.notes))
    for heading, text in analysis.tables:
        print(f"\n{heading}\n\n{text}")
    return directory


def _start(flags: RunFlags) -> None:
    runtime.start(
        platform=flags.platform, cpu_devices=flags.cpu_devices, debug=flags.debug, deterministic=flags.deterministic
    )


def _choose_sweep(preset: Mapping[str, Any], words: Sequence[str], arguments: Sequence[str]) -> dict[str, Any]:
    """The preset's sweep with what the command line says of it; a field given a value of its own is not swept."""
    flags = [argument.partition("=")[0] for argument in arguments if argument.startswith("--")]
    given = {flag.removeprefix("--").removeprefix("no-").replace("-", "_") for flag in flags}
    variants, words = _choose_variants(preset, words)
    swept = parse_sweep([word for word in words if word != "none"])
    for name in swept:
        if name in given:
            raise InputError(f"`{name}` is swept and given one value too: leave out one of them.")
    named = given | set(swept)
    preset = variants if "none" in words else {**preset, **variants}
    kept = {name: _without(named, name, axis) for name, axis in preset.items()}
    in_order = {name: swept.get(name, axis) for name, axis in kept.items() if axis or name in swept}
    return {**in_order, **swept}


def _choose_variants(preset: Mapping[str, Any], words: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """`--sweep network=v1,v2` where the preset's `network` has named variants: only those, and the other words."""
    chosen, others = {}, []
    for word in words:
        name, _, labels = (part.strip() for part in word.partition("="))
        variants = preset.get(name)
        if not isinstance(variants, Mapping):
            others.append(word)
            continue
        if name in chosen:
            raise InputError(f"`{name}` is swept twice; give all its variants in one `--sweep`.")
        chosen[name] = {}
        for label in map(str.strip, labels.split(",")):
            if label not in variants:
                raise unknown(f"variant of `{name}`", label, variants)
            if label in chosen[name]:
                raise InputError(f"`{name}` is swept over {label!r} twice; give each variant once.")
            chosen[name][label] = variants[label]
    return chosen, others


def _without(given: Collection[str], name: str, axis: Any) -> Any:
    """What is left of an axis without some fields: variants lose them, and vanish where they had no others."""
    if not isinstance(axis, Mapping):
        return () if name in given else axis
    left = {
        label: {field: v for field, v in fields.items() if field not in given} for label, fields in axis.items()
    }
    return left if any(left.values()) else {}
