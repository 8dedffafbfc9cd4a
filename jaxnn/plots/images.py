"""Images in rows, and samples of a data set whatever its form."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from jaxnn.errors import InputError
from jaxnn.plots.style import SIGNED, bare, draw_points, panels, styled

SAMPLES_PER_CLASS = 10
MAX_POINTS = 2000


@styled
def plot_images(
    images: np.ndarray,
    *,
    num_columns: int = 10,
    row_labels: Sequence[str] = (),
    title: str = "",
    signed: bool = False,
) -> Figure:
    """Images in rows, on one common scale: samples, reconstructions below their originals, or first-layer weights.

    Args:
        images: (n, height, width), or with 1 or 3 channels last; uint8 in [0, 255] or floats.
        num_columns: images in a row; the last row may be shorter.
        row_labels: one for each row, or none.
        title: above the figure.
        signed: blue for negative, red for positive, white for 0, as for weights; else black to white.  In colour,
            where each channel has its own sign: less than half for negative, more for positive, grey for 0.
    """
    images = _as_images(images, signed=signed)
    num_columns = min(num_columns, len(images))
    num_rows = math.ceil(len(images) / num_columns)
    if len(row_labels) not in (0, num_rows):
        raise InputError(f"`row_labels` must name the {num_rows} rows; got {len(row_labels)}.")
    mosaic = _tile(images, num_rows, num_columns)
    width = 9 if num_columns >= 6 else 1.5 * num_columns + 0.6
    room = 0.2 + 0.075 * max(map(len, row_labels)) if len(row_labels) else 0  # inches of the longest label
    cell = (width - room) / num_columns
    height = cell * num_rows * images.shape[1] / images.shape[2] + 0.35 * bool(title) + 0.1
    figure, axes = panels(1, 1, width=width, height=height)
    ax = axes[0, 0]
    bare(ax)
    ax.set_anchor("E")  # what the layout leaves free belongs to the labels
    largest = float(np.nanmax(np.abs(images))) or 1.0
    low, high = (-largest, largest) if signed else (float(np.nanmin(images)), float(np.nanmax(images)))
    ax.imshow(mosaic, cmap=SIGNED if signed else "gray", vmin=low, vmax=high, interpolation="nearest")
    step = images.shape[1] + 1
    ax.set_xticks([])
    ax.set_yticks([(row + 0.5) * step - 1 for row in range(num_rows)] if len(row_labels) else [], list(row_labels))
    if title:
        figure.suptitle(title, x=0.008, ha="left")
    return figure


def _as_images(images: np.ndarray, *, signed: bool = False) -> np.ndarray:
    """(n, height, width[, 3]) floats; colour scaled to [0, 1], so that where they are signed 0 is in the middle."""
    images = np.asarray(images)
    is_color = images.ndim == 4 and images.shape[-1] == 3
    if images.ndim == 4 and images.shape[-1] == 1:
        images = images[..., 0]
    if not len(images) or not (images.ndim == 3 or is_color):
        raise InputError(f"`images` must be (n, height, width), or with 1 or 3 channels last; got {images.shape}.")
    if is_color and signed:
        images = 0.5 + images / (2 * np.abs(images).max() or 1.0)
    elif is_color:
        images = images / 255 if images.dtype == np.uint8 else images.clip(0, 1)
    return images.astype(np.float64)


def _tile(images: np.ndarray, num_rows: int, num_columns: int) -> np.ndarray:
    """All images in one, a pixel of NaN (or white) between them: one artist draws faster than a hundred axes."""
    height, width, *channels = images.shape[1:]
    tiles = np.full((num_rows * num_columns, height + 1, width + 1, *channels), np.nan)
    tiles[: len(images), :-1, :-1] = images
    rows = tiles.reshape(num_rows, num_columns, height + 1, width + 1, *channels).swapaxes(1, 2)
    mosaic = rows.reshape(num_rows * (height + 1), num_columns * (width + 1), *channels)[:-1, :-1]
    return np.nan_to_num(mosaic, nan=1) if channels else mosaic


@styled
def plot_samples(
    inputs: np.ndarray,
    targets: np.ndarray,
    *,
    class_names: Sequence[str] = (),
    feature_names: Sequence[str] = (),
    title: str = "",
) -> Figure:
    """What a data set looks like: a row of images of each class, or the points of a table in the plane.

    A table of more than two columns is drawn on its first two principal components; one of a single column
    against its targets.  Of a large set, the first images of each class or the first 2,000 rows.

    Args:
        inputs: (n, height, width), with 1 or 3 channels last or none, or a table (n, columns).
        targets: (n,) integer class ids, or (n,) or (n, 1) floats.
        class_names: one for each class.
        feature_names: one for each column of a table.
        title: above the figure.
    """
    inputs, targets = np.asarray(inputs), np.asarray(targets)
    if inputs.ndim < 2 or len(inputs) != len(targets) or not len(inputs):
        raise InputError(
            f"`inputs` and `targets` must have the same rows, at least one; got {inputs.shape}, {targets.shape}."
        )
    is_classes = np.issubdtype(targets.dtype, np.integer)
    names = [str(name) for name in class_names]
    if is_classes and not names:
        names = [str(k) for k in range(targets.max() + 1)]
    if inputs.ndim > 2:
        return _plot_image_samples(inputs, targets, names, title)
    inputs, targets = inputs[:MAX_POINTS], targets[:MAX_POINTS]
    points, axis_names = _in_the_plane(inputs, targets, feature_names)
    figure, axes = panels(1, 1, width=5.4 if names else 5.8, height=4.6)
    ax = axes[0, 0]
    if is_classes:
        handles = draw_points(ax, points, targets, names)
        figure.legend(handles, names, loc="outside right upper", markerscale=1.8)
    else:
        values = targets.reshape(len(targets), -1)[:, 0]
        largest = np.abs(values).max() or 1.0
        dots = ax.scatter(
            *points.T,
            c=values,
            cmap=SIGNED,
            vmin=-largest,
            vmax=largest,
            s=14,
            edgecolors="#8c959f",
            linewidths=0.3,
        )
        figure.colorbar(dots, ax=ax, label="target").outline.set_visible(False)
    ax.set(xlabel=axis_names[0], ylabel=axis_names[1])
    figure.suptitle(title, x=0.008, ha="left")
    return figure


def _plot_image_samples(images: np.ndarray, targets: np.ndarray, names: list[str], title: str) -> Figure:
    """The first images of each class, a class a row; of a set without classes, its first images."""
    if not names:
        return plot_images(images[: 5 * SAMPLES_PER_CLASS], num_columns=SAMPLES_PER_CLASS, title=title)
    blank = np.zeros_like(images[:1])
    rows = []
    for k in range(len(names)):
        mine = images[targets == k][:SAMPLES_PER_CLASS]
        rows += [mine, np.repeat(blank, SAMPLES_PER_CLASS - len(mine), axis=0)]
    return plot_images(np.concatenate(rows), num_columns=SAMPLES_PER_CLASS, row_labels=names, title=title)


def _in_the_plane(
    table: np.ndarray, targets: np.ndarray, names: Sequence[str]
) -> tuple[np.ndarray, tuple[str, str]]:
    """Two coordinates of each row, and what they are."""
    table = table.astype(np.float64)
    if table.shape[1] == 1:
        return np.column_stack([table[:, 0], targets.reshape(len(table), -1)[:, 0]]), (
            names[0] if len(names) else "x",
            "target",
        )
    if table.shape[1] == 2:
        return table, (names[0], names[1]) if len(names) else ("x1", "x2")
    centered = table - table.mean(0)
    _, sizes, directions = np.linalg.svd(centered, full_matrices=False)
    shares = sizes**2 / max((sizes**2).sum(), 1e-300)
    labels = (
        f"principal component 1 ({shares[0]:.0%} of the variance)",
        f"principal component 2 ({shares[1]:.0%})",
    )
    return centered @ directions[:2].T, labels
