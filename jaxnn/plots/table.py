"""A table of numbers as colours: what two axes of settings have in common shows at a glance."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from jaxnn.errors import InputError
from jaxnn.labels import value_label
from jaxnn.plots.style import FIXED_DARK, FIXED_LIGHT, HEAT, bare, panels, styled


@styled
def plot_table(
    values: np.ndarray,
    *,
    row_labels: Sequence[str],
    column_labels: Sequence[str],
    texts: Sequence[Sequence[str]] | None = None,
    title: str = "",
    label: str = "",
) -> Figure:
    """A table of numbers as colours, with the numbers in it.

    Args:
        values: (rows, columns), 0 or more; one that is not finite stays without colour.
        row_labels: one for each row.
        column_labels: one for each column.
        texts: what stands in each cell; the numbers unless given.
        title: above the figure.
        label: of the colour scale.
    """
    values = np.asarray(values, np.float64)
    if values.ndim != 2 or values.shape != (len(row_labels), len(column_labels)) or not values.size:
        raise InputError(
            f"`values` must be ({len(row_labels)}, {len(column_labels)}), a cell for each pair of labels; "
            f"got {values.shape}."
        )
    figure, axes = panels(1, 1, width=9, height=0.3 * len(values) + 1.3)
    ax = axes[0, 0]
    largest = values[np.isfinite(values)].max(initial=0) or 1.0
    image = ax.imshow(values, cmap=HEAT, vmin=0, vmax=largest, aspect="auto", interpolation="none")
    for (row, column), value in np.ndenumerate(values):
        text = value_label(round(float(value), 3)) if texts is None else texts[row][column]
        color = FIXED_LIGHT if np.isfinite(value) and value > 0.55 * largest else FIXED_DARK
        ax.text(column, row, text, ha="center", va="center", color=color, fontsize=7.5)
    ax.set_xticks(range(len(column_labels)), list(column_labels))
    ax.set_yticks(range(len(row_labels)), list(row_labels))
    bare(ax)
    if label:
        figure.colorbar(image, ax=ax, label=label).outline.set_visible(False)
    if title:
        figure.suptitle(title, x=0.008, ha="left")
    return figure
