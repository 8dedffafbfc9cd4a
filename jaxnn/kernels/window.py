"""The geometry of a sliding window: where it stands, what it covers, how large the output is.

Everything here is static (Python integers), so it is settled while tracing and costs nothing at run time.
"""

import functools
import operator
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jaxnn.errors import InputError, nearest

Pair = tuple[int, int]
Padding = str | Sequence[Sequence[int]]


class Window(NamedTuple):
    """A window of `size` cells, `dilation` apart, moved by `strides` over a `spatial` image with `padding`.

    Every field has one entry for the height and one for the width; `padding` has (before, after) for each.
    """

    spatial: Pair
    size: Pair
    strides: Pair
    padding: tuple[Pair, Pair]
    dilation: Pair

    @property
    def out(self) -> Pair:
        """Height and width of the output: floor((n + before + after - extent) / stride) + 1."""
        h, w = ((n + sum(p) - extent(k, d)) // s + 1 for n, k, s, p, d in zip(*self, strict=True))
        return h, w


def extent(size: int, dilation: int) -> int:
    """Number of cells from the first to the last that a window covers along one axis."""
    return (size - 1) * dilation + 1


def make_window(
    layer: str, x: jax.Array, size: Pair, *, strides: Pair, padding: Padding, dilation: Pair = (1, 1)
) -> Window:
    """The window of `layer` over images x (batch, height, width, channels), with its padding in numbers.

    `padding` is "SAME" (output size ceil(n / stride), the odd cell goes after), "VALID" (none) or
    ((top, bottom), (left, right)).

    Raises:
        InputError: an option is not a pair of positive integers, or the window does not fit into the image.
    """
    if x.ndim != 4:
        raise InputError(f"`{layer}` needs x of shape (batch, height, width, channels); got {x.shape}.")
    size, strides, dilation = (
        _positive_pair(layer, name, value)
        for name, value in (("window", size), ("strides", strides), ("dilation", dilation))
    )
    spatial = (x.shape[1], x.shape[2])
    window = Window(spatial, size, strides, ((0, 0), (0, 0)), dilation)
    window = window._replace(padding=_padding_in_numbers(layer, padding, window))
    if min(window.out) < 1:
        raise InputError(
            f"`{layer}`: a window of {size} with dilation {dilation} does not fit into images of {spatial} "
            f"with padding {window.padding}; make the window smaller or use padding 'SAME'."
        )
    return window


def _positive_pair(layer: str, name: str, value: Pair) -> Pair:
    if not (isinstance(value, Sequence) and len(value) == 2 and all(isinstance(v, int) and v > 0 for v in value)):
        raise InputError(f"`{layer}`: `{name}` must be two positive integers (height, width); got {value!r}.")
    return value[0], value[1]


def _padding_in_numbers(layer: str, padding: Padding, window: Window) -> tuple[Pair, Pair]:
    if padding == "VALID":
        return (0, 0), (0, 0)
    if padding == "SAME":
        height, width = (
            _same(*axis) for axis in zip(window.spatial, window.size, window.strides, window.dilation, strict=True)
        )
        return height, width
    if isinstance(padding, str):
        raise InputError(f"`{layer}`: `{padding}` is not a known padding: {nearest(padding, ('SAME', 'VALID'))}")
    try:
        (top, bottom), (left, right) = padding
    except (TypeError, ValueError):
        top = bottom = left = right = -1
    if not all(isinstance(p, int) and p >= 0 for p in (top, bottom, left, right)):
        raise InputError(
            f"`{layer}`: `padding` must be 'SAME', 'VALID' or ((top, bottom), (left, right)) "
            f"of integers from 0 up; got {padding!r}."
        )
    return (top, bottom), (left, right)


def _same(n: int, size: int, stride: int, dilation: int) -> Pair:
    total = max((-(-n // stride) - 1) * stride + extent(size, dilation) - n, 0)
    return total // 2, total - total // 2


def pad_images(x: jax.Array, window: Window, value: float = 0.0) -> jax.Array:
    """x (batch, height, width, channels) with `value` around each image, as much as the window asks."""
    if window.padding == ((0, 0), (0, 0)):
        return x
    return jnp.pad(x, ((0, 0), *window.padding, (0, 0)), constant_values=value)


def taps(x_padded: jax.Array, window: Window) -> list[jax.Array]:
    """What each cell of the window sees: size[0] * size[1] arrays (batch, out_h, out_w, channels), row by row.

    tap[i, j][b, y, x, c] = x_padded[b, y * stride + i * dilation, x * stride + j * dilation, c]
    """
    (dh, dw), (sh, sw), (oh, ow) = window.dilation, window.strides, window.out
    batch, _, _, channels = x_padded.shape
    return [
        lax.slice(
            x_padded,
            (0, i * dh, j * dw, 0),
            (batch, i * dh + (oh - 1) * sh + 1, j * dw + (ow - 1) * sw + 1, channels),
            (1, sh, sw, 1),
        )
        for i in range(window.size[0])
        for j in range(window.size[1])
    ]


def taps_transposed(cells: list[jax.Array], window: Window) -> jax.Array:
    """The transpose of `taps` after `pad_images`: every tap's cells are added where they were read.

    Cells (batch, out_h, out_w, channels), one array a tap -> (batch, height, width, channels).
    """
    zero = jnp.zeros((), cells[0].dtype)
    grid = [(i, j) for i in range(window.size[0]) for j in range(window.size[1])]
    return add_up([lax.pad(cell, zero, _placement(window, tap)) for cell, tap in zip(cells, grid, strict=True)])


def add_up(arrays: list[jax.Array]) -> jax.Array:
    """The elementwise sum of a list of arrays of one shape (`sum` would start from the integer 0)."""
    return functools.reduce(operator.add, arrays)


def _placement(window: Window, tap: Pair) -> list[tuple[int, int, int]]:
    """`lax.pad` configuration that puts a tap's cells back into the unpadded image (negative: cut off)."""
    config = [(0, 0, 0)]
    for n, out, stride, (before, _), dilation, i in zip(
        window.spatial, window.out, window.strides, window.padding, window.dilation, tap, strict=True
    ):
        first = i * dilation - before
        last = first + (out - 1) * stride
        config.append((first, n - 1 - last, stride - 1))
    return [*config, (0, 0, 0)]
