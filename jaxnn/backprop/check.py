"""The checker: is a backward pass the transpose of the derivative of its forward pass?

Four independent answers for one pair at one point: against `jax.vjp` in float64 and in float32, against central
differences, and by the order of the Taylor remainder.  Everything runs in float64 inside `jax.enable_x64`, whatever
the caller's setting, and leaves that setting alone.
"""

import functools
import math
from collections.abc import Callable, Sequence
from math import nan
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxnn.errors import InputError

# Largest normwise errors ||found - wanted|| / ||wanted|| of a tensor, and the smallest Taylor slope, that pass.
FLOAT64_TOLERANCE = 1e-10
FLOAT32_TOLERANCE = 1e-6
DIFFERENCES_TOLERANCE = 1e-7
SMALLEST_SLOPE = 1.8

_DIFFERENCE_STEP = 1e-5
_TAYLOR_STEPS = 1e-2 * 0.5 ** np.arange(6)
_DTYPES = ("bfloat16", "float32", "float64")

# Everything here runs once: compile fast rather than well.
_jit = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})


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


class Point(NamedTuple):
    """Where a pair is examined: its arguments as leaves, those that are differentiated, and the cotangent."""

    leaves: list[np.ndarray]
    structure: Any
    floating: list[int]
    y_bar: np.ndarray

    def args(self, dtype: Any, floating: Sequence[jax.Array] | None = None) -> tuple:
        """The arguments with their floating leaves in `dtype`, or with others put in their place."""
        leaves = [jnp.asarray(leaf) for leaf in self.leaves]
        for place, index in enumerate(self.floating):
            leaves[index] = jnp.asarray(leaves[index] if floating is None else floating[place], dtype)
        return jax.tree.unflatten(self.structure, leaves)

    def wanted(self) -> list[np.ndarray]:
        return [self.leaves[index] for index in self.floating]


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


def make_point(name: str, fwd: Callable, args: tuple, rng: np.random.Generator) -> Point:
    leaves, structure = jax.tree.flatten(args)
    leaves = [np.asarray(leaf) for leaf in leaves]
    floating = [i for i, leaf in enumerate(leaves) if jnp.issubdtype(leaf.dtype, jnp.floating)]
    if not floating:
        raise InputError(f"`check` of `{name}` needs a floating argument; integers have no derivative.")
    for i in floating:  # numbers that float32 holds exactly, so that both precisions are at the same point
        leaves[i] = leaves[i].astype(np.float32).astype(np.float64)
    point = Point(leaves, structure, floating, np.zeros(()))
    y = jax.eval_shape(lambda *args: fwd(*args)[0], *point.args(jnp.float64))
    return point._replace(y_bar=rng.normal(size=y.shape).astype(np.float32))


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


def misfit(cotangents: Any, point: Point, dtype: str) -> str:
    """What is wrong with the number, shapes and dtypes of the cotangents; empty if nothing."""
    found, wanted = jax.tree.leaves(cotangents), point.wanted()
    if len(found) != len(wanted):
        return f"{len(found)} cotangents for {len(wanted)} floating arguments"
    for place, (cotangent, leaf) in enumerate(zip(found, wanted, strict=True)):
        if cotangent.shape != leaf.shape or cotangent.dtype != dtype:
            return f"cotangent {place} is {cotangent.dtype} {cotangent.shape} for {dtype} {leaf.shape}"
    return ""


def by_hand(fwd: Callable, bwd: Callable, point: Point, dtype: Any) -> tuple[Any, list[Any]]:
    @_jit
    def both_passes(args, y_bar):
        y, residuals = fwd(*args)
        return y, jax.tree.leaves(bwd(residuals, y_bar))

    return both_passes(point.args(dtype), jnp.asarray(point.y_bar, dtype))


def by_autodiff(function: Callable, point: Point) -> tuple[Any, list[Any]]:
    @_jit
    def both_passes(floating, y_bar):
        y, vjp = jax.vjp(lambda *floating: function(*point.args(jnp.float64, floating)), *floating)
        return y, list(vjp(y_bar))

    return both_passes([jnp.asarray(leaf) for leaf in point.wanted()], jnp.asarray(point.y_bar, jnp.float64))


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

    return _jit(lambda points, y_bar: jax.lax.map(lambda x: phi(x, y_bar), points))


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


def largest_error(found: Sequence[Any], wanted: Sequence[Any], *, zero: float = 1e-12) -> float:
    """The largest ||found - wanted|| / ||wanted|| over the tensors; NaN if one of them holds a NaN.

    A tensor that should be 0 (to the share `zero` of the largest: rounding) is compared with the largest instead;
    the gradient of a bias before a batch norm is such a one.
    """
    norms = [float(np.linalg.norm(tensor)) for tensor in wanted]
    largest = max(norms)
    scales = [norm if norm > zero * largest else largest or 1.0 for norm in norms]
    differences = [np.linalg.norm(np.subtract(a, b, dtype=np.float64)) for a, b in zip(found, wanted, strict=True)]
    return float(np.max(np.divide(differences, scales)))  # np.max hands NaN on


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
