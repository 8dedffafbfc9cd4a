"""How distributions move: a strip of histograms over time for each tensor of a network."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxnn.errors import InputError
from jaxnn.labels import value_label
from jaxnn.plots.style import HEAT, panels, styled

MAX_COLUMNS = 240
NUM_CELLS = 96
PANELS_A_ROW = 4


class Strip(NamedTuple):
    """The histograms of one tensor over time.

    title: above the strip.
    steps: (n,) when each was taken.
    low, high: (n,) the ends of each histogram, NaN where there was nothing finite.
    counts: (n, bins), in bins of equal width from `low` to `high`.
    """

    title: str
    steps: np.ndarray
    low: np.ndarray
    high: np.ndarray
    counts: np.ndarray


@styled
def plot_strips(groups: Sequence[Sequence[Strip]], *, title: str = "") -> Figure:
    """Strips of histograms, each group on rows of its own: time to the right, values upwards, dark where many are.

    Args:
        groups: the strips of each layer.
        title: above the figure.
    """
    if not any(groups):
        raise InputError("`groups` must hold at least one strip.")
    rows = [group[i : i + PANELS_A_ROW] for group in groups for i in range(0, len(group), PANELS_A_ROW)]
    figure, axes = panels(len(rows), PANELS_A_ROW, width=9, height=1.45 * len(rows) + 0.4, share=False)
    for row, row_axes in zip(rows, axes, strict=True):
        for ax in row_axes[len(row) :]:
            ax.remove()
        for strip, ax in zip(row, row_axes, strict=False):
            _draw_strip(ax, strip)
    figure.supxlabel("training step", fontsize=8.5)
    if title:
        figure.suptitle(title, x=0.008, ha="left")
    return figure


def _draw_strip(ax: Axes, strip: Strip) -> None:
    ax.set_title(strip.title, fontsize=8)
    ax.grid(visible=False)
    ax.tick_params(labelsize=6.5)
    chosen = np.flatnonzero(np.isfinite(strip.low))
    chosen = chosen[np.linspace(0, len(chosen) - 1, min(len(chosen), MAX_COLUMNS)).round().astype(int)]
    if not len(chosen):
        ax.set(xticks=[], yticks=[])
        ax.text(0.5, 0.5, "nothing finite", transform=ax.transAxes, ha="center", va="center", fontsize=8)
        return
    low, high = strip.low[chosen].min(), strip.high[chosen].max()
    room = 0.02 * (high - low) or 0.5 * abs(high) or 0.5
    edges = np.linspace(low - room, high + room, NUM_CELLS + 1)
    shares = np.stack(
        [_rebin(float(strip.low[i]), float(strip.high[i]), strip.counts[i], edges) for i in chosen], axis=1
    )
    steps = strip.steps[chosen]
    half = (steps[-1] - steps[0]) / max(len(steps) - 1, 1) / 2 or 0.5
    extent = (steps[0] - half, steps[-1] + half, edges[0], edges[-1])
    # The root, so that the thin tails of a distribution are seen beside its peak.
    ax.imshow(
        np.sqrt(shares), origin="lower", extent=extent, aspect="auto", interpolation="nearest", cmap=HEAT, vmin=0
    )
    ax.locator_params(axis="x", nbins=3)
    ax.locator_params(axis="y", nbins=4)
    ax.yaxis.set_major_formatter(lambda value, _: value_label(float(f"{value:.3g}")))
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")


def _rebin(low: float, high: float, counts: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """The share of a histogram's values in each cell between `edges`, spread evenly within the histogram's bins."""
    if low == high:
        shares = np.zeros(len(edges) - 1)
        shares[np.clip(np.searchsorted(edges, low) - 1, 0, len(shares) - 1)] = 1
        return shares
    below = np.concatenate([[0], np.cumsum(counts)]) / counts.sum()
    return np.diff(np.interp(edges, np.linspace(low, high, len(counts) + 1), below))
