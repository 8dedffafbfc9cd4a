"""Convolution as matrix products: the form that is fast on CPU and stays fast inside a scan.

`vmap` over images or kernels adds a batch axis to the products; nothing becomes a grouped convolution.

With few channels the taps (what each cell of the window sees) are laid side by side and one product does it
all; with many, a product for each tap is large enough by itself and the copy is saved.

Shapes: x (batch, height, width, channels), kernel (height, width, channels // groups, features),
y (batch, out_height, out_width, features).
"""

import math
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from jaxnn.kernels.window import Window, add_up, pad_images, taps, taps_transposed

# Measured inside a scan on CPU: below, one product over patches is faster; from here on, one a tap.
_MANY_CHANNELS = 32


def forward(window: Window, groups: int, x: jax.Array, kernel: jax.Array) -> jax.Array:
    """y = sum_t tap_t K_t = P(x) K, where P(x) = [tap_1, tap_2, ...] and K stacks the kernel's cells K_t."""
    return _each_group(partial(_forward, window), groups, x, kernel)


def transpose_kernel(window: Window, groups: int, x: jax.Array, y_bar: jax.Array) -> jax.Array:
    """kernel_bar: K_t_bar = tap_t^T y_bar, or K_bar = P(x)^T y_bar."""
    return _each_group(partial(_transpose_kernel, window), groups, x, y_bar)


def transpose_x(window: Window, groups: int, y_bar: jax.Array, kernel: jax.Array) -> jax.Array:
    """x_bar: tap_t_bar = y_bar K_t^T, or P_bar = y_bar K^T; each tap's is added where the tap was read."""
    return _each_group(partial(_transpose_x, window), groups, y_bar, kernel)


def _each_group(
    function: Callable[[jax.Array, jax.Array], jax.Array], groups: int, a: jax.Array, b: jax.Array
) -> jax.Array:
    """`function` on each block of the last axis of both arguments; in every array here groups lie there."""
    if groups == 1:
        return function(a, b)
    a, b = (v.reshape(*v.shape[:-1], groups, v.shape[-1] // groups) for v in (a, b))
    out = jax.vmap(function, in_axes=-2, out_axes=-2)(a, b)
    return out.reshape(*out.shape[:-2], groups * out.shape[-1])


def _forward(window: Window, x: jax.Array, kernel: jax.Array) -> jax.Array:
    channels, features = kernel.shape[2:]
    cells = [_rows(tap) for tap in taps(pad_images(x, window), window)]
    if channels < _MANY_CHANNELS:
        y = jnp.concatenate(cells, axis=1) @ kernel.reshape(-1, features)
    else:
        kernels = kernel.reshape(-1, channels, features)
        y = add_up([cell @ k for cell, k in zip(cells, kernels, strict=True)])
    return y.reshape(x.shape[0], *window.out, features)


def _transpose_kernel(window: Window, x: jax.Array, y_bar: jax.Array) -> jax.Array:
    channels, features = x.shape[3], y_bar.shape[3]
    cells = [_rows(tap) for tap in taps(pad_images(x, window), window)]
    if channels < _MANY_CHANNELS:
        cells = [jnp.concatenate(cells, axis=1)]
    # tap^T y_bar as (y_bar^T tap)^T, up to twice as fast on CPU as long as the compiler may not fold it back.
    y_bar_t = lax.optimization_barrier(_rows(y_bar).T)
    kernel_bar = jnp.concatenate([lax.optimization_barrier(y_bar_t @ cell).T for cell in cells])
    return kernel_bar.reshape(*window.size, channels, features)


def _transpose_x(window: Window, y_bar: jax.Array, kernel: jax.Array) -> jax.Array:
    channels, features = kernel.shape[2:]
    if channels < _MANY_CHANNELS:
        patches_bar = _rows(y_bar) @ kernel.reshape(-1, features).T
        cells = jnp.split(patches_bar, math.prod(window.size), axis=1)
    else:
        cells = [_rows(y_bar) @ k.T for k in kernel.reshape(-1, channels, features)]
    return taps_transposed([cell.reshape(*y_bar.shape[:3], channels) for cell in cells], window)


def _rows(images: jax.Array) -> jax.Array:
    """(batch, height, width, channels) as a matrix of (places, channels)."""
    return images.reshape(-1, images.shape[3])
