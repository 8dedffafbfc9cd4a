"""What the results of a study say, gathered once for all sections of its report."""

import json
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import xarray as xr

from jaxnn import plots, stats
from jaxnn.errors import InputError


class Findings(NamedTuple):
    """The numbers of a report.

    metric, mode: the validation metric of the selection, and whether it is to be small or large.
    ranking: every setting with its interval, best first.
    selected: the selected setting with its interval; None where no member has a result.
    problem_axes: the axes whose values are problems (data sets, folds), between which nothing is selected.
    differences: of every other setting to the selected one, in the order of the ranking; none between problems.
    num_members, num_diverged: of the whole study.
    num_test: examples in the test set; None where the results do not say.
    drawn: figures of the results that are there already, by name: a metric, "comparison", "confusion".
    """

    ds: xr.Dataset
    metric: str
    mode: str
    ranking: list[stats.SettingResult]
    selected: stats.SettingResult | None
    problem_axes: tuple[str, ...]
    differences: list[tuple[stats.Setting, stats.Comparison]]
    num_members: int
    num_diverged: int
    num_test: int | None
    drawn: Mapping[str, plots.Figure]


def gather(ds: xr.Dataset, drawn: Mapping[str, plots.Figure] | None = None) -> Findings:
    """Rank the settings, find the selected one, and compare the others with it."""
    for name in ("selected_on", "mode"):
        if name not in ds.attrs:
            raise InputError(f"`{name}` must be an attribute of the results; found {sorted(map(str, ds.attrs))}.")
    metric, mode = ds.attrs["selected_on"], ds.attrs["mode"]
    ranking = stats.rank_settings(ds, metric, mode)
    selected = _selected(ds, ranking)
    problems = tuple(json.loads(ds.attrs.get("problem_axes", "[]")))
    return Findings(
        ds=ds,
        metric=metric,
        mode=mode,
        ranking=ranking,
        selected=selected,
        problem_axes=problems,
        differences=_differences(ds, metric, ranking, selected) if selected and not problems else [],
        num_members=int(ds["diverged_at"].size),
        num_diverged=int((ds["diverged_at"] >= 0).sum()),
        num_test=int(ds["confusion"].sum(("true", "predicted")).max()) if "confusion" in ds else None,
        drawn=drawn or {},
    )


def _selected(ds: xr.Dataset, ranking: list[stats.SettingResult]) -> stats.SettingResult | None:
    """The setting that the study recorded as selected, else the best one."""
    if not ranking[0].interval.n:
        return None
    recorded = json.loads(ds.attrs.get("selected", "null"))
    if recorded is None:
        return ranking[0]
    position = stats.locate(ds, recorded)
    return next(result for result in ranking if stats.locate(ds, result.setting) == position)


def _differences(
    ds: xr.Dataset, metric: str, ranking: list[stats.SettingResult], selected: stats.SettingResult
) -> list[tuple[stats.Setting, stats.Comparison]]:
    comparison = stats.compare_settings(ds, metric, selected.setting)
    others = [result.setting for result in ranking if result is not selected]
    return [(setting, _at(comparison, stats.locate(ds, setting))) for setting in others]


def _at(comparison: stats.Comparison, position: dict[str, int]) -> stats.Comparison:
    # By `isel` it would take seconds for thousands of settings.
    at = lambda array: array.values[tuple(position[dim] for dim in array.dims)].item()
    interval = stats.Interval(*map(at, comparison.difference))
    return stats.Comparison(interval, at(comparison.p_value), at(comparison.p_adjusted))


def each_tested(ds: xr.Dataset) -> list[str]:
    """The test metrics of every setting, where the study tested all of them.

    It is the accuracy, the loss where there is none, and both where only some of the settings tell classes apart.
    """
    found = [name for name in ("each_test_accuracy", "each_test_loss") if name in ds]
    if len(found) == 2 and not (ds[found[0]].isnull() & ds[found[1]].notnull()).any():
        return found[:1]
    return found


def each_test_interval(ds: xr.Dataset, metric: str, setting: stats.Setting) -> stats.Interval:
    """The t-interval over the seeds of a setting's test metric; members that diverged are NaN in it already."""
    return stats.t_interval(ds[metric].isel(stats.locate(ds, setting)).values)


def seed_interval(ds: xr.Dataset, metric: str) -> stats.Interval:
    """The t-interval over the seeds of a metric that has no other dimension, such as "test_accuracy"."""
    return stats.t_interval(np.asarray(ds[metric].values))
