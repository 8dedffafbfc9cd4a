"""`jaxnn resume RUN`: a run goes on where it was cut, with the study that its directory describes."""

import dataclasses
from collections.abc import Sequence
from typing import Literal

from jaxnn import runtime
from jaxnn.cli.parse import parse
from jaxnn.cli.saved import leading_run
from jaxnn.discover import experiment_files, load_experiment
from jaxnn.errors import InputError
from jaxnn.experiment import Experiment
from jaxnn.study import CheckpointConfig, run_study
from jaxnn.study.reading import read_study
from jaxnn.study.rundir import is_run, read_description


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
    deterministic: bool = False
    """The same bits every time on a GPU too, at some cost in speed; on CPU they always are."""
    debug: bool = False
    """Show tracebacks; make silent broadcasts errors."""


def resume_command(arguments: Sequence[str]) -> int:
    """`jaxnn resume RUN ...`; returns the exit status."""
    directory, rest = leading_run(arguments, "resume")
    flags = parse(ResumeFlags, ResumeFlags(), rest, prog="jaxnn resume RUN")
    if not is_run(directory):
        raise InputError(f"`{directory}` is not the directory of a run: `jaxnn runs` lists those there are.")
    description = read_description(directory)
    if description is None:
        raise InputError(f"`{directory}` was cut before it began: start it with `jaxnn run`, `--overwrite`.")
    config, sweep = read_study(description)
    if flags.epochs is not None:
        config = dataclasses.replace(config, training=dataclasses.replace(config.training, epochs=flags.epochs))
    if flags.data_dir is not None:
        config = dataclasses.replace(config, data=dataclasses.replace(config.data, data_dir=flags.data_dir))
    runtime.start(platform=flags.platform, debug=flags.debug, deterministic=flags.deterministic)
    experiment = _experiment(description)
    run_study(
        config,
        sweep,
        name=experiment.name,
        question=experiment.question,
        analyse=experiment.analyse,
        output=directory,
        resume=True,
        checkpoints=flags.checkpoints,
    )
    print(f"report: {directory / 'report.html'}")
    return 0


def _experiment(description) -> Experiment:
    """The experiment a run says it is of, if it is one of those there are; else its name and question alone."""
    name = str(description.get("experiment"))
    files = experiment_files()
    if name in files:
        return load_experiment(files[name])
    return Experiment(name, str(description.get("question", "")), {})
