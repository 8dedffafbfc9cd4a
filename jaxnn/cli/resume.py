"""`jaxnn resume RUN`: a run goes on where it was cut, with the study that its directory describes."""

import dataclasses
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from jaxnn import runtime
from jaxnn.cli.parse import parse
from jaxnn.cli.run import print_places
from jaxnn.cli.saved import leading_run
from jaxnn.data import moved_to
from jaxnn.discover import experiment_files, load_experiment
from jaxnn.errors import InputError
from jaxnn.experiment import Analyse, Experiment, Preset, analysis_of
from jaxnn.parts import Part, run_parts
from jaxnn.study import Analysis, CheckpointConfig, StudyConfig, run_study
from jaxnn.study.describe import ANALYSED
from jaxnn.study.reading import read_study
from jaxnn.study.rundir import is_run, part_names, read_description
from jaxnn.study.sweep import swept_fields


@dataclasses.dataclass(frozen=True)
class ResumeFlags:
    """Continue a run where it was cut.  What it trained is kept, and it ends as if it had never been cut."""

    epochs: int | None = None
    """Train for more epochs than the run was to have; default: as many as it was to have."""
    data_dir: str | None = None
    """Where the data are now; default: where they were."""
    checkpoints: CheckpointConfig = CheckpointConfig()
    platform: Literal["cpu", "cuda", "tpu"] | None = None
    """Where to run; default: the best there is."""
    cpu_devices: int | None = None
    """XLA devices a CPU is divided into, over which members are spread; default: one a core."""
    deterministic: bool = False
    """The same bits every time on a GPU too, at some cost in speed; on CPU they always are."""
    debug: bool = False
    """Show tracebacks; make silent broadcasts errors."""


def resume_command(arguments: Sequence[str]) -> int:
    """`jaxnn resume RUN ...`; returns the exit status."""
    directory, rest = leading_run(arguments, "resume")
    flags = parse(ResumeFlags, ResumeFlags(), rest, prog="jaxnn resume RUN")
    description = read_description(directory)
    if description is None:
        raise InputError(f"`{directory}` was cut before it began: start it with `jaxnn run`, `--overwrite`.")
    names = part_names(description)
    if names is None:
        _resume_study(directory, description, flags)
    elif names:
        _resume_parts(directory, description, flags)
    else:
        raise InputError(f"`{directory}` is a calculation: start it anew with `jaxnn run`, `--overwrite`.")
    print_places(directory)
    return 0


def _resume_study(directory: Path, description: Mapping[str, Any], flags: ResumeFlags) -> None:
    """Continue a single study, or a part on its own."""
    config, sweep = _read_study(description, flags)
    name, above = str(description.get("experiment")), directory.resolve().parent
    of_whole = read_description(above) if is_run(above) else None  # a part is in the directory of the whole
    experiment = _experiment(description)
    preset = _preset(experiment, of_whole or description, part=name.partition("/")[2])
    analyse = _analysis(experiment, preset, description, config, sweep, debug=flags.debug)
    _start(flags)
    run_study(
        config,
        sweep,
        name=name,
        question=str(description.get("question", "")),
        analyse=analyse,
        output=directory,
        resume=True,
        checkpoints=flags.checkpoints,
    )


def _resume_parts(directory: Path, description: Mapping[str, Any], flags: ResumeFlags) -> None:
    """Continue the parts that were chosen when they were started."""
    experiment, parts = _experiment(description), []
    for name, study in description["parts"].items():
        config, sweep = _read_study(study, flags)
        preset = _preset(experiment, description, part=name)
        analyse = _analysis(experiment, preset, {**description, **study}, config, sweep, debug=flags.debug)
        parts.append(Part(name, config, sweep, analyse, str(study.get("question", ""))))
    _start(flags)
    run_parts(
        parts,
        name=experiment.name,
        question=str(description.get("question", "")),
        preset=str(description["preset"]),
        output=directory,
        resume=True,
        checkpoints=flags.checkpoints,
    )


def _start(flags: ResumeFlags) -> None:
    runtime.start(
        platform=flags.platform,
        cpu_devices=flags.cpu_devices,
        debug=flags.debug,
        deterministic=flags.deterministic,
    )


def _read_study(description: Mapping[str, Any], flags: ResumeFlags) -> tuple[StudyConfig, Mapping[str, Any]]:
    """A study as it was described, with more epochs or another place of the data where they are given."""
    config, sweep = read_study(description)
    if flags.epochs is not None:
        _check_epochs(flags.epochs, config, sweep)
        config = dataclasses.replace(config, training=dataclasses.replace(config.training, epochs=flags.epochs))
    if flags.data_dir is not None:
        config = dataclasses.replace(config, data=moved_to(config.data, flags.data_dir))
    return config, sweep


def _check_epochs(epochs: int, config: StudyConfig, sweep: Mapping[str, Any]) -> None:
    """Raise InputError unless a study can be given as many epochs."""
    had, every = config.training.epochs, config.training.eval_every
    if any("epochs" in swept_fields(name, axis) for name, axis in sweep.items()):
        raise InputError("`--epochs` must be left out: this run sweeps `epochs`.")
    if epochs < had:
        raise InputError(
            f"`--epochs` must be {had} or more; got {epochs}: the run has {had} epochs, and can only be given more."
        )
    if epochs % every:
        raise InputError(
            f"`--epochs` must be a multiple of {every}, the `eval_every` of this run; got {epochs}: choose "
            f"{epochs + every - epochs % every}."
        )


def _experiment(description: Mapping[str, Any]) -> Experiment:
    """The experiment a run says it is of, if it is one of those there are; else its name and question alone."""
    name, files = str(description.get("experiment")), experiment_files()
    if name.partition("/")[0] in files:
        return load_experiment(files[name.partition("/")[0]])
    return Experiment(name, str(description.get("question", "")), {})


def _analysis(
    experiment: Experiment,
    preset: Preset | None,
    description: Mapping[str, Any],
    config: StudyConfig,
    sweep: Mapping[str, Any],
    *,
    debug: bool,
) -> Analyse:
    """What the experiment makes of the outcome; where it is none of those there are, a note that says so."""
    if experiment.presets or not description.get(ANALYSED):
        return analysis_of(experiment, preset, config, sweep, debug=debug)
    name, command = description["experiment"], description.get("command", "its own program")
    note = (
        f"What `{name}` makes of its outcome is not in the report: it is none of the experiments that are "
        f"installed. To have it, continue with `{command}` and `--resume` (in Python `resume=True`) instead."
    )
    print(f"jaxnn: {note}", file=sys.stderr)
    return lambda outcome: Analysis(notes=[note])


def _preset(experiment: Experiment, description: Mapping[str, Any], *, part: str) -> Preset | None:
    """What a part, or the only study (""), was made from, at the size of the run or another; None: not known."""
    sizes = dict(experiment.presets)
    same = sizes.pop(str(description.get("preset")), None)
    for preset in (same, *sizes.values()):
        if isinstance(preset, Preset) and not part:
            return preset
        if isinstance(preset, Mapping) and part in preset:
            return preset[part]
    if not experiment.presets:
        return None
    missing = f"no part `{part}`" if part else "several parts or none"
    raise InputError(f"`{experiment.name}` has {missing} by now: start it anew with `jaxnn run {experiment.name}`.")
