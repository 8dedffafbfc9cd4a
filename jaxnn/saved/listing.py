"""What runs there are, what each one found, and how they differ."""

import contextlib
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import xarray as xr

from jaxnn import stats
from jaxnn.errors import InputError
from jaxnn.labels import interval_label, metric_label, metric_value, setting_label
from jaxnn.study import rundir
from jaxnn.study.identity import identity
from jaxnn.study.results import load_dataset

# How the directory of a run ends while it is being removed.
REMOVED = ".removed"


class RunSummary(NamedTuple):
    """A run in a few words; `facts` is what it found, by its name."""

    path: Path
    status: rundir.Status
    description: dict[str, Any]
    facts: dict[str, str]


def find_runs(root: Path) -> list[Path]:
    """The directories of runs at `root` or below it, in order of their names.

    Parts follow the run they are of, in their own order; nothing else in a run is searched for others.
    """
    if rundir.is_run(root):
        return [root, *_parts(root)]
    if not root.is_dir():
        return []
    folders = sorted(
        path
        for path in root.iterdir()
        if path.is_dir() and not path.is_symlink() and not path.name.endswith(REMOVED)
    )
    return [run for folder in folders for run in find_runs(folder)]


def summarize(path: Path) -> RunSummary:
    """A run's status, and what it found if it is complete.

    Raises:
        InputError: not the directory of a run, or its files cannot be read.
    """
    if not rundir.is_run(path):
        raise InputError(f"`{path}` is not the directory of a run: `jaxnn runs` lists those there are.")
    status, description = rundir.run_status(path), rundir.read_description(path) or {}
    names, facts = rundir.part_names(description), {}
    if names:
        facts = {"parts": ", ".join(f"{name} ({_state(path / name)})" for name in names)}
    elif names is None and status.state == "complete":
        try:
            facts = _facts(load_dataset(path / "results.nc"))
        except (OSError, ValueError, KeyError) as error:
            raise InputError(f"`{path / 'results.nc'}` must be the results that jaxnn wrote: {error}.") from None
    return RunSummary(path, status, description, facts)


def compare_runs(summaries: Sequence[RunSummary]) -> dict[str, list[str]]:
    """What differs between runs of a study, then what each found: a name -> a text for each run.

    Raises:
        InputError: a run is not of a single study.
    """
    for one in summaries:
        rundir.check_single(one.path, one.description)
    fields = [identity(one.description) if one.description else {} for one in summaries]
    rows = {}
    for name in dict.fromkeys(name for one in fields for name in one):
        values = [json.dumps(one[name]) if name in one else "" for one in fields]
        if len(set(values)) > 1:
            rows[name.removeprefix("config.")] = values
    for name in dict.fromkeys(name for one in summaries for name in one.facts):
        rows[name] = [one.facts.get(name, "") for one in summaries]
    return {"status": [one.status.state for one in summaries], **rows}


def remove_run(path: Path) -> None:
    """Delete the directory of a run, and nothing else.

    Raises:
        InputError: it is not one, or somebody is writing in it.
    """
    if path.is_symlink() or not rundir.is_run(path):
        raise InputError(f"`{path}` is not the directory of a run, and will not be removed.")
    path = path.resolve()  # "." has no name
    with rundir.lock(path):
        # In one step, so that no half of a run is left; what an earlier removal left is in nobody's way.
        doomed = path.with_name(f".{path.name}.{os.getpid()}{REMOVED}")
        path.rename(doomed)
        shutil.rmtree(doomed)


def _parts(path: Path) -> list[Path]:
    """The directories of a run's parts, as far as they were begun; none where it cannot be told."""
    with contextlib.suppress(InputError):
        names = rundir.part_names(rundir.read_description(path)) or ()
        return [path / name for name in names if rundir.is_run(path / name)]
    return []


def _state(path: Path) -> str:
    return rundir.run_status(path).state if rundir.is_run(path) else "not begun"


def _facts(results: xr.Dataset) -> dict[str, str]:
    """The selected setting, its validation metric at the best epochs and its test metrics, with intervals."""
    metric, mode = results.attrs["selected_on"], results.attrs["mode"]
    setting = stats.recorded_selection(results)
    if setting is None:
        return {"selected setting": "none: no member has a result"}
    ranking, place = stats.rank_settings(results, metric, mode), results
    if stats.is_cross_validated(results):
        setting, ranking = stats.without_fold(setting), stats.rank_over_folds(results, metric, mode)
        place = results.isel(fold=0, drop=True)
    position = stats.locate(place, setting)
    best = next(result for result in ranking if stats.locate(place, result.setting) == position)
    facts = {"selected setting": setting_label(best.setting), metric_label(metric): _value(metric, best.interval)}
    for metric in ("test_accuracy", "test_loss"):
        if metric in results:
            facts[metric_label(metric)] = _value(metric, stats.t_interval(results[metric].values))
    return facts | {"seeds": str(results.sizes["seed"])}


def _value(metric: str, interval: stats.Interval) -> str:
    low, high = float(interval.low), float(interval.high)
    return f"{metric_value(metric, float(interval.mean))} [{interval_label(metric, low, high)}]"
