"""The hand-derived forward and backward pass of each layer module, and of a network as their chain."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import flax.linen as nn
import jax

from jaxnn.backprop.dense import bias_bwd, bias_fwd, dense_bwd, dense_fwd, linear_bwd, linear_fwd
from jaxnn.backprop.dropout import dropout_bwd, dropout_fwd
from jaxnn.backprop.norm import batch_norm_bwd, batch_norm_eval_bwd, batch_norm_eval_fwd, batch_norm_fwd
from jaxnn.backprop.pairs import ACTIVATIONS
from jaxnn.backprop.structure import flatten_bwd, flatten_fwd, reshape_bwd, reshape_fwd, upsample_bwd, upsample_fwd
from jaxnn.errors import InputError, unknown
from jaxnn.kernels import avg_pool_bwd, avg_pool_fwd, conv2d_bwd, conv2d_fwd, max_pool_bwd, max_pool_fwd
from jaxnn.models.layers import (
    Activation,
    AvgPool,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    MaxPool,
    Mode,
    Reshape,
    Upsample,
)

Variables = Mapping[str, Any]  # parameters or batch statistics of one layer, by name


class LayerPass(NamedTuple):
    """What the forward pass of a layer leaves behind.

    `pullback` is the backward pass: y_bar -> (x_bar, cotangents of the parameters by name).  `batch_stats` are
    those of a batch norm in training as the batch moved them, else None.
    """

    y: jax.Array
    pullback: Callable[[jax.Array], tuple[jax.Array, dict[str, jax.Array]]]
    batch_stats: Variables | None = None


class NetworkPass(NamedTuple):
    """The passes of all layers in order, and all batch statistics as the batch moved them."""

    layers: tuple[LayerPass, ...]
    batch_stats: dict[str, Variables]

    @property
    def outputs(self) -> jax.Array:
        return self.layers[-1].y


def forward(
    layers: Sequence[nn.Module], params: Mapping, batch_stats: Mapping, x: jax.Array, mode: Mode
) -> NetworkPass:
    """Apply `layers` one after another, as the model does, keeping what their backward passes need."""
    passes, moved = [], {}
    for position, layer in enumerate(layers):
        name = f"layers_{position}"
        if mode.key is not None and isinstance(layer, Dropout):
            layer_mode = mode._replace(key=jax.random.fold_in(mode.key, position))
        else:
            layer_mode = mode
        try:
            layer_pass = PASSES[type(layer)](layer, params.get(name, {}), batch_stats.get(name, {}), x, layer_mode)
        except InputError as error:
            raise InputError(f"layer {position} of the network, {type(layer).__name__}: {error}") from None
        passes.append(layer_pass)
        if name in batch_stats:
            moved[name] = layer_pass.batch_stats or batch_stats[name]
        x = layer_pass.y
    return NetworkPass(tuple(passes), moved)


def backward(
    passes: Sequence[LayerPass],
    y_bar: jax.Array,
    at_output: Callable[[int, jax.Array], jax.Array] | None = None,
) -> tuple[jax.Array, dict[str, dict[str, jax.Array]]]:
    """The chain rule: from the last layer to the first, each pulls the cotangent of its output back.

    Args:
        passes: what `forward` left.
        y_bar: cotangent of the outputs of the last layer.
        at_output: (position, y_bar) -> y_bar, called with the cotangent of each layer's output before it is pulled
            back; terms of the objective that see an inner output add theirs here.

    Returns:
        The cotangent of the network's inputs, and those of the parameters as {"layers_0": {"kernel": ...}, ...}.
    """
    grads = {}
    for position, layer_pass in reversed(list(enumerate(passes))):
        if at_output is not None:
            y_bar = at_output(position, y_bar)
        y_bar, layer_grads = layer_pass.pullback(y_bar)
        if layer_grads:
            grads[f"layers_{position}"] = layer_grads
    return y_bar, dict(reversed(grads.items()))


def check_layers(layers: Sequence[nn.Module]) -> None:
    """Raise InputError unless every layer has a hand-derived pair."""
    for position, layer in enumerate(layers):
        if type(layer) not in PASSES:
            known = ", ".join(f"`{kind.__name__}`" for kind in PASSES)
            raise InputError(
                f"layer {position} of the network, `{type(layer).__name__}`, has no hand-derived pair; "
                f"the layers that have one are {known}.  Train it with gradients by autodiff."
            )
        if isinstance(layer, Activation) and layer.function not in ACTIVATIONS:
            raise unknown("activation with a hand-derived pair", layer.function, ACTIVATIONS)


def _simple(fwd_result: tuple[jax.Array, Any], bwd: Callable) -> LayerPass:
    """The pass of a layer without parameters: its pair gives the cotangent of x first."""
    y, residuals = fwd_result
    return LayerPass(y, lambda y_bar: (bwd(residuals, y_bar)[0], {}))


def _dense(layer: Dense, params: Variables, batch_stats: Variables, x: jax.Array, mode: Mode) -> LayerPass:
    if layer.use_bias:
        y, residuals = dense_fwd(x, params["kernel"], params["bias"])
        bwd, names = dense_bwd, ("kernel", "bias")
    else:
        y, residuals = linear_fwd(x, params["kernel"])
        bwd, names = linear_bwd, ("kernel",)

    def pullback(y_bar):
        x_bar, *cotangents = bwd(residuals, y_bar)
        return x_bar, dict(zip(names, cotangents, strict=True))

    return LayerPass(y, pullback)


def _conv(layer: Conv, params: Variables, batch_stats: Variables, x: jax.Array, mode: Mode) -> LayerPass:
    y, residuals = conv2d_fwd(x, params["kernel"], strides=layer.strides, padding=layer.padding)
    if layer.use_bias:
        y, _ = bias_fwd(y, params["bias"])

    def pullback(y_bar):
        bias_grad = {"bias": bias_bwd(None, y_bar)[1]} if layer.use_bias else {}
        x_bar, kernel_bar = conv2d_bwd(residuals, y_bar)
        return x_bar, {"kernel": kernel_bar, **bias_grad}

    return LayerPass(y, pullback)


def _max_pool(layer: MaxPool, params: Variables, batch_stats: Variables, x: jax.Array, mode: Mode) -> LayerPass:
    return _simple(max_pool_fwd(x, layer.window, strides=layer.strides, padding=layer.padding), max_pool_bwd)


def _avg_pool(layer: AvgPool, params: Variables, batch_stats: Variables, x: jax.Array, mode: Mode) -> LayerPass:
    options = {"strides": layer.strides, "padding": layer.padding, "count_padding": layer.count_padding}
    return _simple(avg_pool_fwd(x, layer.window, **options), avg_pool_bwd)


def _upsample(layer: Upsample, params: Variables, batch_stats: Variables, x: jax.Array, mode: Mode) -> LayerPass:
    return _simple(upsample_fwd(x, size=layer.size), upsample_bwd)


def _batch_norm(layer: BatchNorm, params: Variables, batch_stats: Variables, x: jax.Array, mode: Mode) -> LayerPass:
    affine = params["scale"], params["bias"]
    if mode.train:
        y, residuals = batch_norm_fwd(x, *affine, epsilon=layer.epsilon)
        bwd, m = batch_norm_bwd, layer.momentum
        moved = {
            "mean": m * batch_stats["mean"] + (1 - m) * residuals.mean,
            "var": m * batch_stats["var"] + (1 - m) * residuals.var,
        }
    else:
        running = batch_stats["mean"], batch_stats["var"]
        y, residuals = batch_norm_eval_fwd(x, *affine, *running, epsilon=layer.epsilon)
        bwd, moved = batch_norm_eval_bwd, None

    def pullback(y_bar):
        x_bar, scale_bar, bias_bar, *_ = bwd(residuals, y_bar)
        return x_bar, {"scale": scale_bar, "bias": bias_bar}

    return LayerPass(y, pullback, moved)


def _dropout(layer: Dropout, params: Variables, batch_stats: Variables, x: jax.Array, mode: Mode) -> LayerPass:
    rate = mode.dropout_rate if layer.rate is None else layer.rate
    if not mode.train or rate is None:
        return LayerPass(x, lambda y_bar: (y_bar, {}))
    if mode.key is None:
        raise InputError("`Dropout` in training draws random numbers: give `Mode(train=True, key=...)` a key.")
    keep = jax.random.uniform(mode.key, x.shape) >= rate  # the same draw as the layer's
    return _simple(dropout_fwd(x, keep, rate=rate), dropout_bwd)


def _flatten(layer: Flatten, params: Variables, batch_stats: Variables, x: jax.Array, mode: Mode) -> LayerPass:
    return _simple(flatten_fwd(x), flatten_bwd)


def _reshape(layer: Reshape, params: Variables, batch_stats: Variables, x: jax.Array, mode: Mode) -> LayerPass:
    return _simple(reshape_fwd(x, shape=layer.shape), reshape_bwd)


def _activation(
    layer: Activation, params: Variables, batch_stats: Variables, x: jax.Array, mode: Mode
) -> LayerPass:
    pair = ACTIVATIONS[layer.function]
    return _simple(pair.fwd(x), pair.bwd)


PASSES: dict[type, Callable[[Any, Variables, Variables, jax.Array, Mode], LayerPass]] = {
    Dense: _dense,
    Conv: _conv,
    MaxPool: _max_pool,
    AvgPool: _avg_pool,
    Upsample: _upsample,
    BatchNorm: _batch_norm,
    Dropout: _dropout,
    Flatten: _flatten,
    Reshape: _reshape,
    Activation: _activation,
}
