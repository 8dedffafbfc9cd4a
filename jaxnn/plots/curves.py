"""Histories: a metric against the epoch, mean and t-interval over the seeds, for one setting or many."""

import itertools
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from jaxnn import stats
from jaxnn.labels import field_label, is_share, metric_label, metric_value, value_label
from jaxnn.plots.style import ACCENT, FAINT, GRID, line_colors, panels, scale_values, styled

MAX_LINES = 12
MAX_PANELS = 30

MAX_CURVES = 500
"""Of more settings the best are drawn, in one panel."""

MAX_COLUMNS = 6
"""The longest field that still goes across a grid of panels."""

MAX_CONTEXT = 18
"""Panels up to which each also shows the curves of the others."""


class Curve(NamedTuple):
    """The history of one setting, arrays of (epochs,); `whole` where none of the seeds in it has stopped yet.

    Elsewhere there is no interval, NaN: those that have not stopped yet are no sample of the seeds, and the
    interval of two of them would fill the panel.
    """

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    whole: np.ndarray
    diverged: int
    seeds: int


@styled
def plot_curves(ds: xr.Dataset, metric: str, *, confidence: float = 0.95) -> Figure:
    """Mean over the seeds against the epoch, with a band for the t-interval, of every setting.

    One swept field gives one panel with a line for each value; two give a grid with a panel for each pair, the
    others grey behind it; more give a panel for each value of the first.  What would take more than 30 panels is
    in one, and of more than 500 settings there are the best.  Members that diverged are not in
    the mean and are counted, in the legend or in their panel.  Where some seeds have stopped early the line is thin
    and dotted: it is the mean of fewer seeds.  The first tenth of a curve does not count for the limits.

    Args:
        ds: results of a study.
        metric: a history of it, e.g. "val_loss".
        confidence: of the band.

    Returns:
        A figure, 9 inches wide.
    """
    stats.history(ds, metric)
    panel_dims, line_dims = _layout({dim: ds.sizes[dim] for dim in stats.setting_dims(ds)})
    figure, axes = _panel_grid(ds, panel_dims)
    epochs, curves = ds["epoch"].values, _curves(ds, metric, confidence, _drawn(ds))
    for ax, panel in zip(axes, _combinations(ds, panel_dims), strict=True):
        own = [(setting, curve) for setting, curve in curves if panel.items() <= setting.items()]
        if not line_dims and 1 < len(axes) <= MAX_CONTEXT:
            _draw_others(ax, epochs, [curve for setting, curve in curves if panel != setting])
        lines = _draw_lines(ax, epochs, own, line_dims, counted=len(axes) == 1)
        title = ", ".join(map(value_label, panel.values()))
        if len(own) == 1:
            _annotate(ax, epochs, own[0][1], metric)
        elif len(axes) > 1:
            title += _counted(sum(curve.diverged for _, curve in own))
        ax.set_title(title)
    late = [slice(_start_length(curve), None) for _, curve in curves]
    means = np.concatenate([curve.mean[part] for (_, curve), part in zip(curves, late, strict=True)])
    bounds = [side[part] for (_, curve), part in zip(curves, late, strict=True) for side in (curve.low, curve.high)]
    scale_values(axes[0], "y", metric, means, np.concatenate(bounds))
    if np.isnan(means).all():
        axes[0].set_xlim(epochs[0] - 0.5, epochs[-1] + 0.5)
    figure.suptitle(_title(ds, metric, confidence, panel_dims), x=0.008, ha="left")
    figure.supxlabel("epoch", fontsize=9)
    if line_dims:
        _add_legend(figure, lines, ", ".join(map(field_label, line_dims)))
    return figure


def _start_length(curve: Curve) -> int:
    """A tenth of the epochs: a steep start would flatten all that follows, and may leave the panel."""
    there = np.flatnonzero(np.isfinite(curve.mean))
    return (there[-1] + 1) // 10 if there.size else 0


def _counted(diverged: int) -> str:
    return f" ({diverged} diverged)" if diverged else ""


def _drawn(ds: xr.Dataset) -> list[stats.Setting]:
    """The settings that are drawn, in sweep order."""
    settings = stats.settings(ds)
    if len(settings) <= MAX_CURVES:
        return settings
    ranking = stats.rank_settings(ds, ds.attrs["selected_on"], ds.attrs["mode"])
    best = {tuple(result.setting.values()) for result in ranking[:MAX_CURVES]}
    return [setting for setting in settings if tuple(setting.values()) in best]


def _layout(sizes: Mapping[str, int]) -> tuple[list[str], list[str]]:
    """(the fields that make panels, the fields that make lines)."""
    panel_dims, line_dims = _divide(sizes)
    too_many = math.prod(sizes[dim] for dim in panel_dims) > MAX_PANELS or math.prod(sizes.values()) > MAX_CURVES
    return ([], list(sizes)) if too_many else (panel_dims, line_dims)


def _divide(sizes: Mapping[str, int]) -> tuple[list[str], list[str]]:
    """The same, however many panels it makes."""
    dims = list(sizes)
    if len(dims) <= 1:
        return (dims, []) if MAX_LINES < math.prod(sizes.values()) <= MAX_PANELS else ([], dims)
    if len(dims) == 2:
        few, many = sorted(dims, key=lambda dim: sizes[dim])
        return (dims, []) if sizes[many] <= MAX_COLUMNS else ([few], [many])
    split = 1 if math.prod(sizes[dim] for dim in dims[1:]) <= MAX_LINES else 2
    return dims[:split], dims[split:]


def _panel_grid(ds: xr.Dataset, dims: list[str]) -> tuple[Figure, list[Axes]]:
    """A panel for each combination of `dims`, in their order; the longer of two fields goes across."""
    sizes = [ds.sizes[d] for d in dims]
    count, first_across = math.prod(sizes), False
    if len(dims) == 2:
        first_across = sizes[0] >= sizes[1]
        num_columns = max(sizes)
    else:
        num_columns = count if count <= 4 else math.ceil(count / math.ceil(count / 5))
    num_rows = math.ceil(count / num_columns)
    height = 3.6 if count == 1 else 0.9 + num_rows * (2.6 if num_columns <= 3 else 1.9)
    figure, axes = panels(num_rows, num_columns, width=9, height=height)
    axes[0, 0].xaxis.set_major_locator(MaxNLocator(min(8, 16 // num_columns), steps=[1, 2, 5, 10], integer=True))
    ordered = list((axes.T if first_across else axes).flat)
    for ax in ordered[count:]:
        ax.remove()
    if count % num_columns:  # the last row is short: the panels above its gap are the lowest of their columns
        for ax in ordered[count - num_columns : count]:
            ax.tick_params(labelbottom=True)
    return figure, ordered[:count]


def _combinations(ds: xr.Dataset, dims: list[str]) -> list[dict[str, Any]]:
    return [dict(zip(dims, v, strict=True)) for v in itertools.product(*(ds[d].values.tolist() for d in dims))]


def _curves(
    ds: xr.Dataset, metric: str, confidence: float, settings: list[stats.Setting]
) -> list[tuple[stats.Setting, Curve]]:
    """Some settings with their curves."""
    finished = ds["diverged_at"] < 0
    interval = stats.t_interval(ds[metric].where(finished), axis="seed", confidence=confidence)
    whole = interval.n == finished.sum("seed")
    curves = []
    for setting in settings:
        at = stats.locate(ds, setting)
        curve = Curve(
            mean=interval.mean.isel(at).values,
            low=interval.low.where(whole).isel(at).values,
            high=interval.high.where(whole).isel(at).values,
            whole=whole.isel(at).values,
            diverged=int((~finished.isel(at)).sum()),
            seeds=ds.sizes["seed"],
        )
        curves.append((setting, curve))
    return curves


def _draw_lines(
    ax: Axes, epochs: np.ndarray, curves: list[tuple[stats.Setting, Curve]], line_dims: list[str], *, counted: bool
) -> list[tuple[str, Artist]]:
    """One panel's curves: in the accent colour if it has just one, else in the colours of `line_dims`.

    Returns what a legend shows, beside its labels; where `counted` they say how many seeds diverged.
    """
    values = [[setting[dim] for dim in line_dims] for setting, _ in curves]
    styles = line_colors([v[0] if len(v) == 1 else v for v in values]) if line_dims else [(ACCENT, "-")]
    lines = []
    for (_, curve), value, (color, dash) in zip(curves, values, styles, strict=True):
        label = ", ".join(map(value_label, value)) + (_counted(curve.diverged) if counted else "")
        lines.append((label, _draw_curve(ax, epochs, curve, color, dash)))
    return lines


def _draw_curve(ax: Axes, epochs: np.ndarray, curve: Curve, color: Any, dash: Any) -> Artist:
    marker = "o" if len(epochs) == 1 else None
    (line,) = ax.plot(epochs, np.where(curve.whole, curve.mean, np.nan), color=color, linestyle=dash, marker=marker)
    if not curve.whole.all():
        ax.plot(epochs, curve.mean, color=color, linewidth=0.9, linestyle=(0, (1, 1.5)))
    bounded = np.isfinite(curve.low)
    ax.fill_between(epochs, curve.low, curve.high, where=bounded, color=color, alpha=0.18, linewidth=0)
    return line


def _draw_others(ax: Axes, epochs: np.ndarray, curves: list[Curve]) -> None:
    """All other settings as one grey path, broken between them."""
    x = np.tile(np.append(epochs.astype(float), np.nan), len(curves))
    y = np.concatenate([np.append(curve.mean, np.nan) for curve in curves])
    ax.plot(x, y, color=GRID, linewidth=0.9, zorder=1)


def _annotate(ax: Axes, epochs: np.ndarray, curve: Curve, metric: str) -> None:
    """Where the mean of a validation metric is best, and how many seeds are not in it."""
    if np.isnan(curve.mean).all():
        why = "every seed diverged" if curve.diverged == curve.seeds else "no value"
        ax.text(0.5, 0.5, why, color=FAINT, ha="center", va="center", transform=ax.transAxes)
        return
    mean, text = np.where(curve.whole, curve.mean, np.nan), []
    if metric.startswith("val_") and curve.whole.any():
        best = int(np.nanargmax(mean) if is_share(metric) else np.nanargmin(mean))
        ax.plot(epochs[best], mean[best], "o", color=ACCENT, markersize=3.5)
        text.append(f"{metric_value(metric, float(mean[best]))}, epoch {epochs[best]}")
    if curve.diverged:
        text.append(f"{curve.diverged} diverged")
    y, align = (0.06, "bottom") if is_share(metric) else (0.95, "top")
    ax.text(0.97, y, "\n".join(text), ha="right", va=align, fontsize=7.5, color=FAINT, transform=ax.transAxes)


def _title(ds: xr.Dataset, metric: str, confidence: float, panel_dims: list[str]) -> str:
    seeds = ds.sizes["seed"]
    title = f"{metric_label(metric).capitalize()}, "
    title += f"mean and {confidence:.0%} t-interval of {seeds} seeds" if seeds > 1 else "one seed"
    num_settings = math.prod(ds.sizes[dim] for dim in stats.setting_dims(ds))
    if num_settings > MAX_CURVES:
        return f"{title}, the best {MAX_CURVES} of {num_settings:,} settings"
    return title + (f", by {' and '.join(map(field_label, panel_dims))}" if panel_dims else "")


def _add_legend(figure: Figure, lines: list[tuple[str, Artist]], heading: str) -> None:
    """One legend for all panels; of more lines than it can hold, an even choice."""
    chosen = np.unique(np.linspace(0, len(lines) - 1, min(len(lines), MAX_LINES)).round().astype(int))
    names, handles = zip(*(lines[i] for i in chosen), strict=True)
    figure.legend(handles, names, title=heading, loc="outside right upper")
