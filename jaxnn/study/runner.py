"""A study from its configuration to a directory that holds everything about it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import xarray as xr

from jaxnn.study import rundir
from jaxnn.study.config import StudyConfig
from jaxnn.study.describe import About, Analysis, describe_results, describe_study, log_lines
from jaxnn.study.outcome import Outcome, conclude
from jaxnn.study.plan import Plan, plan_study
from jaxnn.study.progress import ProgressLine
from jaxnn.study.results import save_dataset
from jaxnn.study.training import Progress, train_program


def run_study(
    config: StudyConfig,
    sweep: Mapping[str, Sequence[Any]],
    *,
    name: str = "study",
    question: str = "",
    analyse: Callable[[Outcome], Analysis] = lambda outcome: Analysis(),
    output: Path | str | None = None,
    overwrite: bool = False,
) -> xr.Dataset:
    """Train a study and leave everything about it in a directory.

    Args:
        config: what all settings have in common.
        sweep: swept field -> its values; the settings are all their combinations, {} is a single one.
        name: of the experiment, for the report and the default directory.
        question: what the study asks, for the report.
        analyse: makes notes and figures for the report from the outcome.
        output: the directory; None makes a new one under `runs/`.
        overwrite: replace an earlier run in that directory.

    Returns:
        The results, with dimensions (swept fields..., seed, epoch), as saved in `results.nc`.

    Raises:
        InputError: anything wrong with the study or the directory, before anything is written.
    """
    plan = plan_study(config, sweep)
    directory = Path(output) if output is not None else rundir.default_output(name, datetime.now())
    rundir.claim(directory, overwrite=overwrite)
    about, surroundings = About(name, question), rundir.environment()
    rundir.write_json(directory / "config.json", describe_study(about, plan, surroundings))
    outcome = _train(plan, directory / "log.jsonl")
    outcome = outcome._replace(results=describe_results(about, outcome, surroundings))
    save_dataset(outcome.results, directory / "results.nc")
    from jaxnn.study.publish import publish  # matplotlib: a second that the first result need not wait for

    publish(outcome, analyse(outcome), directory)
    rundir.complete(directory)
    return outcome.results


def _train(plan: Plan, log_file: Path) -> Outcome:
    """Train all programs and conclude, with the progress line on the terminal and every record in the log."""
    with ProgressLine() as progress, log_file.open("w", encoding="utf-8") as log:

        def observe(plan: Plan, chunk: Progress) -> None:
            progress(plan, chunk)
            log.writelines(log_lines(plan, chunk))
            log.flush()

        trained = []
        for position in range(len(plan.programs)):
            progress.announce(f"compiling program {position + 1} of {len(plan.programs)}")
            trained.append(train_program(plan, position, observe=observe))
        progress.announce("testing the selected setting")
        return conclude(plan, trained, observe=progress)
