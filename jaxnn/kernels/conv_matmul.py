"""Convolution as matrix products over patches: the form that is fast on CPU and stays fast inside a scan.

`vmap` over images or kernels adds a batch axis to the products; nothing becomes a grouped convolution.
Shapes: x (batch, height, width, channels), kernel (height, width, channels // groups, features),
y (batch, out_height, out_width, features).  Letters in the products: m a place of the window, t a tap (cell
of the window), g a group, c a channel of the group, o a feature of the group.
"""

import jax
import jax.numpy as jnp

from jaxnn.kernels.window import Window, pad_images, taps, taps_transposed


def forward(window: Window, groups: int, x: jax.Array, kernel: jax.Array) -> jax.Array:
    """y = P(x) K."""
    y = jnp.einsum("mtgc,tcgo->mgo", _patches(window, groups, x), _blocks(groups, kernel))
    return y.reshape(x.shape[0], *window.out, kernel.shape[3])


def transpose_kernel(window: Window, groups: int, x: jax.Array, y_bar: jax.Array) -> jax.Array:
    """kernel_bar = P(x)^T y_bar."""
    features = y_bar.shape[3]
    y_bar = y_bar.reshape(-1, groups, features // groups)
    kernel_bar = jnp.einsum("mtgc,mgo->tcgo", _patches(window, groups, x), y_bar)
    return kernel_bar.reshape(*window.size, x.shape[3] // groups, features)


def transpose_x(window: Window, groups: int, y_bar: jax.Array, kernel: jax.Array) -> jax.Array:
    """x_bar = P^T(y_bar K^T)."""
    batch, out_height, out_width, features = y_bar.shape
    y_bar = y_bar.reshape(-1, groups, features // groups)
    cells = jnp.einsum("mgo,tcgo->tmgc", y_bar, _blocks(groups, kernel))
    cells = cells.reshape(len(cells), batch, out_height, out_width, groups * kernel.shape[2])
    return taps_transposed(list(cells), window)


def _patches(window: Window, groups: int, x: jax.Array) -> jax.Array:
    """(batch * out_height * out_width, taps, groups, channels // groups)."""
    patches = jnp.stack(taps(pad_images(x, window), window), axis=3)
    return patches.reshape(-1, patches.shape[3], groups, x.shape[3] // groups)


def _blocks(groups: int, kernel: jax.Array) -> jax.Array:
    """(taps, channels // groups, groups, features // groups)."""
    height, width, channels, features = kernel.shape
    return kernel.reshape(height * width, channels, groups, features // groups)
