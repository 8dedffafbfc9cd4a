"""The layer vocabulary: small Flax modules that share one call, `layer(x, mode)`.

Everything a layer needs to know besides its input is in `Mode`: whether this is training, the traced dropout
rate, and the key that dropout draws from.  A layer is described by static, hashable fields only (names instead
of functions), so that two networks built the same way compare equal and share a compiled program.
"""

import math
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxnn.errors import InputError, check_number, unknown
from jaxnn.kernels.channels import spread
from jaxnn.kernels.conv import conv2d
from jaxnn.kernels.dense import matmul
from jaxnn.kernels.norm import batch_norm
from jaxnn.kernels.pool import avg_pool, max_pool
from jaxnn.models.activations import activation_function
from jaxnn.types import Number


class Mode(NamedTuple):
    """How a network is being used: `train` is static, `dropout_rate` and `key` are traced.

    In training a network that drops units needs both; with `dropout_rate` None the layers that have no rate of
    their own are the identity.
    """

    train: bool = False
    dropout_rate: Number | None = None
    key: jax.Array | None = None


EVALUATION = Mode()

INITIALIZERS = {
    "glorot_uniform": nn.initializers.glorot_uniform(),
    "glorot_normal": nn.initializers.glorot_normal(),
    "he_uniform": nn.initializers.he_uniform(),
    "he_normal": nn.initializers.he_normal(),
    "lecun_uniform": nn.initializers.lecun_uniform(),
    "lecun_normal": nn.initializers.lecun_normal(),
    "orthogonal": nn.initializers.orthogonal(),
    "normal": nn.initializers.normal(0.01),
    "zeros": nn.initializers.zeros_init(),
    "ones": nn.initializers.ones_init(),
}


def initializer(name: str) -> nn.initializers.Initializer:
    """The initialiser called `name`, (key, shape, dtype) -> array.  Raises InputError for an unknown name."""
    if name not in INITIALIZERS:
        raise unknown("initializer", name, INITIALIZERS)
    return INITIALIZERS[name]


def _check_rank(layer: str, x: jax.Array, rank: int, axes: str) -> None:
    if x.ndim != rank:
        raise InputError(f"`{layer}` takes {rank} axes, {axes}; got an array of shape {x.shape}.")


class Dense(nn.Module):
    """y = x @ kernel + bias.  x (batch, m), kernel (m, features), bias (features,) -> y (batch, features)."""

    features: int
    use_bias: bool = True
    kernel_init: str = "glorot_uniform"
    bias_init: str = "zeros"

    @nn.compact
    def __call__(self, x: jax.Array, mode: Mode = EVALUATION) -> jax.Array:
        _check_rank("Dense", x, 2, "(batch, features); put a Flatten before it")
        kernel = self.param("kernel", initializer(self.kernel_init), (x.shape[-1], self.features))
        y = matmul(x, kernel)
        if self.use_bias:
            y = y + self.param("bias", initializer(self.bias_init), (self.features,))[None]
        return y


class Conv(nn.Module):
    """Two-dimensional cross-correlation, as every framework's "convolution".

    x (batch, height, width, channels), kernel (*kernel_size, channels, features), bias (features,).
    """

    features: int
    kernel_size: tuple[int, int] = (3, 3)
    strides: tuple[int, int] = (1, 1)
    padding: str | tuple[tuple[int, int], tuple[int, int]] = "SAME"
    use_bias: bool = True
    kernel_init: str = "glorot_uniform"
    bias_init: str = "zeros"

    @nn.compact
    def __call__(self, x: jax.Array, mode: Mode = EVALUATION) -> jax.Array:
        _check_rank("Conv", x, 4, "(batch, height, width, channels)")
        shape = (*self.kernel_size, x.shape[-1], self.features)
        kernel = self.param("kernel", initializer(self.kernel_init), shape)
        y = conv2d(x, kernel, strides=self.strides, padding=self.padding)
        if self.use_bias:
            y = y + spread(self.param("bias", initializer(self.bias_init), (self.features,)), y.shape)
        return y


class MaxPool(nn.Module):
    """Maximum over windows; the first maximum of a window gets the gradient.  Strides default to the window."""

    window: tuple[int, int] = (2, 2)
    strides: tuple[int, int] | None = None
    padding: str = "VALID"

    def __call__(self, x: jax.Array, mode: Mode = EVALUATION) -> jax.Array:
        _check_rank("MaxPool", x, 4, "(batch, height, width, channels)")
        return max_pool(x, self.window, strides=self.strides or self.window, padding=self.padding)


class AvgPool(nn.Module):
    """Mean over windows; `count_padding` tells whether padded zeros count.  Strides default to the window."""

    window: tuple[int, int] = (2, 2)
    strides: tuple[int, int] | None = None
    padding: str = "VALID"
    count_padding: bool = True

    def __call__(self, x: jax.Array, mode: Mode = EVALUATION) -> jax.Array:
        _check_rank("AvgPool", x, 4, "(batch, height, width, channels)")
        strides = self.strides or self.window
        return avg_pool(x, self.window, strides=strides, padding=self.padding, count_padding=self.count_padding)


class Upsample(nn.Module):
    """Every pixel as a block of `size` pixels: images (batch, height, width, channels) by nearest neighbour."""

    size: tuple[int, int] = (2, 2)

    def __call__(self, x: jax.Array, mode: Mode = EVALUATION) -> jax.Array:
        _check_rank("Upsample", x, 4, "(batch, height, width, channels)")
        return upsample(x, self.size)


def upsample(x: jax.Array, size: tuple[int, int]) -> jax.Array:
    """x (batch, h, w, channels) -> (batch, h * size[0], w * size[1], channels), each entry repeated as a block."""
    batch, height, width, channels = x.shape
    blocks = jnp.broadcast_to(x[:, :, None, :, None, :], (batch, height, size[0], width, size[1], channels))
    return blocks.reshape(batch, height * size[0], width * size[1], channels)


class BatchNorm(nn.Module):
    """Normalise each channel (last axis) over all other axes, then scale and shift.

    In training by the batch's mean and biased variance, which also move the running statistics:
    running <- momentum * running + (1 - momentum) * batch.  In evaluation by the running statistics.
    Source: Ioffe and Szegedy 2015, algorithm 1; defaults as in Keras.
    """

    momentum: float = 0.99
    epsilon: float = 1e-3

    @nn.compact
    def __call__(self, x: jax.Array, mode: Mode = EVALUATION) -> jax.Array:
        channels = x.shape[-1]
        scale = self.param("scale", nn.initializers.ones_init(), (channels,))
        bias = self.param("bias", nn.initializers.zeros_init(), (channels,))
        running_mean = self.variable("batch_stats", "mean", jnp.zeros, (channels,))
        running_var = self.variable("batch_stats", "var", jnp.ones, (channels,))
        if mode.train:
            y, mean, var = batch_norm(x, scale, bias, self.epsilon)
            if not self.is_initializing():
                running_mean.value = self.momentum * running_mean.value + (1 - self.momentum) * mean
                running_var.value = self.momentum * running_var.value + (1 - self.momentum) * var
            return y
        factor = scale * jax.lax.rsqrt(running_var.value + self.epsilon)
        return (x - spread(running_mean.value, x.shape)) * spread(factor, x.shape) + spread(bias, x.shape)


class Dropout(nn.Module):
    """Inverted dropout: a unit is kept with probability 1 - rate and then divided by it.  Identity in evaluation.

    `rate` fixes the rate of this layer; where it is None the layer takes the traced `mode.dropout_rate`, and is
    the identity if that is None too.  In training it needs `mode.key`.
    Source: Srivastava et al. 2014, section 10 (scaling in training instead of in evaluation).
    """

    rate: float | None = None

    def __call__(self, x: jax.Array, mode: Mode = EVALUATION) -> jax.Array:
        if self.rate is not None:
            check_number("dropout_rate", self.rate, low=0, high=1, high_open=True)
        rate = mode.dropout_rate if self.rate is None else self.rate
        if not mode.train or rate is None:
            return x
        if mode.key is None:
            raise InputError("`Dropout` in training draws random numbers: give `Mode(train=True, key=...)` a key.")
        return dropout(x, rate, mode.key)


def dropout(x: jax.Array, rate: Number, key: jax.Array) -> jax.Array:
    """x with each entry kept and divided by (1 - rate), or zeroed with probability `rate`.  Same shape as x."""
    keep = jax.random.uniform(key, x.shape) >= rate
    return jnp.where(keep, x / (1 - rate), 0)


class Flatten(nn.Module):
    """(batch, ...) -> (batch, product of the rest)."""

    def __call__(self, x: jax.Array, mode: Mode = EVALUATION) -> jax.Array:
        return x.reshape(x.shape[0], math.prod(x.shape[1:]))  # -1 has no meaning where the batch is empty


class Reshape(nn.Module):
    """(batch, ...) -> (batch, *shape), for networks that end in an image."""

    shape: tuple[int, ...]

    def __call__(self, x: jax.Array, mode: Mode = EVALUATION) -> jax.Array:
        return x.reshape(x.shape[0], *self.shape)


class Activation(nn.Module):
    """An elementwise function (softmax: over the last axis) by name; its input is the net input of the layer.

    `penalized` tells whether an activity penalty counts its output.
    """

    function: str
    penalized: bool = True

    def __call__(self, x: jax.Array, mode: Mode = EVALUATION) -> jax.Array:
        return activation_function(self.function)(x)
