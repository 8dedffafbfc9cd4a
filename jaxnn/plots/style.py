"""The one look of all figures: colours, sizes, and how a figure becomes a file.

Figures are plain `matplotlib.figure.Figure` objects made under `rc_context`: no pyplot, no global state.
"""

import functools
import io
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, ParamSpec

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from jaxnn.errors import unknown
from jaxnn.labels import is_share, value_label

INK, FAINT, GRID, PAPER = "#24292f", "#6e7781", "#d8dee4", "#ffffff"
"""Text, secondary text, grid lines and background.  A page may replace them by its own in the SVG text."""

FIXED_DARK, FIXED_LIGHT = "#24292e", "#fefefe"
"""Dark and light on top of a coloured area, which keeps its colours on any page."""

ACCENT = "#0067a5"
"""The colour of the one thing a figure is about."""

CATEGORIES = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9")
"""Six colours of Okabe and Ito (2008) that people with any colour vision tell apart, on white and on black."""

LINE_STYLES = ("-", (0, (4, 1.5)), (0, (1, 1.2)))
MARKERS = ("o", "^", "s")
"""The colours come again with the next of these once they are used up."""

SEQUENCE = ("#e9a820", "#d9602b", "#a8418f", "#3c5bbf")
"""Stops of the scale for ordered settings: lightness falls from first to last, so that it reads in grey too."""

HEAT = LinearSegmentedColormap.from_list("jaxnn_heat", ["#f2f7fc", "#9ec9e8", "#3d8fc6", "#0b4a83"])
SIGNED = LinearSegmentedColormap.from_list("jaxnn_signed", ["#0b4a83", "#6baed6", "#f7f7f7", "#f4a582", "#a3330f"])

_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.labelsize": 9.0,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "axes.xmargin": 0.02,
    "figure.facecolor": PAPER,
    "axes.facecolor": "none",
    "figure.constrained_layout.use": True,
    "figure.titlesize": 10.5,
    "figure.titleweight": "bold",
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "legend.title_fontsize": 8.5,
    "legend.handlelength": 1.6,
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "round",
    "text.color": INK,
    "text.parse_math": False,  # class names and settings are text, whatever dollar signs they hold
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "svg.fonttype": "none",  # text stays text: searchable, and set in the reader's own font
    "svg.hashsalt": "jaxnn",  # identifiers depend on the contents alone: the same figure, the same file
}
_METADATA = {"svg": {"Date": None, "Creator": None}, "png": {"Software": None}}

P = ParamSpec("P")


def styled(plot: Callable[P, Figure]) -> Callable[P, Figure]:
    """Run a plotting function under jaxnn's style, and leave the user's own settings as they were."""

    @functools.wraps(plot)
    def run(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with matplotlib.rc_context(_STYLE):
            return plot(*args, **kwargs)

    return run


def save_figure(figure: Figure, path: str | Path, *, dpi: int = 180, caption: str = "") -> Path:
    """Write a figure as SVG or PNG, by its suffix; the same figure always gives the same bytes.

    A figure is laid out once, when it is first saved: what is changed in it later does not move its panels.

    Args:
        figure: any figure of this package.
        path: ends in ".svg" or ".png"; its directory exists.
        dpi: dots per inch of a PNG, and of images inside an SVG.
        caption: what the figure shows, kept in the file as its description.

    Returns:
        The path.
    """
    path = Path(path)
    kind = path.suffix.lstrip(".").lower()
    if kind not in _METADATA:
        raise unknown("figure format", path.suffix, [f".{k}" for k in _METADATA])
    path.write_bytes(_render(figure, kind, dpi, {"Description": caption} if caption else {}))
    return path


def figure_svg(figure: Figure, *, dpi: int = 180) -> str:
    """The figure as SVG text, the same for the same figure: for a page to embed."""
    return _render(figure, "svg", dpi, {}).decode()


def figure_pixels(figure: Figure, *, dpi: int = 100) -> np.ndarray:
    """The figure as an image, (height, width, 3) uint8."""
    with matplotlib.rc_context(_STYLE):
        figure.set_dpi(dpi)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _render(figure: Figure, kind: str, dpi: int, description: dict[str, str]) -> bytes:
    # By a canvas: `savefig` draws a figure that has a layout twice, once for the layout.
    buffer, canvas, usual_dpi = io.BytesIO(), figure.canvas, figure.dpi
    with matplotlib.rc_context(_STYLE):
        try:
            draw = FigureCanvasSVG(figure).print_svg if kind == "svg" else FigureCanvasAgg(figure).print_png
            figure.set_dpi(dpi)
            draw(buffer, metadata=_METADATA[kind] | description)
            figure.set_layout_engine("none")  # a second file has the layout of the first
        finally:  # a figure from elsewhere may be on somebody's screen
            figure.set_canvas(canvas)
            figure.set_dpi(usual_dpi)
    return buffer.getvalue()


def panels(
    num_rows: int, num_columns: int, *, width: float, height: float, share: bool = True
) -> tuple[Figure, np.ndarray]:
    """A figure of `width` x `height` inches with a (num_rows, num_columns) array of styled axes."""
    figure = Figure(figsize=(width, height))
    axes = figure.subplots(num_rows, num_columns, squeeze=False, sharex=share, sharey=share)
    for ax in axes.flat:
        ax.tick_params(color=FAINT, labelcolor=INK, labelsize=8, length=3, width=0.7)
        ax.grid(color=GRID, linewidth=0.6)
    return figure, axes


def bare(ax: Axes) -> None:
    """Leave nothing of the axes but what is drawn in them."""
    ax.grid(visible=False)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def category_color(index: int) -> str:
    """The colour of category `index`; six, then again from the first."""
    return CATEGORIES[index % len(CATEGORIES)]


def draw_points(ax: Axes, points: np.ndarray, labels: np.ndarray, names: Sequence[str]) -> list[Artist]:
    """Points (n, 2) in the colours of their classes, then other markers; smaller where there are many.

    Returns what a legend shows of each class: matplotlib by itself leaves out names that begin with `_`.
    """
    drawn: list[Artist] = []
    size = max(5.0, min(16.0, 4000 / len(labels)))
    edge = 0.4 if len(labels) <= 500 else 0.2
    for k, name in enumerate(names):
        x, y = points[labels == k].T
        marker = MARKERS[(k // len(CATEGORIES)) % len(MARKERS)]
        color = category_color(k)
        dots = ax.scatter(
            x, y, s=size, marker=marker, color=color, edgecolors=FIXED_LIGHT, linewidths=edge, label=name
        )
        drawn.append(dots)
    return drawn


def line_colors(values: Sequence) -> list[tuple[str | tuple[float, float, float], object]]:
    """(colour, dash) of each line: a scale for three or more ordered numbers, categories for the rest."""
    n = len(values)
    if n >= 3 and all(isinstance(v, int | float) for v in values):
        scale = LinearSegmentedColormap.from_list("jaxnn_sequence", SEQUENCE)
        return [(to_rgb(scale(i / (n - 1))[:3]), "-") for i in range(n)]
    dashes = [LINE_STYLES[(i // len(CATEGORIES)) % len(LINE_STYLES)] for i in range(n)]
    return [(category_color(i), dash) for i, dash in enumerate(dashes)]


def scale_values(ax: Axes, axis: Literal["x", "y"], metric: str, values: np.ndarray, bounds: np.ndarray) -> None:
    """Scale and limit the axis of a metric so that all `values` show.

    The interval `bounds` show as far as they leave the values half of the length: with two seeds they may
    be twelve times as wide.  Positive values that span more than a factor of 10 get a log scale.
    """
    values, bounds = values[np.isfinite(values)], bounds[np.isfinite(bounds)]
    ticks = ax.xaxis if axis == "x" else ax.yaxis
    if not values.size:
        ticks.set_ticks([])
        return
    is_log = bool(values.min() > 0 and values.max() > 10 * values.min())
    to_length, from_length = (math.log, math.exp) if is_log else (float, float)
    low, high = to_length(values.min()), to_length(values.max())
    ends = [to_length(bound) for bound in bounds if bound > 0 or not is_log]
    room = (high - low) / 2 or 0.02 * abs(high) or 1.0
    low, high = max(low - room, min([low, *ends])), min(high + room, max([high, *ends]))
    if values.min() >= 0 and not is_log:
        low = max(low, 0.0)  # an interval may reach below 0 or above 100%, the values may not
    if is_share(metric):
        high = min(high, to_length(1.0))
    margin = 0.04 * (high - low) or room / 2
    set_scale, set_limits = (ax.set_xscale, ax.set_xlim) if axis == "x" else (ax.set_yscale, ax.set_ylim)
    if is_log:
        set_scale("log")
        few_decades = high - low < math.log(1000)
        ticks.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if few_decades else (1.0,)))
        ticks.set_minor_locator(NullLocator())
    ticks.set_major_formatter(
        lambda value, _: f"{100 * value:g}%" if is_share(metric) else value_label(float(value))
    )
    set_limits(from_length(low - margin), from_length(high + margin))
