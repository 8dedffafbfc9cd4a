"""Gradients of single examples, and their norms without forming them.

A batch gradient is the sum of one gradient an example.  Forming them all takes batch times the memory of the
parameters; their norms (for clipping, for finding outliers, for the noise of the gradient) need only what the
backward pass has anyway, the input of each layer and the cotangent of its output.
"""

import math

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxnn.backprop.network import loss_pair
from jaxnn.backprop.norm import batch_norm_eval_fwd
from jaxnn.backprop.pairs import Pair
from jaxnn.backprop.passes import backward, check_layers, forward
from jaxnn.errors import InputError
from jaxnn.kernels.checks import check_fit, check_floating
from jaxnn.kernels.conv import ConvResiduals, conv2d_bwd, conv2d_fwd
from jaxnn.kernels.window import pad_images, taps
from jaxnn.losses import LossFunction
from jaxnn.models.layers import EVALUATION, BatchNorm, Conv, Dense
from jaxnn.models.network import Network
from jaxnn.types import Params


def dense_grads(x: jax.Array, y_bar: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The gradients of kernel and bias for each example: x_i y_bar_i^T (batch, m, n) and y_bar_i (batch, n)."""
    _check_rows("dense_grads", x, y_bar)
    return x[:, :, None] * y_bar[:, None, :], y_bar


def dense_squared_norms(x: jax.Array, y_bar: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The squared norms of `dense_grads`, (batch,) each, in O(m + n) an example instead of O(m n).

    A gradient of one example is an outer product, whose Frobenius norm is the product of the norms:
    sum_kj (x_k y_bar_j)^2 = sum_k x_k^2 sum_j y_bar_j^2.  Source: Goodfellow 2015, arXiv:1510.01799.
    """
    _check_rows("dense_squared_norms", x, y_bar)
    of_bias = (y_bar**2).sum(axis=1)
    return (x**2).sum(axis=1) * of_bias, of_bias


def conv2d_grads(residuals: ConvResiduals, y_bar: jax.Array) -> jax.Array:
    """The gradient of the kernel for each example: (batch, *kernel.shape)."""

    def of_one(x, y_bar):
        alone = ConvResiduals(x[None], residuals.kernel, residuals.spec)
        return conv2d_bwd(alone, y_bar[None])[1]

    return jax.vmap(of_one)(residuals.x, y_bar)


def conv2d_squared_norms(residuals: ConvResiduals, y_bar: jax.Array) -> jax.Array:
    """The squared norms of `conv2d_grads`, (batch,).

    With P_i the patches of image i (places, cells) and Y_i its y_bar (places, features), the gradient is
    P_i^T Y_i, and ||P^T Y||^2 = tr(Y^T P P^T Y) = sum over places of (P P^T) * (Y Y^T): two matrices of
    places x places.  Where the kernel is smaller than those, forming P_i^T Y_i of one block is cheaper, and done.
    Source: Rochette, Manoel and Tramel 2019; Bu et al. 2022 (the mixed rule).
    """
    window, groups, _ = residuals.spec
    places = window.out[0] * window.out[1]
    if residuals.kernel.size // groups < 2 * places**2:
        grads = conv2d_grads(residuals, y_bar)
        return (grads**2).sum(axis=(1, 2, 3, 4))
    cells = jnp.stack(taps(pad_images(residuals.x, window), window), axis=3)
    group = cells.shape[-1] // groups
    patches = cells.reshape(len(cells), places, math.prod(window.size), groups, group)
    y_bar = y_bar.reshape(len(y_bar), places, groups, y_bar.shape[-1] // groups)
    inner_x = jnp.einsum("bptgc,bqtgc->bgpq", patches, patches)
    inner_y = jnp.einsum("bpgo,bqgo->bgpq", y_bar, y_bar)
    return (inner_x * inner_y).sum(axis=(1, 2, 3))


def gradient_norms(model: Network, loss: LossFunction | Pair):
    """The norm of every example's gradient with respect to all parameters of a network, from one backward pass.

    Returns:
        norms(variables, x, y) -> (batch,), in evaluation mode, for in training a batch norm mixes the examples.

    Raises:
        InputError: a layer or a loss without a hand-derived pair.
    """
    check_layers(model.layers)
    pair = loss_pair(loss)

    def norms(variables: Params, x: jax.Array, y: jax.Array) -> jax.Array:
        params, batch_stats = variables.get("params", {}), variables.get("batch_stats", {})
        network = forward(model.layers, params, batch_stats, x, EVALUATION)
        inputs = [x, *(layer_pass.y for layer_pass in network.layers[:-1])]
        cotangents: dict[int, jax.Array] = {}

        def note(position: int, y_bar: jax.Array) -> jax.Array:
            cotangents[position] = y_bar
            return y_bar

        losses, residuals = pair.fwd(network.outputs, y)
        backward(network.layers, pair.bwd(residuals, jnp.ones_like(losses))[0], note)
        total = jnp.zeros_like(losses)
        for position, layer in enumerate(model.layers):
            name = f"layers_{position}"
            if name in params:
                variables = {**params[name], **batch_stats.get(name, {})}
                total += _squared_norms(layer, variables, inputs[position], cotangents[position])
        return jnp.sqrt(total)

    return norms


def _squared_norms(layer: nn.Module, variables: Params, x: jax.Array, y_bar: jax.Array) -> jax.Array:
    """The squared norm of each example's gradient with respect to all parameters of one layer, (batch,)."""
    of_bias = (_sum_over_places(y_bar) ** 2).sum(axis=1)
    if isinstance(layer, Dense):
        of_kernel = dense_squared_norms(x, y_bar)[0]
        return of_kernel + of_bias if layer.use_bias else of_kernel
    if isinstance(layer, Conv):
        _, residuals = conv2d_fwd(x, variables["kernel"], strides=layer.strides, padding=layer.padding)
        of_kernel = conv2d_squared_norms(residuals, y_bar)
        return of_kernel + of_bias if layer.use_bias else of_kernel
    if isinstance(layer, BatchNorm):
        running = variables["mean"], variables["var"]
        _, residuals = batch_norm_eval_fwd(
            x, variables["scale"], variables["bias"], *running, epsilon=layer.epsilon
        )
        return of_bias + (_sum_over_places(y_bar * residuals.x_hat) ** 2).sum(axis=1)
    raise InputError(f"`{type(layer).__name__}` has no rule for the gradients of single examples.")


def _sum_over_places(values: jax.Array) -> jax.Array:
    """(batch, ..., channels) -> (batch, channels)."""
    return values.sum(axis=tuple(range(1, values.ndim - 1)))


def _check_rows(layer: str, x: jax.Array, y_bar: jax.Array) -> None:
    arrays = {"x": x, "y_bar": y_bar}
    check_floating(layer, arrays)
    check_fit(
        layer, x.ndim == y_bar.ndim == 2 and len(x) == len(y_bar), "x (batch, m) and y_bar (batch, n)", arrays
    )
