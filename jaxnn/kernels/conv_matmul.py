"""Convolution as matrix products: the form that is fast on CPU and stays fast inside a scan.

`vmap` over images or kernels adds a batch axis to the products; nothing becomes a grouped convolution.

What each cell of the window sees (the taps) is laid side by side, a row for each place of the output: the patches
P(x).  One product of them does it all.  They are several times as large as the images, so they are made for as many
images at a time as a core's cache holds.  The loop over the images has a second use: what comes out of it is
stored, where the compiler would otherwise compute a sum of products again for each of its readers.

Shapes: x (batch, height, width, channels), kernel (height, width, channels // groups, features),
y (batch, out_height, out_width, features).
"""

import math
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import DTypeLike

from jaxnn.kernels.window import Window, pad_images, taps, taps_transposed

# Bytes of patches at a time.  Measured: scripts/bench --case convolution.
PATCHES_AT_ONCE = 2 << 20


def forward(window: Window, groups: int, x: jax.Array, kernel: jax.Array) -> jax.Array:
    """y = P(x) K, where P(x) = [tap_1, tap_2, ...] and K stacks the kernel's cells."""
    return _each_group(partial(_forward, window), groups, x, kernel)


def transpose_kernel(window: Window, groups: int, x: jax.Array, y_bar: jax.Array) -> jax.Array:
    """kernel_bar: K_bar = P(x)^T y_bar."""
    return _each_group(partial(_transpose_kernel, window), groups, x, y_bar)


def transpose_x(window: Window, groups: int, y_bar: jax.Array, kernel: jax.Array) -> jax.Array:
    """x_bar: P_bar = y_bar K^T; each tap's columns of it are added where the tap was read."""
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
    features = kernel.shape[3]

    def some(images: jax.Array) -> jax.Array:
        y = _patches(images, window) @ kernel.reshape(-1, features)
        return y.reshape(images.shape[0], *window.out, features)

    return _few_at_a_time(some, _num_chunks(window, x.shape[0], x.shape[3], x.dtype), x)


def _transpose_kernel(window: Window, x: jax.Array, y_bar: jax.Array) -> jax.Array:
    channels, features = x.shape[3], y_bar.shape[3]

    def some(images: jax.Array, y_bar: jax.Array) -> jax.Array:
        # P^T y_bar as (y_bar^T P)^T, up to twice as fast on CPU as long as the compiler may not fold it back.
        y_bar_t = lax.optimization_barrier(_rows(y_bar).T)
        return lax.optimization_barrier(y_bar_t @ _patches(images, window))

    def step(total: jax.Array, chunk: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
        return total + some(*chunk), None

    num_chunks = _num_chunks(window, x.shape[0], channels, x.dtype)
    if num_chunks == 1:
        total = some(x, y_bar)
    else:
        zero = jnp.zeros((features, math.prod(window.size) * channels), x.dtype)
        total, _ = lax.scan(step, zero, (_chunks(x, num_chunks), _chunks(y_bar, num_chunks)))
    return total.T.reshape(*window.size, channels, features)


def _transpose_x(window: Window, y_bar: jax.Array, kernel: jax.Array) -> jax.Array:
    channels, features = kernel.shape[2:]

    def some(y_bar: jax.Array) -> jax.Array:
        patches_bar = _rows(y_bar) @ kernel.reshape(-1, features).T
        cells = jnp.split(patches_bar, math.prod(window.size), axis=1)
        return taps_transposed([cell.reshape(*y_bar.shape[:3], channels) for cell in cells], window)

    return _few_at_a_time(some, _num_chunks(window, y_bar.shape[0], channels, y_bar.dtype), y_bar)


def _few_at_a_time(function: Callable[[jax.Array], jax.Array], num_chunks: int, images: jax.Array) -> jax.Array:
    """function(images), which treats every image apart, chunk by chunk."""
    if num_chunks == 1:
        return function(images)
    y = lax.map(function, _chunks(images, num_chunks))
    return y.reshape(images.shape[0], *y.shape[2:])


def _chunks(images: jax.Array, num_chunks: int) -> jax.Array:
    return images.reshape(num_chunks, -1, *images.shape[1:])


def _num_chunks(window: Window, batch: int, channels: int, dtype: DTypeLike) -> int:
    """Into how many equal chunks `batch` images are divided, so that a chunk's patches stay in the cache."""
    an_image = math.prod(window.out) * math.prod(window.size) * channels * jnp.dtype(dtype).itemsize
    most = max(PATCHES_AT_ONCE // an_image, 1)
    fewest = 2 - batch % 2  # a loop of one turn would be none
    return next((n for n in range(fewest, batch + 1) if batch % n == 0 and batch // n <= most), 1)


def _patches(images: jax.Array, window: Window) -> jax.Array:
    """What each place of the output sees, a row each: (batch * out_height * out_width, cells * channels)."""
    return jnp.concatenate([_rows(tap) for tap in taps(pad_images(images, window), window)], axis=1)


def _rows(images: jax.Array) -> jax.Array:
    """(batch, height, width, channels) as a matrix of (places, channels)."""
    return images.reshape(-1, images.shape[3])
