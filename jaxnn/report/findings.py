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
    over_folds: of a cross-validation every setting without its fold, best first; empty of other studies.
    problem_axes: the axes whose values are problems (data sets), between which nothing is selected.
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
    over_folds: list[stats.SettingResult]
    problem_axes: tuple[str, ...]
    differences: list[tuple[stats.Setting, stats.Comparison]]
    num_members: int
    num_diverged: int
    num_test: int | None
    drawn: Mapping[str, plots.Figure]

    @property
    def judged(self) -> list[stats.SettingResult]:
        """What one was selected from, best first: the settings, in a cross-validation by their means over folds."""
        return self.over_folds or self.ranking

    @property
    def chosen(self) -> stats.SettingResult | None:
        """The selected one of `judged`."""
        if self.selected is None or not self.over_folds:
            return self.selected
        place = stats.without_fold(self.selected.setting)
        return next(result for result in self.over_folds if result.setting == place)

    @property
    def repetition(self) -> str:
        """What the intervals of `judged` are over."""
        return "fold" if self.over_folds else "seed"


def gather(ds: xr.Dataset, drawn: Mapping[str, plots.Figure] | None = None) -> Findings:
    """Rank the settings, find the selected one, and compare the others with it."""
    for name in ("selected_on", "mode"):
        if name not in ds.attrs:
            raise InputError(f"`{name}` must be an attribute of the results; found {sorted(map(str, ds.attrs))}.")
    metric, mode = ds.attrs["selected_on"], ds.attrs["mode"]
    ranking = stats.rank_settings(ds, metric, mode)
    over_folds = stats.rank_over_folds(ds, metric, mode) if stats.is_cross_validated(ds) else []
    axes = () if over_folds else json.loads(ds.attrs.get("problem_axes", "[]"))
    findings = Findings(
        ds=ds,
        metric=metric,
        mode=mode,
        ranking=ranking,
        selected=_selected(ds, ranking),
        over_folds=over_folds,
        problem_axes=tuple(axis for axis in axes if ds.sizes.get(axis, 1) > 1),
        differences=[],
        num_members=int(ds["diverged_at"].size),
        num_diverged=int((ds["diverged_at"] >= 0).sum()),
        num_test=int(ds["confusion"].sum(("true", "predicted")).max()) if "confusion" in ds else None,
        drawn=drawn or {},
    )
    return findings if findings.problem_axes else findings._replace(differences=_differences(findings))


def _selected(ds: xr.Dataset, ranking: list[stats.SettingResult]) -> stats.SettingResult | None:
    """The setting that was selected, with its interval."""
    setting = stats.recorded_selection(ds)
    if setting is None:
        return None
    position = stats.locate(ds, setting)
    return next(result for result in ranking if stats.locate(ds, result.setting) == position)


def _differences(findings: Findings) -> list[tuple[stats.Setting, stats.Comparison]]:
    chosen, ds = findings.chosen, findings.ds
    if chosen is None:
        return []
    compare = stats.compare_over_folds if findings.over_folds else stats.compare_settings
    comparison = compare(ds, findings.metric, chosen.setting)
    others = [result.setting for result in findings.judged if result.setting != chosen.setting]
    place = ds.isel(fold=0, drop=True) if findings.over_folds else ds
    return [(setting, _at(comparison, stats.locate(place, setting))) for setting in others]


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
