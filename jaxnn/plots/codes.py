"""Codes in the plane: where a projection or an encoder puts the examples of each class."""

from collections.abc import Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from jaxnn.errors import InputError
from jaxnn.plots.style import FIXED_DARK, FIXED_LIGHT, draw_points, panels, styled


@styled
def plot_codes(
    codes: Sequence[np.ndarray],
    labels: np.ndarray,
    *,
    class_names: Sequence[str],
    titles: Sequence[str] = (),
    centres: np.ndarray | None = None,
    axis_names: tuple[str, str] = ("code 1", "code 2"),
    title: str = "",
) -> Figure:
    """One panel or several with the examples as points in the colours of their classes.

    Args:
        codes: of each panel, (n, 2), the same examples in all of them.
        labels: (n,) class ids.
        class_names: one for each class.
        titles: of the panels, or none.
        centres: (k, 2), of clusters, to be marked in every panel, and in the legend.
        axis_names: of both axes.
        title: above the figure.
    """
    labels = np.asarray(labels)
    for points in codes:
        if np.shape(points) != (len(labels), 2):
            raise InputError(
                f"`codes` must be ({len(labels)}, 2) each, a row for each label; got {np.shape(points)}."
            )
    if len(titles) not in (0, len(codes)):
        raise InputError(f"`titles` must name the {len(codes)} panels; got {len(titles)}.")
    figure, axes = panels(1, len(codes), width=2 + 3.6 * len(codes), height=4.4, share=False)
    handles: list[Artist] = []
    names = [str(name) for name in class_names]
    for position, (ax, points) in enumerate(zip(axes[0], codes, strict=True)):
        handles = draw_points(ax, np.asarray(points), labels, names)
        if centres is not None:
            ax.scatter(*np.asarray(centres).T, s=70, marker="X", color=FIXED_DARK, edgecolors=FIXED_LIGHT, zorder=3)
        ax.set(xlabel=axis_names[0], ylabel=axis_names[1] if position == 0 else "")
        if len(titles):
            ax.set_title(titles[position])
    if centres is not None:
        handles.append(Line2D([], [], linestyle="", marker="X", markersize=5, color=FIXED_DARK))
        names.append("centre of a cluster")
    figure.legend(handles, names, loc="outside right upper", markerscale=1.8)
    if title:
        figure.suptitle(title, x=0.008, ha="left")
    return figure
