"""Layers that move numbers and do no arithmetic: flatten, reshape, upsampling, embedding, residual addition."""

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax.tree_util import register_static

from jaxnn.errors import InputError
from jaxnn.kernels.checks import check_fit, check_floating


@register_static
@dataclass(frozen=True)
class Shape:
    """A shape as a residual: static under `jit` and `vmap`, where a tuple of numbers would become arrays."""

    sizes: tuple[int, ...]


def flatten_fwd(x: jax.Array):
    """y[i, :] = all entries of x[i] in row-major order.  x (batch, ...) -> y (batch, product of the rest)."""
    check_floating("flatten", {"x": x})
    check_fit("flatten", x.ndim >= 1, "x (batch, ...)", {"x": x})
    return x.reshape(x.shape[0], math.prod(x.shape[1:])), Shape(x.shape)


def flatten_bwd(shape: Shape, y_bar: jax.Array):
    """A renumbering of the entries: its transpose is its inverse."""
    return (y_bar.reshape(shape.sizes),)


def reshape_fwd(x: jax.Array, *, shape: tuple[int, ...]):
    """y[i] = x[i] in another shape.  x (batch, ...) -> y (batch, *shape)."""
    check_floating("reshape", {"x": x})
    fits = x.ndim >= 1 and math.prod(x.shape[1:]) == math.prod(shape)
    check_fit("reshape", fits, f"x (batch, ...) with {math.prod(shape)} entries each for {shape}", {"x": x})
    return x.reshape(x.shape[0], *shape), Shape(x.shape)


def reshape_bwd(shape: Shape, y_bar: jax.Array):
    """A renumbering of the entries: its transpose is its inverse."""
    return (y_bar.reshape(shape.sizes),)


def upsample_fwd(x: jax.Array, *, size: tuple[int, int]):
    """y[b, i, j, c] = x[b, i // size[0], j // size[1], c].  x (batch, height, width, channels)."""
    check_floating("upsample", {"x": x})
    check_fit("upsample", x.ndim == 4, "x (batch, height, width, channels)", {"x": x})
    return x.repeat(size[0], axis=1).repeat(size[1], axis=2), Shape((*x.shape[:3], *size, x.shape[3]))


def upsample_bwd(shape: Shape, y_bar: jax.Array):
    """x_bar[b, i, j, c] = sum of y_bar over the block of (i, j): what was copied collects from all its copies."""
    batch, height, width, tall, wide, channels = shape.sizes
    return (y_bar.reshape(batch, height, tall, width, wide, channels).sum(axis=(2, 4)),)


def embedding_fwd(table: jax.Array, indices: jax.Array):
    """y[...] = table[indices[...]].  table (rows, features), indices (...) integers -> y (..., features)."""
    check_floating("embedding", {"table": table})
    check_fit("embedding", table.ndim == 2, "a table (rows, features)", {"table": table, "indices": indices})
    if not jnp.issubdtype(indices.dtype, jnp.integer):
        raise InputError(f"`embedding` needs integer `indices`; got {indices.dtype} {indices.shape}.")
    return table[indices], (indices, Shape(table.shape))


def embedding_bwd(residuals, y_bar: jax.Array):
    """Cotangents of (table, indices): a row collects from every place that read it.

    y = E table with the one-hot matrix E[n, r] = 1[indices_n = r], hence table_bar = E^T y_bar, that is
    table_bar[r] = sum over n with indices_n = r of y_bar[n].  Indices have no derivative.
    """
    indices, shape = residuals
    return jnp.zeros(shape.sizes, y_bar.dtype).at[indices].add(y_bar), None


def residual_fwd(x: jax.Array, branch: jax.Array):
    """y = x + branch, the end of a residual block.  Both have the shape of y."""
    arrays = {"x": x, "branch": branch}
    check_floating("residual", arrays)
    check_fit("residual", x.shape == branch.shape, "x and branch of one shape", arrays)
    return x + branch, None


def residual_bwd(residuals, y_bar: jax.Array):
    """Cotangents of (x, branch): both receive y_bar, so the gradient reaches x whatever the branch does.

    Source: He et al. 2016, "Identity mappings in deep residual networks", equation 5.
    """
    return y_bar, y_bar
