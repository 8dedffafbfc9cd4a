"""Which setting a study selects: the best by its mean over the seeds, or over the folds of a cross-validation."""

import itertools
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from jaxnn.errors import unknown
from jaxnn.stats.intervals import Comparison, Interval, paired_comparison, t_interval
from jaxnn.stats.selection import adjust_for_selection
from jaxnn.stats.studies import (
    Setting,
    SettingResult,
    at_best_epoch,
    at_epoch,
    best_first,
    locate,
    rank_settings,
    resolution,
    setting_dims,
    settings,
)

FOLD = "fold"


def is_cross_validated(ds: xr.Dataset) -> bool:
    """Whether the settings differ in their data by the fold alone, so that each is judged by its mean over them."""
    return ds.sizes.get(FOLD, 0) > 1 and json.loads(ds.attrs.get("problem_axes", "[]")) == [FOLD]


def without_fold(setting: Mapping[str, Any]) -> Setting:
    """What is chosen by cross-validation: a setting in whatever fold."""
    return {dim: value for dim, value in setting.items() if dim != FOLD}


def select(ds: xr.Dataset, metric: str, mode: str, *, epoch: int | None = None) -> SettingResult | None:
    """The best setting on validation, with its interval over the seeds; None where no member has a result.

    Of a cross-validation it is the setting that is best over the folds, in the first fold in which it has a result:
    to take the fold in which it did best would be to choose the easiest rows.
    """
    ranking = rank_settings(ds, metric, mode, epoch=epoch)
    if not ranking[0].interval.n:
        return None
    if not is_cross_validated(ds):
        return ranking[0]
    chosen = rank_over_folds(ds, metric, mode, epoch=epoch)[0].setting
    in_order = {tuple(result.setting.values()): result for result in ranking}
    every = (in_order[tuple(setting.values())] for setting in settings(ds) if without_fold(setting) == chosen)
    return next(result for result in every if result.interval.n)


def recorded_selection(ds: xr.Dataset) -> Setting | None:
    """The setting that the study recorded as selected, else what `select` says; None where no member has a result.

    They are the same unless the results are of a program that selected otherwise.
    """
    best = select(ds, ds.attrs["selected_on"], ds.attrs["mode"])
    recorded = json.loads(ds.attrs.get("selected", "null"))
    return None if best is None else best.setting if recorded is None else recorded


def rank_over_folds(
    ds: xr.Dataset, metric: str, mode: str, *, epoch: int | None = None, confidence: float = 0.95
) -> list[SettingResult]:
    """Every setting of a cross-validation, without its fold, best first.

    Its interval is over the folds, in each of which it counts with the mean of its seeds: `n` counts folds, and
    `diverged` networks.  The training rows that folds share are accounted for, see `t_interval`.
    As in `rank_settings`, a setting of which networks have no result comes after those of which fewer have none.

    Args:
        ds: results of a cross-validated study; its attribute `num_folds` says of how many parts the folds are.
        metric: a validation metric.
        mode: "min" or "max".
        epoch: the epoch to compare at; None is each member's own best.
        confidence: of the intervals.
    """
    if mode not in ("min", "max"):
        raise unknown("mode", mode, ("min", "max"))
    values = _with_results(ds, metric, epoch)
    dims = [dim for dim in setting_dims(ds) if dim != FOLD]
    interval = t_interval(values.mean("seed"), axis=FOLD, confidence=confidence, fold_ratio=_fold_ratio(ds))
    missing = _with_results(ds, metric).isnull().sum((FOLD, "seed")).transpose(*dims)
    diverged = (ds["diverged_at"] >= 0).sum((FOLD, "seed")).transpose(*dims)
    rows = zip(*(field.transpose(*dims).values.ravel().tolist() for field in interval), strict=True)
    places = itertools.product(*(ds[dim].values.tolist() for dim in dims))
    results = [
        SettingResult(dict(zip(dims, place, strict=True)), Interval(*row), count)
        for place, row, count in zip(places, rows, diverged.values.ravel().tolist(), strict=True)
    ]
    return best_first(results, missing.values.ravel().tolist(), mode)


def compare_over_folds(
    ds: xr.Dataset, metric: str, baseline: Mapping[str, Any], *, confidence: float = 0.95
) -> Comparison:
    """Every setting of a cross-validation minus `baseline`, paired on the fold, in it on the seeds that both have.

    The training rows that folds share are accounted for, see `t_interval`; the adjusted p-values are those of
    `adjust_for_selection`.

    Args:
        ds: results of a cross-validated study; its attribute `num_folds` says of how many parts the folds are.
        metric: a validation metric, at each member's best epoch.
        baseline: a value for every swept field but the fold.
        confidence: of the intervals of the differences.

    Returns:
        Comparison of DataArrays over the settings' dimensions; NaN p-values at `baseline` itself.
    """
    values = _with_results(ds, metric)
    position = locate(ds.isel({FOLD: 0}, drop=True), baseline)
    chosen = values.isel(position, drop=True)
    comparison = paired_comparison(
        values.where(chosen.notnull()).mean("seed"),
        chosen.where(values.notnull()).mean("seed").transpose(*(dim for dim in values.dims if dim != "seed")),
        axis=FOLD,
        confidence=confidence,
        resolution=resolution(ds, metric) / math.sqrt(ds.sizes["seed"]),
        fold_ratio=_fold_ratio(ds),
    )
    p_value = comparison.p_value.copy()
    p_value[position] = np.nan
    adjusted = xr.apply_ufunc(adjust_for_selection, p_value, comparison.difference.n)
    return Comparison(comparison.difference, p_value, adjusted)


def _with_results(ds: xr.Dataset, metric: str, epoch: int | None = None) -> xr.DataArray:
    """A metric over (settings..., seed), NaN where it is not finite."""
    values = at_best_epoch(ds, metric) if epoch is None else at_epoch(ds, metric, epoch)
    return values.where(np.isfinite(values))


def _fold_ratio(ds: xr.Dataset) -> float:
    """Rows of a fold over those outside it; of them not all need be trained on."""
    return 1 / (ds.attrs.get("num_folds", ds.sizes[FOLD]) - 1)
