"""One point at which a pair is examined, and what a pair and `jax.vjp` give there."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxnn.errors import InputError

# Everything that a check compiles runs once: compile fast rather than well.
quick_jit = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})


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
        """The leaves that are differentiated."""
        return [self.leaves[index] for index in self.floating]


def make_point(name: str, fwd: Callable, args: tuple, rng: np.random.Generator) -> Point:
    """The point of `args`, with a random cotangent.  Raises InputError if there is nothing to differentiate."""
    leaves, structure = jax.tree.flatten(args)
    leaves = [np.asarray(leaf) for leaf in leaves]
    floating = [i for i, leaf in enumerate(leaves) if jnp.issubdtype(leaf.dtype, jnp.floating)]
    if not floating:
        raise InputError(f"`check` of `{name}` needs a floating argument; integers have no derivative.")
    for i in floating:  # numbers that float32 holds exactly, so that both precisions are at the same point
        leaves[i] = leaves[i].astype(np.float32).astype(np.float64)
    point = Point(leaves, structure, floating, np.zeros(()))
    y = jax.eval_shape(lambda *args: fwd(*args)[0], *point.args(jnp.float64))
    if not isinstance(y, jax.ShapeDtypeStruct):
        raise InputError(f"`{name}` must return (y, residuals) with one array y; its y is a {type(y).__name__}.")
    return point._replace(y_bar=rng.normal(size=y.shape).astype(np.float32))


def by_hand(fwd: Callable, bwd: Callable, point: Point, dtype: Any) -> tuple[Any, list[Any]]:
    """y and the cotangents of the differentiated leaves that a pair gives in `dtype`."""

    @quick_jit
    def both_passes(args, y_bar):
        y, residuals = fwd(*args)
        return y, jax.tree.leaves(bwd(residuals, y_bar))

    return both_passes(point.args(dtype), jnp.asarray(point.y_bar, dtype))


def by_autodiff(function: Callable, point: Point) -> tuple[Any, list[Any]]:
    """The same in float64 by `jax.vjp` of a function (*args) -> y."""

    @quick_jit
    def both_passes(floating, y_bar):
        y, vjp = jax.vjp(lambda *floating: function(*point.args(jnp.float64, floating)), *floating)
        return y, list(vjp(y_bar))

    return both_passes([jnp.asarray(leaf) for leaf in point.wanted()], jnp.asarray(point.y_bar, jnp.float64))


def misfit(cotangents: Any, point: Point, dtype: str) -> str:
    """What is wrong with the number, shapes and dtypes of the cotangents; empty if nothing."""
    found, wanted = jax.tree.leaves(cotangents), point.wanted()
    if len(found) != len(wanted):
        return f"{len(found)} cotangents for {len(wanted)} floating arguments"
    for place, (cotangent, leaf) in enumerate(zip(found, wanted, strict=True)):
        if cotangent.shape != leaf.shape or cotangent.dtype != dtype:
            return f"cotangent {place} is {cotangent.dtype} {cotangent.shape} for {dtype} {leaf.shape}"
    return ""


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
