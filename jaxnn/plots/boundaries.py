"""Networks on 2-D problems: class probabilities over the plane, the boundary, and the data, panel by panel."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from jaxnn.errors import InputError
from jaxnn.plots.style import FIXED_DARK, bare, category_color, draw_points, panels, styled


class Mesh(NamedTuple):
    """A rectangle of points: x1 (columns,), x2 (rows,) and all pairs as inputs (rows * columns, 2) float32."""

    x1: np.ndarray
    x2: np.ndarray
    inputs: np.ndarray


class DecisionPanel(NamedTuple):
    """One network on one 2-D problem.

    title: above the panel.
    mesh: where it was evaluated, from `make_mesh`.
    probabilities: (rows * columns, classes), its class probabilities at `mesh.inputs`; classes >= 2.
    points: (n, 2) examples to draw.
    labels: (n,) their class ids.
    """

    title: str
    mesh: Mesh
    probabilities: np.ndarray
    points: np.ndarray
    labels: np.ndarray


def make_mesh(points: np.ndarray, *, resolution: int = 120, margin: float = 0.12) -> Mesh:
    """The points at which to evaluate a network to draw its decisions around `points` (n, 2).

    The rectangle holds all points and `margin` of their extent on each side; `resolution` values a side.
    """
    points = np.asarray(points, np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or not len(points):
        raise InputError(f"`points` must be (n, 2), n >= 1; got {points.shape}.")
    low, high = points.min(0), points.max(0)
    room = margin * np.maximum(high - low, 1e-6)
    x1, x2 = np.linspace(low - room, high + room, resolution).T
    return Mesh(x1, x2, np.stack(np.meshgrid(x1, x2), -1).reshape(-1, 2).astype(np.float32))


@styled
def plot_decision_boundaries(
    grid: Sequence[Sequence[DecisionPanel]], *, title: str = "", class_names: Sequence[str] = ()
) -> Figure:
    """Class probabilities over the plane, the boundary where the decision changes, and the data, in a grid.

    The colour of a place is the mean of the classes' colours, weighted by their probabilities.

    Args:
        grid: rows of panels; rows may differ in length.
        title: above the figure.
        class_names: for the legend; none without them.
    """
    num_columns = max(len(row) for row in grid)
    side = 9 / max(num_columns, 2)
    figure, axes = panels(len(grid), num_columns, width=9, height=side * len(grid) + 0.5)
    for row, row_axes in zip(grid, axes, strict=True):
        for ax in row_axes[len(row) :]:
            ax.remove()
        for panel, ax in zip(row, row_axes, strict=False):
            _draw_decisions(ax, panel)
    if len(class_names):
        handles, names = axes[0, 0].get_legend_handles_labels()
        figure.legend(
            handles, [class_names[int(name)] for name in names], loc="outside right upper", markerscale=1.8
        )
    if title:
        figure.suptitle(title, x=0.008, ha="left")
    return figure


def _draw_decisions(ax: Axes, panel: DecisionPanel) -> None:
    mesh, labels = panel.mesh, np.asarray(panel.labels)
    rows, columns = len(mesh.x2), len(mesh.x1)
    probabilities = np.asarray(panel.probabilities, np.float64)
    if probabilities.ndim != 2 or len(probabilities) != rows * columns or probabilities.shape[1] < 2:
        raise InputError(
            f"`probabilities` must be ({rows * columns}, classes) for this mesh, classes >= 2; "
            f"got {probabilities.shape} in panel {panel.title!r}."
        )
    num_classes = probabilities.shape[1]
    colors = np.array([to_rgb(category_color(k)) for k in range(num_classes)])
    field = 1 - 0.42 * (1 - probabilities @ colors)  # towards white, so that the points stand out
    extent = (mesh.x1[0], mesh.x1[-1], mesh.x2[0], mesh.x2[-1])
    image = field.reshape(rows, columns, 3).clip(0, 1)
    ax.imshow(image, origin="lower", extent=extent, aspect="auto", interpolation="none")
    for k in range(num_classes if num_classes > 2 else 1):
        lead = probabilities[:, k] - np.delete(probabilities, k, axis=1).max(1)
        if lead.min() < 0 < lead.max():
            ax.contour(
                mesh.x1, mesh.x2, lead.reshape(rows, columns), levels=[0], colors=[FIXED_DARK], linewidths=0.8
            )
    draw_points(ax, panel.points, labels, [str(k) for k in range(num_classes)])
    ax.set(xlim=extent[:2], ylim=extent[2:])
    ax.set_title(panel.title)
    bare(ax)
    ax.tick_params(labelsize=7)
    ax.locator_params(nbins=5)  # or labels of two decimals run into each other
