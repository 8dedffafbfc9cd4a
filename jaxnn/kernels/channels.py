"""Sums over everything but the channels and their transpose, in the form that is fast on CPU."""

import math

import jax
import jax.numpy as jnp
from jax import lax


def channel_sums(x: jax.Array) -> jax.Array:
    """x (..., channels) -> (channels,), the sums over all other axes.

    On CPU XLA adds up the columns of a matrix with vector instructions, but sums over several axes number by
    number, five to eight times as slowly: so x is a matrix here, which the compiler may not see through.
    """
    return _opaque(x.reshape(-1, x.shape[-1])).sum(0)


def spread(values: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """values (channels,) repeated over all other axes -> `shape`: the transpose of `channel_sums`."""
    rows = jnp.broadcast_to(values, (math.prod(shape[:-1]), values.shape[0]))
    return _opaque(rows).reshape(shape)


def _opaque(rows: jax.Array) -> jax.Array:
    return lax.optimization_barrier(rows) if jax.default_backend() == "cpu" else rows
