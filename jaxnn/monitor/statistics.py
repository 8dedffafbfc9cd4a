"""What is recorded of arrays: a few moments and shares, and their histograms; pure functions for the device."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxnn.models import activation_function

NUM_BINS = 32

STATISTICS = ("min", "max", "mean", "std", "norm", "zeros", "saturated", "dead", "non_finite", "update_ratio")
"""The columns of `Description.statistics`: moments and Euclidean norm of the finite values; shares of zeros, of
saturated values, of dead units and of values that are not finite; norm of an update over that of what it moves.
"""

# A value is saturated where the slope of its activation is below this share of the steepest.
SATURATED_BELOW = 0.05
STEEPEST = {"sigmoid": 0.25, "softmax": 0.25}  # of the others about 1


# So many times an array is added up, or compared, half by half before the rest is reduced: that makes vectors on
# CPU, where a reduction takes one value at a time (a quarter of the time, for 3,200 values and for 100,000).
HALVINGS = 3


class Stack(NamedTuple):
    """Arrays of one shape, along the first axis of `values` (k, ..., units), floating point.

    saturated: of the same shape, where an activation is saturated; a unit is dead that is so everywhere.
    moved: whether they are parameters, their gradients and their updates, in this order, of which the last have an
        "update_ratio".
    """

    values: jax.Array
    saturated: jax.Array | None = None
    moved: bool = False


class Description(NamedTuple):
    """Arrays at one time: `statistics` (arrays, 10) float32, as `STATISTICS` names them, NaN where one has no
    meaning; `counts` (arrays, NUM_BINS) int32, of the finite values in bins of equal width from the minimum to the
    maximum."""

    statistics: jax.Array
    counts: jax.Array


def describe(stacks: Sequence[Stack]) -> Description:
    """The statistics and the histogram of every array of some stacks, one after another.

    Args:
        stacks: at least one, and no array in them is empty.
    """
    statistics, bins = zip(*map(_describe_stack, stacks), strict=True)
    return Description(jnp.concatenate(statistics), _count(bins))


def _describe_stack(stack: Stack) -> tuple[jax.Array, jax.Array]:
    """The statistics of the arrays of a stack, (k, 10), and the bins of their padded values, (k, rows, units)."""
    whole = stack.values.reshape(len(stack.values), -1, stack.values.shape[-1])
    whole = whole.astype(jnp.promote_types(whole.dtype, jnp.float32))
    size = whole[0].size
    values = _padded(whole, jnp.nan)  # which is not finite, and so nowhere counted
    finite = jnp.isfinite(values)
    low = _halved(jnp.minimum, jnp.where(finite, values, jnp.inf)).min((1, 2))
    high = _halved(jnp.maximum, jnp.where(finite, values, -jnp.inf)).max((1, 2))
    num_finite = _total(finite.astype(jnp.int32))
    # Of shares: the sum of the values themselves need not be finite.
    mean = _total(jnp.where(finite, values / size, 0)) * (size / num_finite)
    variance = _total(jnp.where(finite, jnp.square(values - mean[:, None, None]), 0)) / num_finite
    norm = jnp.sqrt(num_finite * (variance + jnp.square(mean)))
    columns = {
        "min": jnp.where(num_finite > 0, low, jnp.nan),
        "max": jnp.where(num_finite > 0, high, jnp.nan),
        "mean": mean,
        "std": jnp.sqrt(variance),
        "norm": norm,
        "zeros": _total((values == 0).astype(jnp.int32)) / size,
        "non_finite": (size - num_finite) / size,
    }
    if stack.saturated is not None:
        times = _halved(jnp.add, _padded(stack.saturated.reshape(whole.shape).astype(jnp.int32), 0)).sum(1)
        columns["saturated"] = times.sum(1) / size
        columns["dead"] = (times == whole.shape[1]).mean(1)
    absent = jnp.full(len(whole), jnp.nan)
    if stack.moved:
        columns["update_ratio"] = absent.at[2].set(norm[2] / norm[0])
    bins = _bins(values, finite, low[:, None, None], high[:, None, None])
    return jnp.stack([columns.get(name, absent) for name in STATISTICS], axis=1), bins


def _bins(values: jax.Array, finite: jax.Array, low: jax.Array, high: jax.Array) -> jax.Array:
    """Which of NUM_BINS bins of equal width from `low` to `high` each value is in; NUM_BINS where it is not finite.

    The last bin holds `high` itself; where `high` is `low`, the first holds everything.
    """
    # In halves: the range of two finite numbers need not be finite.
    width = high / 2 - low / 2
    share = (values / 2 - low / 2) / jnp.where(width > 0, width, 1)
    return jnp.where(finite, jnp.clip(share * NUM_BINS, 0, NUM_BINS - 1), NUM_BINS).astype(jnp.uint32)


def _count(bins: Sequence[jax.Array]) -> jax.Array:
    """How many values each bin of each array holds, (arrays, NUM_BINS) int32, from the bins of the stacks."""
    num_arrays = sum(map(len, bins))
    # Every array has its bins, and one that nobody reads, at a place of its own among those of all.
    places = jnp.arange(num_arrays, dtype=jnp.uint32) * (NUM_BINS + 1)
    starts = jnp.split(places, np.cumsum([len(stack) for stack in bins[:-1]]))
    even = [jnp.pad(stack, ((0, 0), (0, 0), (0, stack[0].size % 2)), constant_values=NUM_BINS) for stack in bins]

    def add_half(turn, counts):
        halves = [stack.reshape(len(stack), 2, -1)[:, turn] for stack in even]
        at = jnp.concatenate([(half + start[:, None]).ravel() for half, start in zip(halves, starts, strict=True)])
        return counts.at[at].add(1, mode="promise_in_bounds")

    # In two turns of a loop, before which the bins are written down: XLA on CPU would compute the outputs of a
    # layer once more for them, and value by value.
    counts = jax.lax.fori_loop(0, 2, add_half, jnp.zeros(num_arrays * (NUM_BINS + 1), jnp.int32))
    return counts.reshape(num_arrays, -1)[:, :NUM_BINS]


def _total(values: jax.Array) -> jax.Array:
    """The sums of padded arrays (k, rows, units), (k,)."""
    return _halved(jnp.add, values).sum((1, 2))


def _halved(combine: Callable, values: jax.Array) -> jax.Array:
    """Padded arrays (k, rows, units) with their halves combined, `_halvings` times."""
    for _ in range(_halvings(values.shape[1])):
        half = values.shape[1] // 2
        values = combine(values[:, :half], values[:, half:])
    return values


def _padded(values: jax.Array, constant: float) -> jax.Array:
    """Arrays (k, rows, units) with as many rows as can be halved."""
    missing = -values.shape[1] % 2 ** _halvings(values.shape[1])
    return jnp.pad(values, ((0, 0), (0, missing), (0, 0)), constant_values=constant)


def _halvings(num_rows: int) -> int:
    return min(HALVINGS, num_rows.bit_length() - 1)


def is_saturated(function: str, net_inputs: jax.Array, outputs: jax.Array) -> jax.Array:
    """Where an activation hardly reacts: its slope is below 5% of its steepest.  Of relu, where it is 0.

    Args:
        function: name of the activation.
        net_inputs: what it was applied to.
        outputs: what it gave, of the same shape; only of softmax, whose slope is that of a unit to its own input.
    """
    if function == "softmax":
        slope = outputs * (1 - outputs)
    else:
        _, slope = jax.jvp(activation_function(function), (net_inputs,), (jnp.ones_like(net_inputs),))
    return jnp.abs(slope) < SATURATED_BELOW * STEEPEST.get(function, 1.0)
