"""Dropout with a given mask: random numbers are drawn outside, so that both passes see the same ones."""

import jax
import jax.numpy as jnp

from jaxnn.errors import InputError
from jaxnn.kernels.checks import check_fit, check_floating


def dropout_fwd(x: jax.Array, keep: jax.Array, *, rate: float | jax.Array):
    """y = x / (1 - rate) where kept, else 0.

    Args:
        x: any shape.
        keep: bool of the same shape, true with probability 1 - rate.
        rate: probability of dropping, in [0, 1); may be traced.

    Source: Srivastava et al. 2014, section 10 (scaling in training instead of in evaluation).
    """
    check_floating("dropout", {"x": x})
    check_fit("dropout", keep.shape == x.shape, "a mask `keep` of the shape of x", {"x": x, "keep": keep})
    if keep.dtype != jnp.bool_:
        raise InputError(f"`dropout` needs a boolean `keep`; got {keep.dtype} {keep.shape}.")
    kept_share = jnp.asarray(1 - rate, x.dtype)
    return jnp.where(keep, x / kept_share, 0), (keep, kept_share)


def dropout_bwd(residuals, y_bar: jax.Array):
    """Cotangents of (x, keep): the same mask and the same scale, x_bar = y_bar / (1 - rate) where kept, else 0.

    With D = diag(keep) / (1 - rate), y = D x and x_bar = D^T y_bar = D y_bar.  The mask has no derivative.
    """
    keep, kept_share = residuals
    return jnp.where(keep, y_bar / kept_share, 0), None
