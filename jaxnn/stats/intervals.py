"""Intervals and tests on arrays of repetitions: how sure a mean over seeds is, and a difference of two.

A value that is not finite (a member that diverged) is never averaged in and never dropped in silence: every
interval counts what it left out.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy.special
import xarray as xr

from jaxnn.errors import InputError, check_number, unknown

Values = np.ndarray | xr.DataArray


class Interval(NamedTuple):
    """A mean and its confidence interval.  Fields are scalars, or arrays over the axes that are left.

    `n` values entered; `excluded` were left out because they are not finite.  One value says nothing about its
    own spread: with n = 1 the interval is (-inf, inf).  With n = 0 mean, low and high are NaN.
    """

    mean: Any
    low: Any
    high: Any
    n: Any
    excluded: Any


class Comparison(NamedTuple):
    """A paired difference, the p-value of its t-test, and that p-value adjusted for the family of tests (Holm)."""

    difference: Interval
    p_value: Any
    p_adjusted: Any


def t_interval(
    values: Values, *, axis: int | str = -1, confidence: float = 0.95, fold_ratio: float = 0.0
) -> Interval:
    """Mean and t-interval along one axis: mean +- t(n - 1) s / sqrt(n), s the standard deviation (Student 1908).

    Args:
        values: array of any shape, or a DataArray.  Values that are not finite are left out and counted.
        axis: the axis of the repetitions; a dimension's name where `values` is a DataArray, e.g. "seed".
        confidence: the share of such intervals that contain the true mean, in (0, 1).
        fold_ratio: 0 for independent repetitions, such as seeds.  The folds of a cross-validation share most of
            their training rows, so that their mean varies more than its parts seem to: s / sqrt(n) becomes
            s sqrt(1/n + ratio), ratio = validation rows / training rows (Nadeau and Bengio 2003, section 3).

    Returns:
        Interval over the remaining axes, float64; DataArrays where `values` is one.
    """
    check_number("confidence", confidence, low=0, high=1, low_open=True, high_open=True)
    check_number("fold_ratio", fold_ratio, low=0)
    interval = functools.partial(_t_interval, confidence=confidence, fold_ratio=fold_ratio)
    return Interval(*_along(axis, interval, values, num_outputs=5))


def paired_comparison(
    a: Values,
    b: Values,
    *,
    axis: int | str = -1,
    confidence: float = 0.95,
    resolution: float = 0.0,
    fold_ratio: float = 0.0,
) -> Comparison:
    """a - b on the same seeds: mean difference, its t-interval, and the two-sided paired t-test.

    Pairing takes out what a seed does to both (its data order, its luck), so that the test sees the
    difference alone.  The remaining axes are one family: `p_adjusted` is Holm's p-value over all of them.

    Args:
        a: array, or DataArray.
        b: the same, of the same shape; a DataArray may lack dimensions of `a`, but has the same seeds.
        axis: the axis of the pairs, e.g. "seed" for DataArrays.
        confidence: of the interval of the difference.
        resolution: what the values are multiples of, as an accuracy is of 1 / rows (`resolution`); 0: of nothing.
            A few values that are so coarse agree more closely than what they measure: the variance of their
            rounding, resolution^2 / 12 of each of the two (Sheppard 1898), is added to that of the differences.
        fold_ratio: where the pairs are folds, see `t_interval`.

    Returns:
        Comparison over the remaining axes.  A pair with a value that is not finite is left out and counted.
        With fewer than two pairs there is no test: the p-values are NaN.  Differences that are all equal, up to
        the rounding of their numbers, and of no resolution, show no spread to judge them by: p is that of the sign
        test, 2^(1 - n), or 1 where all are zero.
    """
    check_number("resolution", resolution, low=0)
    check_number("fold_ratio", fold_ratio, low=0)
    pair, epsilon = _paired(a, b), _epsilon(a, b)

    def along(function: Callable[[np.ndarray], Any], *, num_outputs: int = 1) -> Any:
        return _along(axis, lambda a, b: function(_differences(a, b, epsilon)), *pair, num_outputs=num_outputs)

    spread = {"rounding": resolution**2 / 6, "fold_ratio": fold_ratio}
    p_value = along(functools.partial(_t_test, **spread))
    interval = functools.partial(_t_interval, confidence=confidence, **spread)
    difference = Interval(*along(interval, num_outputs=5))
    return Comparison(difference, p_value, xr.apply_ufunc(holm, p_value))


def holm(p_values: np.ndarray) -> np.ndarray:
    """Holm's step-down adjustment: the chance of any false finding in the family stays below the level (Holm 1979).

    The i-th smallest of m p-values is multiplied by m + 1 - i, never falls below the one before it, and
    never exceeds 1.  NaN means that no test was made: it stays NaN and does not count in m.

    Args:
        p_values: array of any shape, one family.

    Returns:
        The adjusted p-values, of the same shape.
    """
    p_values = np.asarray(p_values, np.float64)
    flat = p_values.ravel()
    tested = np.flatnonzero(~np.isnan(flat))
    order = tested[np.argsort(flat[tested], kind="stable")]
    adjusted = np.full_like(flat, np.nan)
    adjusted[order] = np.minimum(np.maximum.accumulate(flat[order] * np.arange(len(order), 0, -1)), 1)
    return adjusted.reshape(p_values.shape)[()]


def binomial_interval(correct: int, n: int, *, confidence: float = 0.95) -> Interval:
    """Share of `correct` among `n` and its Wilson interval: how far the size of a test set alone may mislead.

    The set of p with |correct / n - p| <= z sqrt(p (1 - p) / n) (Wilson 1927): inside [0, 1], and not empty
    at 0 or n correct.
    """
    check_number("confidence", confidence, low=0, high=1, low_open=True, high_open=True)
    check_number("n", n, low=1)
    check_number("correct", correct, low=0, high=n)
    z = scipy.special.ndtri((1 + confidence) / 2)
    share = correct / n
    center = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half_width = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return Interval(share, max(0.0, center - half_width), min(1.0, center + half_width), n, 0)


def _paired(a: Values, b: Values) -> tuple[Values, Values]:
    if isinstance(a, xr.DataArray) and isinstance(b, xr.DataArray):
        try:
            xr.align(a, b, join="exact")  # a plain a - b would silently keep the shared seeds only
        except ValueError as error:
            raise InputError(f"`a` and `b` must have the same seeds to be paired: {error}") from error
        return a, b
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        raise InputError(f"`a` and `b` must have the same shape to be paired; got {a.shape} and {b.shape}.")
    return a, b


def _epsilon(*arrays: Values) -> float:
    """The rounding of the coarsest of some arrays' numbers, relative to them; 0 where all are whole."""
    dtypes = [array.dtype for array in map(np.asarray, arrays)]
    return max((float(np.finfo(dtype).eps) for dtype in dtypes if dtype.kind == "f"), default=0.0)


def _differences(a: np.ndarray, b: np.ndarray, epsilon: float) -> np.ndarray:
    """a - b, all their mean where those of a row differ from it by the rounding of a and b alone."""
    with np.errstate(invalid="ignore", divide="ignore"):
        values, rounding = a - b, 2 * epsilon * np.maximum(np.abs(a), np.abs(b))
        finite = np.isfinite(values)
        mean = np.where(finite, values, 0).sum(-1, keepdims=True) / finite.sum(-1, keepdims=True)
        is_even = (~finite | (np.abs(values - mean) <= rounding)).all(-1, keepdims=True)
        return np.where(finite & is_even, mean, values)


def _moments(values: np.ndarray, rounding: float, fold_ratio: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Count, mean and standard error of the finite values along the last axis; NaN where there are too few.

    `rounding` is the variance that the values have lost; for `fold_ratio` see `t_interval`.
    """
    finite = np.isfinite(values)
    n = finite.sum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        # Beside the largest, from which equal values are exactly 0 away; their mean need not be one of them.
        largest = np.where(finite, values, -np.inf).max(-1, keepdims=True, initial=-np.inf)
        beside = np.where(finite, values - largest, 0)
        from_largest = beside.sum(-1) / n
        mean = np.where(n > 0, largest[..., 0] + from_largest, np.nan)
        squares = np.where(finite, beside - from_largest[..., None], 0) ** 2
        standard_error = np.sqrt((squares.sum(-1) / (n - 1) + rounding) * (1 / n + fold_ratio))
    return n, mean, standard_error


def _t_interval(
    values: np.ndarray, *, confidence: float, rounding: float = 0.0, fold_ratio: float = 0.0
) -> tuple[np.ndarray, ...]:
    n, mean, standard_error = _moments(values, rounding, fold_ratio)
    quantile = scipy.special.stdtrit(np.maximum(n - 1, 1), (1 + confidence) / 2)
    half_width = np.where(n == 1, np.inf, quantile * standard_error)
    return mean, mean - half_width, mean + half_width, n, values.shape[-1] - n


def _t_test(differences: np.ndarray, *, rounding: float, fold_ratio: float) -> np.ndarray:
    """Two-sided p-value of mean = 0.  Written out because `scipy.stats` warns without spread, and loads slowly."""
    n, mean, standard_error = _moments(differences, rounding, fold_ratio)
    with np.errstate(invalid="ignore", divide="ignore"):
        t = np.where(mean == 0, 0, np.abs(mean) / standard_error)
    p_value = np.where(np.isinf(t), 0.5 ** (n - 1.0), 2 * scipy.special.stdtr(np.maximum(n - 1, 1), -t))
    return np.where(n > 1, p_value, np.nan)[()]


def _along(axis: int | str, function: Callable[..., Any], *arrays: Values, num_outputs: int = 1) -> Any:
    """`function` on the last axis, once `axis` is moved there; labels are kept where arrays have them."""
    labelled = [array for array in arrays if isinstance(array, xr.DataArray)]
    if not labelled:
        if isinstance(axis, str):
            raise InputError(f"`axis` must be a number for an array without named dimensions; got {axis!r}.")
        return function(*(np.moveaxis(np.asarray(array, np.float64), axis, -1) for array in arrays))
    dim = labelled[0].dims[axis] if isinstance(axis, int) else axis
    for array in labelled:
        if dim not in array.dims:
            raise unknown("dimension of `values`", dim, [str(d) for d in array.dims])
    wide = [array.astype(np.float64) for array in labelled]
    inputs, outputs = [[dim]] * len(wide), [[] for _ in range(num_outputs)]
    return xr.apply_ufunc(function, *wide, input_core_dims=inputs, output_core_dims=outputs)
