"""Every member of a study as a dot: what a mean with an interval leaves out."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from jaxnn.errors import InputError
from jaxnn.labels import metric_label
from jaxnn.plots.style import ACCENT, FAINT, panels, scale_values, styled


@styled
def plot_spread(
    groups: Mapping[str, np.ndarray],
    metric: str,
    *,
    title: str = "",
    reference: tuple[str, float] | None = None,
) -> Figure:
    """A row of dots for each group, one a value, and a line at their mean.

    Equal values are moved apart, so that each can be counted; values that are not finite are left out and counted
    in the name of the row.

    Args:
        groups: name -> (n,) values, from the top down.
        metric: what they are, such as "val_accuracy"; for the scale and its label.
        title: above the figure.
        reference: the name and place of a line across all groups, such as a claim.
    """
    if not groups:
        raise InputError("`groups` must have at least one group; got none.")
    figure, axes = panels(1, 1, width=9, height=0.42 * len(groups) + 1.1)
    ax, names = axes[0, 0], []
    for row, (name, values) in enumerate(groups.items()):
        values = np.asarray(values, np.float64).ravel()
        kept = values[np.isfinite(values)]
        missing = len(values) - len(kept)
        names.append(f"{name} ({missing} without a value)" if missing else name)
        if len(kept):
            ax.scatter(kept, row + _apart(kept), s=16, color=ACCENT, alpha=0.55, linewidths=0, zorder=3)
            ax.vlines(kept.mean(), row - 0.36, row + 0.36, color=ACCENT, linewidth=1.8)
    everything = np.concatenate([np.asarray(values, np.float64).ravel() for values in groups.values()])
    if reference is not None:
        ax.axvline(reference[1], color=FAINT, linewidth=1, linestyle=(0, (4, 2)), label=reference[0])
        figure.legend(loc="outside right upper")
        everything = np.append(everything, reference[1])
    scale_values(ax, "x", metric, everything, everything)
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.grid(visible=False, axis="y")
    ax.set_xlabel(metric_label(metric))
    if title:
        figure.suptitle(title, x=0.008, ha="left")
    return figure


def _apart(values: np.ndarray) -> np.ndarray:
    """Offsets (n,) in [-0.3, 0.3] that keep apart the values that would be drawn in one place."""
    extent = np.ptp(values) or 1.0
    cells = np.round(60 * (values - values.min()) / extent)
    offsets = np.zeros(len(values))
    for cell in np.unique(cells):
        here = np.flatnonzero(cells == cell)
        offsets[here] = np.linspace(-1, 1, len(here)) * min(0.3, 0.05 * (len(here) - 1))
    return offsets
