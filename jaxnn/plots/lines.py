"""A metric against a number that was swept: how it depends on it, setting beside baseline."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from jaxnn.errors import InputError
from jaxnn.labels import value_label
from jaxnn.plots.style import category_color, panels, styled


class Line(NamedTuple):
    """A value at each place, (n,), and where it is known of how certain, an interval around each; `dashed` for what
    is a reference."""

    values: np.ndarray
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    dashed: bool = False


@styled
def plot_lines(
    places: Sequence[float],
    lines: Mapping[str, Line],
    *,
    x_label: str,
    y_label: str,
    log: Literal["", "x", "xy"] = "xy",
    title: str = "",
) -> Figure:
    """One line for each name, over the same places, with bands for the intervals.

    Args:
        places: (n,) numbers, ascending.
        lines: by their names, for the legend.
        x_label: what the places are.
        y_label: what the values are.
        log: the axes that have a logarithmic scale.
        title: above the figure.
    """
    figure, axes = panels(1, 1, width=6.4, height=4.2)
    ax = axes[0, 0]
    handles = []
    for position, (name, line) in enumerate(lines.items()):
        if np.shape(line.values) != np.shape(places):
            raise InputError(
                f"`lines` must have a value for each of the {len(places)} places; {name!r} has the shape "
                f"{np.shape(line.values)}."
            )
        color = category_color(position)
        style = "--" if line.dashed else "-"
        handles += ax.plot(places, line.values, color=color, marker="o", markersize=3.5, linestyle=style)
        if line.low is not None and line.high is not None:
            ax.fill_between(places, line.low, line.high, color=color, alpha=0.18, linewidth=0)
    if log:
        ax.set_xscale("log")
    if log == "xy":
        ax.set_yscale("log")
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter(lambda value, _: value_label(float(value)))
    ax.minorticks_off()
    ax.set_xticks(places, [f"{place:g}" for place in places])
    ax.set(xlabel=x_label, ylabel=y_label)
    figure.legend(
        handles, list(lines), loc="outside right upper"
    )  # by itself it leaves out names that begin with `_`
    if title:
        figure.suptitle(title, x=0.008, ha="left")
    return figure
