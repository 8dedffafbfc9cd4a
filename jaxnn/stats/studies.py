"""What a study says: its metrics at the best epochs, the ranking of its settings, and their comparison.

Everything here takes the results of a study, an `xarray.Dataset` with one dimension for each swept setting, then
`seed`, then `epoch` (`best_epoch` and `diverged_at` have no `epoch`).  A member that diverged has no result:
its values are NaN here, and every interval counts them.
"""

import itertools
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import xarray as xr

from jaxnn.errors import InputError, unknown
from jaxnn.stats.intervals import Comparison, Interval, paired_comparison, t_interval
from jaxnn.stats.selection import adjust_for_selection

if TYPE_CHECKING:  # xarray's indexes are of pandas
    import pandas as pd

Setting = dict[str, Any]  # swept field -> value, e.g. {"hidden": 16, "activation": "relu"}


class SettingResult(NamedTuple):
    """One setting, the interval of its metric over the seeds, and how many of them diverged.

    A seed that is in neither had stopped before the epoch in question, or was finite at none.
    """

    setting: Setting
    interval: Interval
    diverged: int


def setting_dims(ds: xr.Dataset) -> tuple[str, ...]:
    """The swept settings of a results dataset, in sweep order; empty where only the seed varies."""
    return tuple(str(dim) for dim in ds["best_epoch"].dims if dim != "seed")


def settings(ds: xr.Dataset) -> list[Setting]:
    """Every setting of a study, the last swept field varying fastest; [{}] where nothing was swept."""
    dims = setting_dims(ds)
    return [
        dict(zip(dims, values, strict=True)) for values in itertools.product(*(ds[d].values.tolist() for d in dims))
    ]


def at_best_epoch(ds: xr.Dataset, metric: str) -> xr.DataArray:
    """`metric` at each member's best epoch, over (settings..., seed).

    NaN where a member diverged, or has no best epoch (`best_epoch` 0).
    """
    values = history(ds, metric)
    best = values.where(values["epoch"] == ds["best_epoch"]).sum("epoch", min_count=1)
    return best.where(ds["diverged_at"] < 0).transpose(*setting_dims(ds), "seed")


def at_epoch(ds: xr.Dataset, metric: str, epoch: int) -> xr.DataArray:
    """`metric` at one epoch for every member, over (settings..., seed); NaN where it diverged or had stopped."""
    values = history(ds, metric)
    recorded = values["epoch"].values.tolist()
    if epoch not in recorded:
        raise InputError(f"`epoch` must be a recorded one, {recorded[0]} to {recorded[-1]}; got {epoch}.")
    return values.sel(epoch=epoch, drop=True).where(ds["diverged_at"] < 0).transpose(*setting_dims(ds), "seed")


def rank_settings(
    ds: xr.Dataset, metric: str, mode: str, *, epoch: int | None = None, confidence: float = 0.95
) -> list[SettingResult]:
    """Every setting with its interval over the seeds, best first.

    A setting in which a seed has no result (it diverged, or no epoch of it was finite) comes after all in which
    fewer have none, whatever the mean of the rest: the survivors are not a fair sample.  Equal ones keep the order
    of the sweep.

    Args:
        ds: results of a study.
        metric: a validation metric, e.g. "val_loss".
        mode: "min" or "max".
        epoch: the epoch to compare at; None is each member's own best.
        confidence: of the intervals.
    """
    if mode not in ("min", "max"):
        raise unknown("mode", mode, ("min", "max"))
    if metric.startswith("test_"):
        raise InputError(f"`metric` must not be a test metric; got `{metric}`. Select on validation data.")
    values = at_best_epoch(ds, metric) if epoch is None else at_epoch(ds, metric, epoch)
    interval = t_interval(values, axis="seed", confidence=confidence)
    rows = zip(*(field.values.ravel().tolist() for field in interval), strict=True)
    without = (
        xr.where(np.isfinite(at_best_epoch(ds, metric)), 0, 1).sum("seed"),
        (ds["diverged_at"] >= 0).sum("seed"),
    )
    missing, diverged = (array.transpose(*setting_dims(ds)).values.ravel().tolist() for array in without)
    results = [
        SettingResult(*row) for row in zip(settings(ds), itertools.starmap(Interval, rows), diverged, strict=True)
    ]
    return best_first(results, missing, mode)


def best_first(results: list[SettingResult], missing: list[int], mode: str) -> list[SettingResult]:
    """Settings in the order of their means, after those of which fewer members have no result.

    Args:
        results: of the settings, in the order of the sweep, which equal ones keep.
        missing: how many members of each have no result.
        mode: "min" or "max".
    """
    sign = 1 if mode == "min" else -1
    means = [(0, sign * result.interval.mean) if result.interval.n else (1, 0.0) for result in results]
    order = sorted(range(len(results)), key=lambda i: (means[i][0], missing[i], means[i][1]))
    return [results[i] for i in order]


def compare_settings(
    ds: xr.Dataset, metric: str, baseline: Mapping[str, Any], *, epoch: int | None = None, confidence: float = 0.95
) -> Comparison:
    """Every setting minus `baseline`, paired on the seed.

    The adjusted p-values are those of `adjust_for_selection`, for the baseline may be one that these very numbers
    chose.  For one that was fixed beforehand there is `paired_comparison`.

    Args:
        ds: results of a study.
        metric: e.g. "val_accuracy".
        baseline: a value for every swept field, e.g. the selected setting.
        epoch: the epoch to compare at; None is each member's own best.
        confidence: of the intervals of the differences.

    Returns:
        Comparison of DataArrays over the settings' dimensions; NaN p-values at `baseline` itself.
    """
    values = at_best_epoch(ds, metric) if epoch is None else at_epoch(ds, metric, epoch)
    position = locate(ds, baseline)
    comparison = paired_comparison(
        values,
        values.isel(position, drop=True),
        axis="seed",
        confidence=confidence,
        resolution=resolution(ds, metric),
    )
    p_value = comparison.p_value.copy()
    p_value[position] = np.nan
    adjusted = xr.apply_ufunc(adjust_for_selection, p_value, comparison.difference.n)
    return Comparison(comparison.difference, p_value, adjusted)


def resolution(ds: xr.Dataset, metric: str) -> float:
    """What the values of a metric are multiples of: 1 / rows for an accuracy, 0 for a loss.

    The rows are those of the smallest set of a study that the metric is measured on; 0 where the results do not say
    how many.
    """
    split, _, kind = metric.removeprefix("each_").partition("_")
    rows = ds.attrs.get(f"num_{split}", 0) if kind == "accuracy" else 0
    return 1 / rows if rows else 0.0


def locate(ds: xr.Dataset, setting: Mapping[str, Any]) -> dict[str, int]:
    """The position of a setting along each swept dimension, for `isel`.  Floats match to 1 part in 10^6."""
    dims = setting_dims(ds)
    if setting and not dims:
        raise InputError(f"Nothing was swept, so there is one setting, which needs no values; got {dict(setting)}.")
    for name in setting:
        if name not in dims:
            raise unknown("swept setting", name, dims)
    position = {}
    for dim in dims:
        if dim not in setting:
            raise InputError(f"`{dim}` is swept and needs a value; got {dict(setting)}.")
        position[dim] = _position(ds.get_index(dim), setting[dim])
        if position[dim] < 0:
            valid = ds[dim].values.tolist()
            raise InputError(f"`{dim}` must be one of its swept values {valid}; got {setting[dim]!r}.")
    return position


def _position(axis: "pd.Index", wanted: Any) -> int:
    """Where a value is on an axis, -1 if nowhere: looked up, or else compared with one after another."""
    found = axis.get_indexer([wanted])[0] if isinstance(wanted, int | float | str) else -1
    return int(found) if found >= 0 else next((i for i, value in enumerate(axis) if _equal(value, wanted)), -1)


def history(ds: xr.Dataset, metric: str) -> xr.DataArray:
    """`metric` of every member at every recorded epoch, over (settings..., seed, epoch)."""
    histories = [str(name) for name, variable in ds.data_vars.items() if "epoch" in variable.dims]
    if metric not in histories:
        raise unknown("metric of this study", metric, histories)
    return ds[metric]


def _equal(a: Any, b: Any) -> bool:
    """Whether a value of an axis is the one that is asked for; on an axis with names, numbers are text too."""
    if isinstance(a, float) and isinstance(b, int | float):
        return math.isclose(a, b, rel_tol=1e-6)
    return a == (str(b) if isinstance(a, str) else b)
