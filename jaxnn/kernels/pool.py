"""Max and average pooling, as hand-derived pairs and as functions whose custom VJPs are those pairs.

XLA's own gradient of max-pooling (select-and-scatter) has no deterministic GPU kernel and is slower on CPU;
here the forward pass remembers which cell of each window won, and the backward pass sends the cotangent there.
"""

import math
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import register_dataclass

from jaxnn.errors import InputError
from jaxnn.kernels.checks import check_floating
from jaxnn.kernels.window import Padding, Pair, Window, add_up, make_window, pad_images, taps, taps_transposed

# Above this many cells a window is pooled along the width and then along the height: fewer operations.
_MAX_CELLS_AT_ONCE = 16


@partial(register_dataclass, data_fields=["winners"], meta_fields=["windows"])
@dataclass(frozen=True)
class MaxPoolResiduals:
    """Which tap of its window gave each output, for each of the one or two windows that were applied."""

    winners: tuple[jax.Array, ...]
    windows: tuple[Window, ...]


@partial(register_dataclass, data_fields=[], meta_fields=["window", "count_padding"])
@dataclass(frozen=True)
class AvgPoolResiduals:
    """An average is linear: only the geometry is kept."""

    window: Window
    count_padding: bool


def max_pool(x: jax.Array, window: Pair, *, strides: Pair | None = None, padding: Padding = "VALID") -> jax.Array:
    """The largest value in each window; `jax.grad` through it uses `max_pool_bwd`.

    Args:
        x: images (batch, height, width, channels), floating.
        window: height and width of the window in cells.
        strides: steps of the window, (height, width); the window itself if not given.
        padding: "SAME", "VALID" or ((top, bottom), (left, right)); padding never wins.

    Returns:
        (batch, out_height, out_width, channels).  A NaN in a window gives NaN.

    Raises:
        InputError: a window that does not fit or sees only padding, integers, or an option out of range.
    """
    return _max_pool(x, _make_windows("max_pool", x, window, strides, padding))


def max_pool_fwd(
    x: jax.Array, window: Pair, *, strides: Pair | None = None, padding: Padding = "VALID"
) -> tuple[jax.Array, MaxPoolResiduals]:
    """y[b,p,q,c] = max_{i,j} x[b, p*s + i - top, q*s + j - left, c].  Args and Raises as `max_pool`."""
    return _max_pool_fwd(x, _make_windows("max_pool", x, window, strides, padding))


def max_pool_bwd(residuals: MaxPoolResiduals, y_bar: jax.Array) -> tuple[jax.Array]:
    """Cotangent of x: each y_bar[b,p,q,c] goes, whole, to the cell that won its window.

    The derivative of a maximum is 1 for its argument and 0 for the others.  At a tie, where it does not
    exist, the first cell in reading order (rows, then columns) takes all.  Where windows overlap, a cell
    that won several adds their cotangents up.  In matrix form y = S x with a selection matrix S that has a
    single one in each row, hence x_bar = S^T y_bar.
    """
    for winner, window in reversed(list(zip(residuals.winners, residuals.windows, strict=True))):
        y_bar = _send_to(winner, y_bar, window)
    return (y_bar,)


def avg_pool(
    x: jax.Array,
    window: Pair,
    *,
    strides: Pair | None = None,
    padding: Padding = "VALID",
    count_padding: bool = True,
) -> jax.Array:
    """The mean of each window; `jax.grad` through it uses `avg_pool_bwd`.

    Args:
        x: images (batch, height, width, channels), floating.
        window: height and width of the window in cells.
        strides: steps of the window, (height, width); the window itself if not given.
        padding: "SAME", "VALID" or ((top, bottom), (left, right)), filled with zeros.
        count_padding: divide by the number of cells in the window; if False, of those in the image.

    Returns:
        (batch, out_height, out_width, channels).

    Raises:
        InputError: a window that does not fit or sees only padding, integers, or an option out of range.
    """
    whole = _make_window("avg_pool", x, window, strides, padding)
    return _avg_pool(x, AvgPoolResiduals(whole, count_padding))


def avg_pool_fwd(
    x: jax.Array,
    window: Pair,
    *,
    strides: Pair | None = None,
    padding: Padding = "VALID",
    count_padding: bool = True,
) -> tuple[jax.Array, AvgPoolResiduals]:
    """y[b,p,q,c] = sum_{i,j} x[b, p*s + i - top, q*s + j - left, c] / n[p,q].

    n is the window's number of cells, or (`count_padding=False`) how many of them lie in the image.
    Args and Raises as `avg_pool`.
    """
    residuals = AvgPoolResiduals(_make_window("avg_pool", x, window, strides, padding), count_padding)
    return _avg_pool_fwd(x, residuals)


def avg_pool_bwd(residuals: AvgPoolResiduals, y_bar: jax.Array) -> tuple[jax.Array]:
    """Cotangent of x: each cell of a window receives y_bar[b,p,q,c] / n[p,q], and cells add up over windows.

    y = A x with A[(p,q),(u,v)] = 1 / n[p,q] where window (p,q) covers cell (u,v), hence x_bar = A^T y_bar.
    """
    columns, rows = _split(residuals.window)
    x_bar = y_bar / _num_cells(residuals).astype(y_bar.dtype)
    for part in (rows, columns):
        x_bar = taps_transposed([x_bar] * math.prod(part.size), part)
    return (x_bar,)


def _send_to(winner: jax.Array, y_bar: jax.Array, window: Window) -> jax.Array:
    """y_bar (batch, out_height, out_width, channels) at the cells that won, in images of zeros."""
    return taps_transposed([jnp.where(winner == t, y_bar, 0) for t in range(math.prod(window.size))], window)


def _max_pool_fwd(x: jax.Array, windows: tuple[Window, ...]) -> tuple[jax.Array, MaxPoolResiduals]:
    winners = []
    for window in windows:
        x, winner = _first_max(taps(pad_images(x, window, -jnp.inf), window), _first_inside(window))
        winners.append(winner)
    return x, MaxPoolResiduals(tuple(winners), windows)


def _first_inside(window: Window) -> np.ndarray:
    """The first tap of each window that is no padding, (1, out_height, out_width, 1)."""
    rows, columns = (
        np.maximum(before - np.arange(out) * stride, 0)
        for out, stride, (before, _) in zip(window.out, window.strides, window.padding, strict=True)
    )
    return (rows[:, None] * window.size[1] + columns)[None, :, :, None]


def _first_max(cells: list[jax.Array], first: np.ndarray) -> tuple[jax.Array, jax.Array]:
    """Elementwise maximum of a list of arrays, and the place in the list of the first that reaches it.

    `first` is that place where nothing is above -inf, which is also what padding holds.
    """
    dtype = jnp.uint8 if len(cells) <= 256 else jnp.int32
    best, winner = cells[0], jnp.broadcast_to(jnp.asarray(first, dtype), cells[0].shape)
    for place, cell in enumerate(cells[1:], start=1):
        better = (cell > best) | jnp.isnan(cell)
        best = jnp.where(better, cell, best)
        winner = jnp.where(better, jnp.asarray(place, dtype), winner)
    return best, winner


def _avg_pool_fwd(x: jax.Array, residuals: AvgPoolResiduals) -> tuple[jax.Array, AvgPoolResiduals]:
    for part in _split(residuals.window):
        x = add_up(taps(pad_images(x, part), part))
    return x / _num_cells(residuals).astype(x.dtype), residuals


def _num_cells(residuals: AvgPoolResiduals) -> np.ndarray:
    """How many cells each window averages over: (1, out_height, out_width, 1)."""
    window = residuals.window
    if residuals.count_padding:
        return np.full((1, *window.out, 1), math.prod(window.size))
    along = []
    for n, k, s, (before, _), out in zip(
        window.spatial, window.size, window.strides, window.padding, window.out, strict=True
    ):
        first = np.arange(out) * s - before
        along.append(np.minimum(first + k, n) - np.maximum(first, 0))
    return along[0][None, :, None, None] * along[1][None, None, :, None]


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def _max_pool(x: jax.Array, windows: tuple[Window, ...]) -> jax.Array:
    return _max_pool_fwd(x, windows)[0]


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def _avg_pool(x: jax.Array, residuals: AvgPoolResiduals) -> jax.Array:
    return _avg_pool_fwd(x, residuals)[0]


_max_pool.defvjp(_max_pool_fwd, lambda _, residuals, y_bar: max_pool_bwd(residuals, y_bar))
_avg_pool.defvjp(_avg_pool_fwd, lambda _, residuals, y_bar: avg_pool_bwd(residuals, y_bar))


def _make_window(layer: str, x: jax.Array, size: Pair, strides: Pair | None, padding: Padding) -> Window:
    check_floating(layer, {"x": x})
    window = make_window(layer, x, size, strides=size if strides is None else strides, padding=padding)
    for n, k, s, (before, _), out in zip(
        window.spatial, window.size, window.strides, window.padding, window.out, strict=True
    ):
        if before >= k or (out - 1) * s - before >= n:
            raise InputError(
                f"`{layer}`: with padding {window.padding} a window of {window.size} over images of "
                f"{window.spatial} sees nothing but padding; pad by less than the window."
            )
    return window


def _make_windows(
    layer: str, x: jax.Array, size: Pair, strides: Pair | None, padding: Padding
) -> tuple[Window, ...]:
    window = _make_window(layer, x, size, strides, padding)
    return (window,) if math.prod(window.size) <= _MAX_CELLS_AT_ONCE else _split(window)


def _split(window: Window) -> tuple[Window, Window]:
    """The window as two, applied one after the other: first along the width, then along the height.

    The first maximum in reading order survives this: it is in the first row that reaches the maximum, and
    the first of that row.
    """
    (height, width), (kh, kw), (sh, sw) = window.spatial, window.size, window.strides
    columns = Window((height, width), (1, kw), (1, sw), ((0, 0), window.padding[1]), (1, 1))
    rows = Window((height, window.out[1]), (kh, 1), (sh, 1), (window.padding[0], (0, 0)), (1, 1))
    return columns, rows
