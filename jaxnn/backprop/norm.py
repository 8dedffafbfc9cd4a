"""Normalisation: batch norm in training and in evaluation, and layer norm."""

from typing import NamedTuple

import jax

from jaxnn.kernels.channels import channel_sums, spread
from jaxnn.kernels.checks import check_fit, check_floating


class NormResiduals(NamedTuple):
    """x_hat, 1 / sigma and the scale are what the backward pass needs; mean and var move running statistics."""

    x_hat: jax.Array
    inv_std: jax.Array
    scale: jax.Array
    mean: jax.Array
    var: jax.Array


def batch_norm_fwd(x: jax.Array, scale: jax.Array, bias: jax.Array, *, epsilon: float = 1e-3):
    """Training: y = scale * x_hat + bias with x_hat = (x - mean) / sqrt(var + epsilon).

    x (..., channels), scale and bias (channels,); mean and (biased) variance of each channel are taken over
    all other axes, N values.  Source: Ioffe and Szegedy 2015, algorithm 1.
    """
    _check_norm("batch_norm", x, {"scale": scale, "bias": bias})
    n = x.size // x.shape[-1]
    mean = channel_sums(x) / n
    centred = x - spread(mean, x.shape)
    var = channel_sums(centred**2) / n
    inv_std = jax.lax.rsqrt(var + epsilon)
    x_hat = centred * spread(inv_std, x.shape)
    y = spread(scale, x.shape) * x_hat + spread(bias, x.shape)
    return y, NormResiduals(x_hat, inv_std, scale, mean, var)


def batch_norm_bwd(residuals: NormResiduals, y_bar: jax.Array):
    """Cotangents of (x, scale, bias), through the mean and the variance.

    For one channel with N values write g_i = scale * y_bar_i for the cotangent of x_hat_i, and
    sigma = sqrt(var + epsilon).  x_j moves x_hat_i in three ways: directly (1[i = j] / sigma), through the mean
    (-1 / (N sigma)), and through sigma; there dvar/dx_j = 2 (x_j - mean) / N and
    dx_hat_i / dvar = -x_hat_i / (2 sigma^2) give -x_hat_i x_hat_j / (N sigma).  Summed over i, three terms:

        x_bar_j = (1 / sigma) [g_j - (1/N) sum_i g_i - x_hat_j (1/N) sum_i g_i x_hat_i]
        scale_bar = sum_i y_bar_i x_hat_i,        bias_bar = sum_i y_bar_i.

    Matrix form: x_bar = (I - 1 1^T / N - x_hat x_hat^T / N) g / sigma, which takes out of g its mean and its
    part along x_hat: sum x_bar = 0 always, and sum x_bar x_hat = 0 up to epsilon (exactly for epsilon = 0).

    The scale is one number here, so the sums over g are those of the two other cotangents:

        x_bar_j = (scale / sigma) [y_bar_j - bias_bar / N - x_hat_j scale_bar / N].
    """
    x_hat, inv_std, scale, *_ = residuals
    shape, n = y_bar.shape, y_bar.size // y_bar.shape[-1]
    scale_bar, bias_bar = channel_sums(y_bar * x_hat), channel_sums(y_bar)
    through_mean, through_var = spread(bias_bar / n, shape), x_hat * spread(scale_bar / n, shape)
    x_bar = spread(scale * inv_std, shape) * (y_bar - through_mean - through_var)
    return x_bar, scale_bar, bias_bar


def batch_norm_eval_fwd(
    x: jax.Array, scale: jax.Array, bias: jax.Array, mean: jax.Array, var: jax.Array, *, epsilon: float = 1e-3
):
    """Evaluation: y = scale * (x - mean) / sqrt(var + epsilon) + bias with the running mean and variance.

    x (..., channels), all others (channels,).
    """
    _check_norm("batch_norm_eval", x, {"scale": scale, "bias": bias, "mean": mean, "var": var})
    lead = _leading(x)
    inv_std = jax.lax.rsqrt(var + epsilon)
    x_hat = (x - mean[lead]) * inv_std[lead]
    return scale[lead] * x_hat + bias[lead], NormResiduals(x_hat, inv_std, scale, mean, var)


def batch_norm_eval_bwd(residuals: NormResiduals, y_bar: jax.Array):
    """Cotangents of (x, scale, bias, mean, var): the statistics are constants of x here, so one term remains.

    x_bar = y_bar scale / sigma                 scale_bar = sum y_bar x_hat        bias_bar = sum y_bar
    mean_bar = -sum y_bar scale / sigma         var_bar = -scale sum y_bar x_hat / (2 sigma^2)
    """
    x_hat, inv_std, scale, *_ = residuals
    bias_bar = channel_sums(y_bar)
    scale_bar = channel_sums(y_bar * x_hat)
    factor = scale * inv_std
    x_bar = y_bar * factor[_leading(y_bar)]
    return x_bar, scale_bar, bias_bar, -bias_bar * factor, -scale * scale_bar * inv_std**2 / 2


def layer_norm_fwd(x: jax.Array, scale: jax.Array, bias: jax.Array, *, epsilon: float = 1e-6):
    """y = scale * (x - mean) / sqrt(var + epsilon) + bias, mean and biased variance over the last axis.

    x (..., channels), scale and bias (channels,).  Source: Ba, Kiros and Hinton 2016.
    """
    _check_norm("layer_norm", x, {"scale": scale, "bias": bias})
    mean = x.mean(axis=-1, keepdims=True)
    var = ((x - mean) ** 2).mean(axis=-1, keepdims=True)
    inv_std = jax.lax.rsqrt(var + epsilon)
    x_hat = (x - mean) * inv_std
    lead = _leading(x)
    return scale[lead] * x_hat + bias[lead], NormResiduals(x_hat, inv_std, scale, mean[..., 0], var[..., 0])


def layer_norm_bwd(residuals: NormResiduals, y_bar: jax.Array):
    """Cotangents of (x, scale, bias): the three terms of `batch_norm_bwd` with the sums over a row's channels.

    N is the number of channels and g = scale * y_bar now varies inside a sum; scale and bias are shared by all
    rows, so their cotangents still add up over every axis but the last:

        x_bar = (1 / sigma) [g - mean(g) - x_hat mean(g x_hat)].
    """
    x_hat, inv_std, scale, *_ = residuals
    g = scale[_leading(y_bar)] * y_bar
    through_mean = g.mean(axis=-1, keepdims=True)
    through_var = x_hat * (g * x_hat).mean(axis=-1, keepdims=True)
    return inv_std * (g - through_mean - through_var), channel_sums(y_bar * x_hat), channel_sums(y_bar)


def _leading(x: jax.Array) -> tuple[None, ...]:
    """The index that gives an array (channels,) the axes of x."""
    return (None,) * (x.ndim - 1)


def _check_norm(layer: str, x: jax.Array, per_channel: dict[str, jax.Array]) -> None:
    arrays = {"x": x, **per_channel}
    check_floating(layer, arrays)
    fits = x.ndim >= 2 and all(array.shape == x.shape[-1:] for array in per_channel.values())
    check_fit(layer, fits, "x (..., channels) and the others (channels,)", arrays)
