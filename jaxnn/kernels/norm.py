"""Batch norm in training, with a derivative that passes over the images as few times as can be."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from jaxnn.kernels.channels import channel_sums, spread

Moments = tuple[jax.Array, jax.Array, jax.Array]


@partial(jax.custom_jvp, nondiff_argnums=(3,))
def batch_norm(x: jax.Array, scale: jax.Array, bias: jax.Array, epsilon: float) -> Moments:
    """y = scale * x_hat + bias with x_hat = (x - mean) / sqrt(var + epsilon), and the mean and variance taken.

    x (..., channels), scale and bias (channels,) -> y like x, mean and (biased) variance (channels,), over all axes
    but the last.  Derivatives of every order and mode go through it.  Source: Ioffe and Szegedy 2015, algorithm 1.
    """
    return _forward(x, scale, bias, epsilon)[0]


@batch_norm.defjvp
def _batch_norm_jvp(epsilon: float, primals: Moments, tangents: Moments) -> tuple[Moments, Moments]:
    """y_dot = a x_dot + (bias_dot - a mean(x_dot)) + x_hat (scale_dot - a mean(x_hat x_dot)), a = scale / sigma.

    The derivation is that of `jaxnn.backprop.batch_norm_bwd`.  In this order its transpose takes two sums,
    bias_bar = sum y_bar and scale_bar = sum x_hat y_bar, and makes x_bar of them; autodiff of y takes five.
    """
    (x, scale, _), (x_dot, scale_dot, bias_dot) = primals, tangents
    (y, mean, var), x_hat, inv_std = _forward(*primals, epsilon)
    n, a = x.size // x.shape[-1], scale * inv_std
    mean_dot = channel_sums(x_dot) / n
    along_x_hat = channel_sums(x_hat * x_dot) / n
    shift, along = bias_dot - a * mean_dot, scale_dot - a * along_x_hat
    y_dot = x_dot * spread(a, x.shape) + spread(shift, x.shape) + x_hat * spread(along, x.shape)
    return (y, mean, var), (y_dot, mean_dot, 2 * along_x_hat / inv_std)


def _forward(
    x: jax.Array, scale: jax.Array, bias: jax.Array, epsilon: float
) -> tuple[Moments, jax.Array, jax.Array]:
    """(y, mean, var), x_hat and 1 / sigma."""
    n = x.size // x.shape[-1]
    mean = channel_sums(x) / n
    centred = x - spread(mean, x.shape)
    var = channel_sums(jnp.square(centred)) / n
    inv_std = lax.rsqrt(var + epsilon)
    x_hat = centred * spread(inv_std, x.shape)
    return (x_hat * spread(scale, x.shape) + spread(bias, x.shape), mean, var), x_hat, inv_std
