"""The checker: is a backward pass the transpose of the derivative of its forward pass?

Four independent answers for one pair at one point: against `jax.vjp` in float64 and in float32, against central
differences, and by the order of the Taylor remainder.  Everything runs in float64 inside `jax.enable_x64`, whatever
the caller's setting, and leaves that setting alone.
"""

import math
from collections.abc import Callable
from math import nan
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxnn.backprop.point import Point, by_autodiff, by_hand, largest_error, make_point, misfit, quick_jit

# Largest normwise errors ||found - wanted|| / ||wanted|| of a tensor, and the smallest Taylor slope, that pass.
FLOAT64_TOLERANCE = 1e-10
FLOAT32_TOLERANCE = 1e-6
DIFFERENCES_TOLERANCE = 1e-7
SMALLEST_SLOPE = 1.8

_DIFFERENCE_STEP = 1e-5
_TAYLOR_STEPS = 1e-2 * 0.5 ** np.arange(6)
_DTYPES = ("bfloat16", "float32", "float64")


class Check(NamedTuple):
    """What the checker found.  Errors are the largest over the tensors, each ||found - wanted|| / ||wanted||.

    `value` compares the forward pass with the reference (0 without one); `taylor_slope` is 2 or more for a correct
    gradient, 1 for a wrong one, infinite where the function is linear; `dtype` lists the dtypes that are kept;
    `reason` says what failed, and is empty for a pass.
    """

    name: str
    verdict: str
    value: float
    vjp_float64: float
    vjp_float32: float
    differences: float
    taylor_slope: float
    dtype: str
    reason: str


def check(
    fwd: Callable,
    bwd: Callable,
    *args: Any,
    reference: Callable | None = None,
    name: str | None = None,
    seed: int = 0,
    max_directions: int = 128,
) -> Check:
    """Examine a pair at a point away from the kinks of its function.

    Args:
        fwd: (*args) -> (y, residuals), y one array.
        bwd: (residuals, y_bar) -> one cotangent for each argument, None for those without floating numbers.
        *args: arrays or pytrees of arrays.  Floating ones are differentiated, in float32 and in float64.
        reference: another way to the same y, (*args) -> y; it is differentiated instead of `fwd` where given.
        name: what the result is called; the name of `fwd` if not given.
        seed: of the random cotangent and directions.
        max_directions: of the central differences, for each tensor: basis vectors if they suffice, else random.

    Returns:
        Check: its `verdict` is "pass" or "fail".

    Raises:
        InputError: no argument is floating.
    """
    name = str(name or getattr(fwd, "__name__", "pair"))
    rng = np.random.default_rng(seed)
    with jax.enable_x64(True):
        point = make_point(name, fwd, args, rng)
        kept, reason = _kept_dtypes(fwd, bwd, point)
        if reason:
            return Check(name, "fail", nan, nan, nan, nan, nan, kept, reason)
        y, grads = by_hand(fwd, bwd, point, jnp.float64)
        grads32 = by_hand(fwd, bwd, point, jnp.float32)[1]
        truth = reference or (lambda *args: fwd(*args)[0])
        y_true, grads_true = by_autodiff(truth, point)
        differences, slope = _by_differences(fwd, point, grads, rng, max_directions)
    figures = (
        largest_error([y], [y_true]),
        largest_error(grads, grads_true),
        largest_error(grads32, grads_true),
        differences,
        slope,
    )
    reason = _judge(*figures)
    return Check(name, "fail" if reason else "pass", *figures, kept, reason)


def _kept_dtypes(fwd: Callable, bwd: Callable, point: Point) -> tuple[str, str]:
    """The dtypes in which y and the cotangents have the dtype of the arguments; and what is wrong, if anything."""
    kept, reason = [], ""
    for dtype in _DTYPES:
        y, residuals = jax.eval_shape(fwd, *point.args(dtype))
        cotangents = jax.eval_shape(bwd, residuals, jax.ShapeDtypeStruct(y.shape, y.dtype))
        wrong = misfit(cotangents, point, dtype)
        if y.dtype != dtype:
            wrong = f"y is {y.dtype} for {dtype} arguments"
        reason = reason or wrong
        kept += [] if wrong else [dtype]
    return " ".join(kept), reason


def _by_differences(
    fwd: Callable, point: Point, grads: list[Any], rng: np.random.Generator, max_directions: int
) -> tuple[float, float]:
    """Largest normwise error against central differences, and the slope of the Taylor remainder.

    Both look at phi(x) = <y_bar, f(x)> along straight lines; all points of all lines are one call.
    """
    sizes = [leaf.size for leaf in point.wanted()]
    x = np.concatenate([leaf.ravel() for leaf in point.wanted()])
    grad = np.concatenate([np.ravel(np.asarray(g)) for g in grads])
    directions = _directions(sizes, max_directions, rng)
    ray = rng.normal(size=x.size)
    ray /= np.linalg.norm(ray)
    steps = _DIFFERENCE_STEP * directions
    points = np.concatenate([x + steps, x - steps, x + _TAYLOR_STEPS[:, None] * ray, x[None]])
    phi = _along(fwd, point, sizes)(jnp.asarray(points), jnp.asarray(point.y_bar, jnp.float64))
    ahead, behind, on_ray, here = np.split(np.asarray(phi), np.cumsum([len(steps), len(steps), len(_TAYLOR_STEPS)]))

    found = directions @ grad
    wanted = (ahead - behind) / (2 * _DIFFERENCE_STEP)
    ends = np.cumsum([min(size, max_directions) for size in sizes])[:-1]
    differences = largest_error(np.split(found, ends), np.split(wanted, ends), zero=1e-8)
    remainders = np.abs(on_ray - here - _TAYLOR_STEPS * (ray @ grad))
    return differences, _slope(remainders, scale=float(np.abs(here).max() + np.abs(ray * grad).sum()))


def _along(fwd: Callable, point: Point, sizes: list[int]) -> Callable:
    """phi(x) = <y_bar, f(x)> for a stack of flat x, jitted."""
    shapes = [leaf.shape for leaf in point.wanted()]

    def phi(x, y_bar):
        parts = jnp.split(x, np.cumsum(sizes)[:-1])
        floating = [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]
        return jnp.vdot(y_bar, fwd(*point.args(jnp.float64, floating))[0])

    return quick_jit(lambda points, y_bar: jax.lax.map(lambda x: phi(x, y_bar), points))


def _directions(sizes: list[int], max_directions: int, rng: np.random.Generator) -> np.ndarray:
    """Directions for each tensor by itself: its basis, or `max_directions` random signs of length 1."""
    blocks = []
    for place, size in enumerate(sizes):
        block = np.eye(size)
        if size > max_directions:
            block = rng.choice([-1.0, 1.0], size=(max_directions, size)) / math.sqrt(size)
        before, after = sum(sizes[:place]), sum(sizes[place + 1 :])
        blocks.append(np.pad(block, ((0, 0), (before, after))))
    return np.concatenate(blocks)


def _slope(remainders: np.ndarray, scale: float) -> float:
    """Order p in remainder = c h^p by least squares, from the remainders above rounding; infinite if none is."""
    above = remainders > 1e-13 * scale
    if above.sum() < 2:
        return math.inf
    return float(np.polyfit(np.log(_TAYLOR_STEPS[above]), np.log(remainders[above]), 1)[0])


def _judge(value: float, vjp_float64: float, vjp_float32: float, differences: float, slope: float) -> str:
    """Why the figures fail, or nothing; NaN never passes."""
    limits = (
        ("forward pass against the reference", value, FLOAT64_TOLERANCE),
        ("jax.vjp in float64", vjp_float64, FLOAT64_TOLERANCE),
        ("jax.vjp in float32", vjp_float32, FLOAT32_TOLERANCE),
        ("central differences", differences, DIFFERENCES_TOLERANCE),
    )
    for what, error, limit in limits:
        if not error <= limit:
            return f"{what}: error {error:.1e} above {limit:.0e}"
    return "" if slope >= SMALLEST_SLOPE else f"Taylor remainder: slope {slope:.2f} below {SMALLEST_SLOPE}"
