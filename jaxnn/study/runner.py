"""A study from its configuration to a directory that holds everything about it, and on from there if it was cut."""

import contextlib
import os
import shutil
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import xarray as xr

from jaxnn.checkpoint import Saver
from jaxnn.errors import InputError
from jaxnn.labels import bytes_label
from jaxnn.study import rundir
from jaxnn.study.board import TENSORBOARD, Boards, check_files
from jaxnn.study.compiling import Ahead, Compiler
from jaxnn.study.config import StudyConfig
from jaxnn.study.describe import (
    ANALYSED,
    TESTED_AT,
    About,
    Analysis,
    describe_results,
    describe_study,
    log_lines,
    no_analysis,
)
from jaxnn.study.environment import environment, environment_differences
from jaxnn.study.identity import check_continues, study_sha256
from jaxnn.study.interrupt import Stop, stop_on_signals
from jaxnn.study.keeping import CheckpointConfig, DiskKeeper, check_config, snapshot_bytes
from jaxnn.study.outcome import Outcome, conclude
from jaxnn.study.plan import Plan, Program, plan_study
from jaxnn.study.progress import ProgressLine
from jaxnn.study.results import load_dataset, save_dataset
from jaxnn.study.sweep import NO_SWEEP, Sweep
from jaxnn.study.training import Progress, train_program

USUAL_CHECKPOINTS = CheckpointConfig()


class ResumeWarning(UserWarning):
    """A run is continued where its last bits may come out differently."""


class _Job(NamedTuple):
    """A study and where it goes."""

    plan: Plan
    about: About
    analyse: Callable[[Outcome], Analysis]
    directory: Path
    checkpoints: CheckpointConfig
    compiler: Compiler
    surroundings: Mapping[str, Any]


def run_study(
    config: StudyConfig,
    sweep: Sweep = NO_SWEEP,
    *,
    name: str = "study",
    question: str = "",
    analyse: Callable[[Outcome], Analysis] = no_analysis,
    output: Path | str | None = None,
    resume: bool = False,
    overwrite: bool = False,
    checkpoints: CheckpointConfig = USUAL_CHECKPOINTS,
) -> xr.Dataset:
    """Train a study and leave everything about it in a directory.

    `jaxnn.runtime.start()`, called before JAX is used, makes every core of a CPU a device, over which members are
    spread, and keeps compiled programs for the next process; the command line does so.

    Args:
        config: what all settings have in common.
        sweep: swept field -> its values; the settings are all their combinations, without any a single one.
        name: of the experiment, for the report and the default directory.
        question: what the study asks, for the report.
        analyse: makes notes and figures for the report from the outcome.
        output: the directory; None makes a new one under `runs/`.
        resume: continue the run in that directory from its checkpoints, or start one if there is none; it ends with
            the bits of a run that was never cut.  More epochs than it had extend it, where the schedule allows.
        overwrite: replace an earlier run in that directory.
        checkpoints: how often to save.

    Returns:
        The results, with dimensions (swept fields..., seed, epoch), as saved in `results.nc`.

    Raises:
        InputError: anything wrong with the study or the directory, before anything is written.
        CheckpointError: a checkpoint could not be saved, or none that is left can be read.
        Interrupted: a signal asked to end; the run is saved.

    Warns:
        ResumeWarning: the continued run was started on something else.
        DamageWarning: a checkpoint is damaged, and the one before it is used.
    """
    check_config(checkpoints)
    plan = plan_study(config, sweep)
    check_files(plan)
    about = About(name, question)
    with rundir.output_directory(output, name) as directory:
        rundir.check_free(directory, resume=resume, overwrite=overwrite)
        if overwrite or not rundir.is_complete(directory):
            check_space(plan, directory)
        with rundir.lock(directory):
            rundir.check_free(directory, resume=resume, overwrite=overwrite)
            if overwrite:
                rundir.clear(directory)
            with Ahead((plan, program) for program in untouched_programs(plan, directory)) as compiler:
                return run_plan(plan, about, analyse, directory, checkpoints=checkpoints, compiler=compiler)


def run_plan(
    plan: Plan,
    about: About,
    analyse: Callable[[Outcome], Analysis],
    directory: Path,
    *,
    checkpoints: CheckpointConfig,
    compiler: Compiler,
) -> xr.Dataset:
    """Start or continue a planned study in its directory, which is locked; a finished one is only read.

    Args:
        plan: the study.
        about: what it is called, and asks.
        analyse: as for `run_study`.
        directory: it is there, and empty or holds this study.
        checkpoints: how often to save.
        compiler: compiles its programs.
    """
    return _run(_Job(plan, about, analyse, directory, checkpoints, compiler, environment()))


def untouched_programs(plan: Plan, directory: Path) -> list[Program]:
    """The programs of a study that a run in its directory will train from their first record."""
    if rundir.is_complete(directory):
        return []
    return [
        program
        for position, program in enumerate(plan.programs)
        if not _checkpoint_folder(directory, position).exists()
    ]


def _checkpoint_folder(directory: Path, program: int) -> Path:
    return directory / rundir.CHECKPOINTS / f"program-{program}"


def _run(job: _Job) -> xr.Dataset:
    description = rundir.plain(describe_study(job.about, job.plan, job.surroundings))
    description[ANALYSED] = job.analyse is not no_analysis
    earlier = rundir.read_description(job.directory)
    extended = earlier is not None and check_continues(earlier, description)
    finished = rundir.is_complete(job.directory)
    if earlier is not None and not extended and finished:
        return load_dataset(job.directory / "results.nc")
    if extended:
        check_space(job.plan, job.directory)
    advice = f"continue with `jaxnn resume {job.directory}`."
    boards = Boards(job.directory / TENSORBOARD)
    with rundir.unfinished(job.directory), stop_on_signals(advice) as stop, boards:
        if earlier is not None:
            _warn_of_differences(earlier, job.surroundings)
            description = _continued(earlier, description, extended=extended, finished=finished)
        if extended:
            shutil.rmtree(job.directory / rundir.CHECKPOINTS / "final", ignore_errors=True)
        rundir.write_json(job.directory / rundir.CONFIG, description)
        outcome = _train(job, stop, boards, study_sha256(description))
        stop.check()
        history = {name: description[name] for name in ("command", TESTED_AT) if name in description}
        outcome = outcome._replace(results=describe_results(job.about, outcome, {**job.surroundings, **history}))
        save_dataset(outcome.results, job.directory / "results.nc")
        from jaxnn.study.publish import publish  # matplotlib: a second that the first result need not wait for

        (job.directory / "figures").mkdir(exist_ok=True)
        publish(outcome, job.analyse(outcome), job.directory, boards)
    return outcome.results


def _train(job: _Job, stop: Stop, boards: Boards, study: str) -> Outcome:
    """Train all programs and conclude: the progress line on the terminal, records in the log, snapshots on disk."""
    plan, about = job.plan, {"study": study, **job.surroundings}
    log_file = job.directory / "log.jsonl"
    with ProgressLine() as progress, Saver() as saver, log_file.open("a", encoding="utf-8") as log:

        def observe(plan: Plan, chunk: Progress) -> None:
            progress(plan, chunk)
            retraining = plan is not job.plan
            if (chunk.program, chunk.first, retraining) == (0, 0, False):
                # The log is made anew: what earlier sessions trained is in the checkpoints, and comes as one chunk.
                log.truncate(0)
            log.writelines(log_lines(plan, chunk, retraining=retraining))
            log.flush()
            boards(plan, chunk)

        def keeper(plan: Plan, program: Program, folder: Path, **more: Any) -> DiskKeeper:
            return DiskKeeper(
                plan, program, folder, saver=saver, stop=stop, config=job.checkpoints, about={**about, **more}
            )

        def keeper_of_retraining(again: Plan, program: Program) -> DiskKeeper:
            retrained = {**again.settings[0].place, "epochs": program.recipe.run.epochs}
            folder = job.directory / rundir.CHECKPOINTS / "final"
            return keeper(again, program, folder, retrained=retrained)

        trained = []
        for position, program in enumerate(plan.programs):
            stop.check()
            progress.announce(f"compiling program {position + 1} of {len(plan.programs)}")
            kept = keeper(plan, program, _checkpoint_folder(job.directory, position))
            trained.append(train_program(plan, position, observe=observe, keeper=kept, compiler=job.compiler))
        stop.check()
        progress.announce("testing the selected setting")
        return conclude(plan, trained, observe=observe, keeper=keeper_of_retraining, compiler=job.compiler)


def _warn_of_differences(earlier: Mapping[str, Any], surroundings: Mapping[str, Any]) -> None:
    differences = environment_differences(earlier, surroundings)
    if differences:
        warnings.warn(
            f"the run was started elsewhere: {'; '.join(differences)}.  It continues, and means the same, but its "
            "last bits may differ from those of a run that was never cut.",
            ResumeWarning,
            stacklevel=4,
        )


def _continued(
    earlier: Mapping[str, Any], now: Mapping[str, Any], *, extended: bool, finished: bool
) -> dict[str, Any]:
    """The description of a continued run: the earlier one, with the new configuration, and where it went on.

    Its commands are those it was made by: of an extended run also that which extended it.  A run that had been
    finished has been tested, at the epochs that it had then.
    """
    surroundings = {
        name: now[name] for name in ("date", "versions", "commit", "device", "cores", "xla_flags", "command")
    }
    commands = [earlier["command"], now["command"]] if extended else [earlier["command"]]
    again = {"config": now["config"], "command": " && ".join(commands)}
    if extended and finished:
        again[TESTED_AT] = [*earlier.get(TESTED_AT, []), earlier["config"]["training"]["epochs"]]
    return {**earlier, **again, "resumed": [*earlier.get("resumed", []), surroundings]}


def check_space(plan: Plan, directory: Path) -> None:
    """Raise InputError unless the checkpoints of all programs fit on the disk, beside those that are there already.

    Two of each program are kept, and one more is being written.
    """
    sizes = [snapshot_bytes(plan, program) for program in plan.programs]
    place = next(path for path in (directory.resolve(), *directory.resolve().parents) if path.exists())
    there = _bytes_below(directory / rundir.CHECKPOINTS)
    needed, free = 2 * sum(sizes) + max(sizes) - there, shutil.disk_usage(place).free
    if needed > free:
        raise InputError(
            f"`--output {directory}` needs about {bytes_label(needed)} for checkpoints, and "
            f"{bytes_label(free)} are free there: choose another directory, fewer seeds or smaller layers."
        )


def _bytes_below(folder: Path) -> int:
    """Bytes of the files below a folder; another process may be at work there, and take some away meanwhile."""
    total = 0
    for place, _, files in os.walk(folder):
        for name in files:
            with contextlib.suppress(FileNotFoundError):
                total += os.stat(os.path.join(place, name)).st_size
    return total
