"""Penalties: scalars that are added to the mean loss.  Each takes one array; a network's penalty is their sum."""

import jax
import jax.numpy as jnp

from jaxnn.kernels.checks import check_fit, check_floating


def l1_fwd(kernel: jax.Array):
    """y = sum |w|, a scalar, of a kernel of any shape."""
    check_floating("l1", {"kernel": kernel})
    return jnp.abs(kernel).sum(), kernel


def l1_bwd(kernel, y_bar: jax.Array):
    """dy/dw = sign(w), 0 at the kink w = 0, so that a weight may rest there (`jnp.abs` would push it by 1)."""
    return (y_bar * jnp.sign(kernel),)


def l2_fwd(kernel: jax.Array):
    """y = sum w^2, a scalar without a half, of a kernel of any shape."""
    check_floating("l2", {"kernel": kernel})
    return (kernel**2).sum(), kernel


def l2_bwd(kernel, y_bar: jax.Array):
    """dy/dw = 2 w."""
    return (y_bar * 2 * kernel,)


def activity_l1_fwd(activations: jax.Array):
    """y = sum |a| / batch, a scalar.  activations (batch, ...)."""
    check_floating("activity_l1", {"activations": activations})
    check_fit("activity_l1", activations.ndim >= 1, "activations (batch, ...)", {"activations": activations})
    return jnp.abs(activations).sum() / activations.shape[0], activations


def activity_l1_bwd(activations, y_bar: jax.Array):
    """dy/da = sign(a) / batch, 0 at the kink."""
    return (y_bar * jnp.sign(activations) / activations.shape[0],)
