"""What is recorded of arrays: a few moments and shares, and their histograms; pure functions for the device."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxnn.models import activation_function

NUM_BINS = 32

STATISTICS = ("min", "max", "mean", "std", "norm", "zeros", "saturated", "dead", "non_finite", "update_ratio")
"""The columns of `Description.statistics`: moments and Euclidean norm of the finite values; shares of zeros, of
saturated values, of dead units and of values that are not finite; norm of an update over that of what it moves,
which has no meaning where the latter is 0.
"""

# Those that every tensor has.
MOMENTS = ("min", "max", "mean", "std", "norm", "zeros", "non_finite")

# A value is saturated where the slope of its activation is below this share of the steepest.
SATURATED_BELOW = 0.05
STEEPEST = {"sigmoid": 0.25, "softmax": 0.25}  # of the others about 1


# Tensors of up to these sizes are described together, each filled up to the largest of them: to compile what
# describes one takes longer than to describe it.  Of the larger ones those of one size are.
GROUPS_UP_TO = (256, 4096)

# So many times an array is added up, or compared, half by half before the rest is reduced: that makes vectors on
# CPU, where a reduction takes one value at a time (a quarter of the time, for 3,200 values and for 100,000).
HALVINGS = 3


class Tensor(NamedTuple):
    """An array that is to be described: `values` (..., units), floating point, at least one.

    saturated: of the same shape, where an activation is saturated; a unit is dead that is so everywhere.
    present: of the same shape, which values are there, at least one: those of a padded unit are not.  None: all.
    update_of: the position, among the tensors, of that which this one will be added to.
    """

    values: jax.Array
    saturated: jax.Array | None = None
    present: jax.Array | None = None
    update_of: int | None = None


class Description(NamedTuple):
    """Arrays at one time: `statistics` (arrays, 10) float32, as `STATISTICS` names them, NaN where one has no
    meaning; `counts` (arrays, NUM_BINS) int32, of the finite values in bins of equal width from the minimum to the
    maximum."""

    statistics: jax.Array
    counts: jax.Array


def describe(tensors: Sequence[Tensor]) -> Description:
    """The statistics and the histogram of every tensor, at least one."""
    groups: dict[int, list[int]] = {}
    for position, tensor in enumerate(tensors):
        size = tensor.values.size
        groups.setdefault(next((most for most in GROUPS_UP_TO if size <= most), size), []).append(position)
    positions = list(groups.values())
    moments, bins = zip(*(_describe_group([tensors[place] for place in group]) for group in positions), strict=True)
    moments = jnp.concatenate(moments)[np.argsort(np.concatenate(positions))]
    found = dict(zip(MOMENTS, moments.T, strict=True)) | _saturation(tensors)
    absent = jnp.full(len(tensors), jnp.nan)
    updates = [(position, one.update_of) for position, one in enumerate(tensors) if one.update_of is not None]
    if updates:
        moves, moved = np.transpose(updates)
        moved_norms = jnp.where(found["norm"][moved] > 0, found["norm"][moved], jnp.nan)
        found["update_ratio"] = absent.at[moves].set(found["norm"][moves] / moved_norms)
    statistics = jnp.stack([found.get(name, absent) for name in STATISTICS], axis=1)
    return Description(statistics.astype(jnp.float32), _count(bins, positions))


def _describe_group(tensors: Sequence[Tensor]) -> tuple[jax.Array, jax.Array]:
    """The `MOMENTS` of some tensors, (tensors, 7), and the bins of their values, (tensors, length)."""
    values, size = _side_by_side(tensors)
    finite = jnp.isfinite(values)
    low = _halved(jnp.minimum, jnp.where(finite, values, jnp.inf)).min(1)
    high = _halved(jnp.maximum, jnp.where(finite, values, -jnp.inf)).max(1)
    num_finite = _total(finite.astype(jnp.int32))
    # Of shares: the sum of the values themselves need not be finite.
    mean = _total(jnp.where(finite, values / size[:, None], 0)) * (size / num_finite)
    # In units of the largest: squares of small gradients would be 0, and of large ones infinite.
    unit = _unit(jnp.maximum(-low, high))
    share = mean / unit
    variance = _total(jnp.where(finite, jnp.square(values / unit[:, None] - share[:, None]), 0)) / num_finite
    moments = {
        "min": jnp.where(num_finite > 0, low, jnp.nan),
        "max": jnp.where(num_finite > 0, high, jnp.nan),
        "mean": mean,
        "std": unit * jnp.sqrt(variance),
        "norm": unit * jnp.sqrt(num_finite * (variance + jnp.square(share))),
        "zeros": _total((values == 0).astype(jnp.int32)) / size,
        "non_finite": (size - num_finite) / size,
    }
    columns = jnp.stack([moments[name] for name in MOMENTS], axis=1)
    return columns, _bins(values, finite, low[:, None], high[:, None])


def tree_norm(tree: Any) -> jax.Array:
    """The Euclidean norm of all leaves of a tree together, whose squares need be no float32."""
    unit = _unit(jnp.stack([jnp.zeros(()), *(jnp.abs(leaf).max() for leaf in jax.tree.leaves(tree))]).max())
    return unit * optax.tree.norm(jax.tree.map(lambda leaf: leaf / unit, tree))


def _unit(largest: jax.Array) -> jax.Array:
    """What numbers are divided by before they are squared: the largest; 1 where that is 0 or not finite.

    Within bounds: a division may be a product with the reciprocal, which is 0 for the largest float32.
    """
    return jnp.where((largest > 0) & jnp.isfinite(largest), jnp.clip(largest, 2.0**-100, 2.0**100), 1)


def _side_by_side(tensors: Sequence[Tensor]) -> tuple[jax.Array, jax.Array]:
    """Tensors as the rows of one array, which can be halved, float32 or wider; and their sizes, (tensors,) int32.

    What is not there is NaN, which is not finite, and so nowhere counted.
    """
    length = -(-max(tensor.values.size for tensor in tensors) // 2**HALVINGS) * 2**HALVINGS
    dtype = jnp.result_type(jnp.float32, *(tensor.values.dtype for tensor in tensors))
    rows, sizes = [], []
    for tensor in tensors:
        values, present = tensor.values, tensor.present
        sizes.append(values.size if present is None else present.sum())
        there = values if present is None else jnp.where(present, values, jnp.nan)
        rows += [there.ravel().astype(dtype), np.full(length - values.size, np.nan, dtype)]
    return jnp.concatenate(rows).reshape(-1, length), jnp.stack([jnp.asarray(size, jnp.int32) for size in sizes])


def _saturation(tensors: Sequence[Tensor]) -> dict[str, jax.Array]:
    """Shares of saturated values and of dead units, (tensors,); NaN for what is no activation."""
    saturated, dead = [], []
    for tensor in tensors:
        values, present = tensor.values, tensor.present
        if tensor.saturated is None:
            saturated.append(jnp.nan)
            dead.append(jnp.nan)
            continue
        units = values.shape[-1]
        times = tensor.saturated.reshape(-1, units).astype(jnp.int32).sum(0)
        there = jnp.ones(units, bool) if present is None else present.reshape(-1, units)[0]
        num_units, num_rows = there.sum(), values.size // units
        saturated.append(jnp.where(there, times, 0).sum() / (num_units * num_rows))
        dead.append((there & (times == num_rows)).sum() / num_units)
    return {"saturated": jnp.stack(saturated), "dead": jnp.stack(dead)}


def _bins(values: jax.Array, finite: jax.Array, low: jax.Array, high: jax.Array) -> jax.Array:
    """Which of NUM_BINS bins of equal width from `low` to `high` each value is in; NUM_BINS where it is not finite.

    The last bin holds `high` itself; where `high` is `low`, the first holds everything.
    """
    # In halves: the range of two finite numbers need not be finite.
    width = high / 2 - low / 2
    share = (values / 2 - low / 2) / jnp.where(width > 0, width, 1)
    return jnp.where(finite, jnp.clip(share * NUM_BINS, 0, NUM_BINS - 1), NUM_BINS).astype(jnp.uint32)


def _count(bins: Sequence[jax.Array], positions: Sequence[Sequence[int]]) -> jax.Array:
    """How many values each bin of each tensor holds, (tensors, NUM_BINS) int32.

    Args:
        bins: of the values of each group, (tensors of the group, length).
        positions: of the tensors of each group, among all.
    """
    num_tensors = sum(map(len, bins))
    # Every tensor has its bins, and one that nobody reads, at a place of its own among those of all.
    starts = [np.array(group, np.uint32)[:, None] * np.uint32(NUM_BINS + 1) for group in positions]

    def add_half(turn, counts):
        halves = [group.reshape(len(group), 2, -1)[:, turn] for group in bins]
        at = jnp.concatenate([(half + start).ravel() for half, start in zip(halves, starts, strict=True)])
        return counts.at[at].add(1, mode="promise_in_bounds")

    # In two turns of a loop, before which the bins are written down: XLA on CPU would compute the outputs of a
    # layer once more for them, and value by value.
    counts = jax.lax.fori_loop(0, 2, add_half, jnp.zeros(num_tensors * (NUM_BINS + 1), jnp.int32))
    return counts.reshape(num_tensors, -1)[:, :NUM_BINS]


def _total(values: jax.Array) -> jax.Array:
    """The sums of rows that can be halved, (tensors,)."""
    return _halved(jnp.add, values).sum(1)


def _halved(combine: Callable, values: jax.Array) -> jax.Array:
    """Rows with their halves combined, `HALVINGS` times."""
    for _ in range(HALVINGS):
        values = combine(*jnp.split(values, 2, axis=1))
    return values


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
