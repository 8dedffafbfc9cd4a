"""Figures of studies, networks and data: pure functions from arrays to `matplotlib.figure.Figure`.

Nothing outside this package imports matplotlib, and nothing in it touches pyplot or the global settings.
"""

from matplotlib.figure import Figure

from jaxnn.plots.boundaries import DecisionPanel, Mesh, make_mesh, plot_decision_boundaries
from jaxnn.plots.codes import plot_codes
from jaxnn.plots.comparison import plot_comparison, plot_confusion
from jaxnn.plots.curves import plot_curves
from jaxnn.plots.embed import embed_svg
from jaxnn.plots.images import plot_images, plot_samples
from jaxnn.plots.lines import Line, plot_lines
from jaxnn.plots.spread import plot_spread
from jaxnn.plots.strips import Strip, plot_strips
from jaxnn.plots.style import figure_pixels, figure_svg, save_figure
from jaxnn.plots.table import plot_table

__all__ = [
    "DecisionPanel",
    "Figure",
    "Line",
    "Mesh",
    "Strip",
    "embed_svg",
    "figure_pixels",
    "figure_svg",
    "make_mesh",
    "plot_codes",
    "plot_comparison",
    "plot_confusion",
    "plot_curves",
    "plot_decision_boundaries",
    "plot_images",
    "plot_lines",
    "plot_samples",
    "plot_spread",
    "plot_strips",
    "plot_table",
    "save_figure",
]
