"""What is recorded of an array: a few moments and shares, and its histogram; pure functions for the device."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxnn.models import activation_function

NUM_BINS = 32

STATISTICS = ("min", "max", "mean", "std", "norm", "zeros", "saturated", "dead", "non_finite", "update_ratio")
"""The columns of `Description.statistics`: moments and Euclidean norm of the finite values; shares of zeros, of
saturated values, of dead units and of values that are not finite; norm of an update over that of what it moves.
"""

# A value is saturated where the slope of its activation is below this share of the steepest.
SATURATED_BELOW = 0.05
STEEPEST = {"sigmoid": 0.25, "softmax": 0.25}  # of the others about 1


class Description(NamedTuple):
    """One array at one time: `statistics` (10,) float32, as `STATISTICS` names them, NaN where one has no meaning;
    `counts` (NUM_BINS,) int32, of the finite values in bins of equal width from the minimum to the maximum."""

    statistics: jax.Array
    counts: jax.Array


def describe(values: jax.Array, saturated: jax.Array | None = None) -> Description:
    """The statistics and the histogram of an array; its "update_ratio" is left to who knows what it updates.

    Args:
        values: any shape, floating point; the last axis is that of the units.
        saturated: of the same shape, where an activation is saturated; a unit is dead that is so everywhere.
    """
    finite = jnp.isfinite(values)
    num_finite = finite.sum()
    kept = jnp.where(finite, values, 0)
    low = jnp.where(finite, values, jnp.inf).min()
    high = jnp.where(finite, values, -jnp.inf).max()
    mean = kept.sum() / num_finite
    variance = jnp.where(finite, jnp.square(values - mean), 0).sum() / num_finite
    columns = {
        "min": jnp.where(num_finite > 0, low, jnp.nan),
        "max": jnp.where(num_finite > 0, high, jnp.nan),
        "mean": mean,
        "std": jnp.sqrt(variance),
        "norm": jnp.sqrt(num_finite * (variance + jnp.square(mean))),
        "zeros": (values == 0).mean(),
        "non_finite": (values.size - num_finite) / values.size,
    }
    if saturated is not None:
        columns["saturated"] = saturated.mean()
        columns["dead"] = saturated.all(axis=tuple(range(values.ndim - 1))).mean()
    absent = jnp.full((), jnp.nan)
    return Description(
        jnp.stack([columns.get(name, absent) for name in STATISTICS]), histogram(kept, finite, low, high)
    )


def with_update_ratio(described: Description) -> Description:
    """Descriptions of parameters, gradients and updates (3, ...), with the norm of the updates over that of the
    parameters."""
    norm, ratio = STATISTICS.index("norm"), STATISTICS.index("update_ratio")
    value = described.statistics[2, norm] / described.statistics[0, norm]
    return described._replace(statistics=described.statistics.at[2, ratio].set(value))


def histogram(values: jax.Array, counted: jax.Array, low: jax.Array, high: jax.Array) -> jax.Array:
    """How many of the `counted` values fall in each of NUM_BINS bins of equal width from `low` to `high`.

    The last bin holds `high` itself; where `high` is `low`, the first holds everything.
    """
    # In halves: the range of two finite numbers need not be finite.
    width = high / 2 - low / 2
    share = (values / 2 - low / 2) / jnp.where(width > 0, width, 1)
    bins = jnp.clip((share * NUM_BINS).astype(jnp.int32), 0, NUM_BINS - 1)
    return jnp.zeros(NUM_BINS, jnp.int32).at[bins.ravel()].add(counted.ravel().astype(jnp.int32))


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
