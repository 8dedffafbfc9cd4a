"""Convolution and both its transposes as XLA convolutions: the form for accelerators.

Same functions and shapes as `conv_matmul`.  A cotangent of a convolution is a convolution again:
for x, y_bar spread out by the strides, correlated with the flipped kernel; for the kernel, x correlated with
y_bar spread out by the strides, the batch taking the place of the channels.
"""

import jax
from jax import lax

from jaxnn.kernels.window import Window, extent

_IMAGES = ("NHWC", "HWIO", "NHWC")
_BATCH_AS_CHANNELS = ("CHWN", "IHWO", "HWNC")


def forward(window: Window, groups: int, x: jax.Array, kernel: jax.Array) -> jax.Array:
    """y, the correlation of x with the kernel."""
    return lax.conv_general_dilated(
        x,
        kernel,
        window.strides,
        window.padding,
        rhs_dilation=window.dilation,
        dimension_numbers=_IMAGES,
        feature_group_count=groups,
    )


def transpose_kernel(window: Window, groups: int, x: jax.Array, y_bar: jax.Array) -> jax.Array:
    """kernel_bar: strides and dilation change places, for i*d + p*s is symmetric in (i, d) and (p, s)."""
    padding = [
        (before, (k - 1) * d + extent(out, s) - n - before)
        for n, k, s, (before, _), d, out in zip(*window, window.out, strict=True)
    ]
    return lax.conv_general_dilated(
        x,
        y_bar,
        window.dilation,
        padding,
        rhs_dilation=window.strides,
        dimension_numbers=_BATCH_AS_CHANNELS,
        batch_group_count=groups,
    )


def transpose_x(window: Window, groups: int, y_bar: jax.Array, kernel: jax.Array) -> jax.Array:
    """x_bar: cell u of x is read by y[p] through kernel[i] where u = p*s + i*d - before."""
    padding = [
        (extent(k, d) - 1 - before, n + before - extent(out, s))
        for n, k, s, (before, _), d, out in zip(*window, window.out, strict=True)
    ]
    height, width, channels, features = kernel.shape
    flipped = kernel[::-1, ::-1].reshape(height, width, channels, groups, features // groups)
    flipped = flipped.transpose(0, 1, 4, 3, 2).reshape(height, width, features // groups, groups * channels)
    return lax.conv_general_dilated(
        y_bar,
        flipped,
        (1, 1),
        padding,
        lhs_dilation=window.strides,
        rhs_dilation=window.dilation,
        dimension_numbers=_IMAGES,
        feature_group_count=groups,
    )
