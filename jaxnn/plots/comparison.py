"""Settings side by side: their means with intervals, and which classes the selected one confuses."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from jaxnn import stats
from jaxnn.errors import InputError
from jaxnn.labels import count_label, field_label, is_share, metric_label, metric_value, value_label
from jaxnn.plots.style import (
    ACCENT,
    FAINT,
    FIXED_DARK,
    FIXED_LIGHT,
    HEAT,
    INK,
    PAPER,
    bare,
    panels,
    scale_values,
    styled,
)

MAX_ROWS = 40


@styled
def plot_comparison(
    ds: xr.Dataset,
    metric: str,
    *,
    epoch: int | None = None,
    selected: Mapping[str, Any] | None = None,
    confidence: float = 0.95,
) -> Figure:
    """A row for each setting: a dot for the mean, a line for its t-interval, a faint dot for each seed.

    Rows are in sweep order; of more than 40 settings, the best 40.

    Args:
        ds: results of a study.
        metric: a history of it, e.g. "val_accuracy".
        epoch: the epoch to compare at; None is each member's own best.
        selected: the setting to highlight.
        confidence: of the intervals.

    Returns:
        A figure, 9 inches wide.
    """
    values = stats.at_best_epoch(ds, metric) if epoch is None else stats.at_epoch(ds, metric, epoch)
    ranking = stats.rank_settings(
        ds, metric, "max" if is_share(metric) else "min", epoch=epoch, confidence=confidence
    )
    kept = [result.setting for result in ranking[:MAX_ROWS]]
    rows = [setting for setting in stats.settings(ds) if setting in kept]
    results = {tuple(result.setting.values()): result for result in ranking}
    figure, axes = panels(1, 1, width=9, height=1.3 + 0.27 * len(rows))
    ax = axes[0, 0]
    for y, setting in enumerate(rows):
        seeds = values.isel(stats.locate(ds, setting)).values
        _draw_row(ax, y, seeds, results[tuple(setting.values())], metric, epoch, is_selected=setting == selected)
    names = [", ".join(map(value_label, setting.values())) for setting in rows]
    ax.set_yticks(range(len(rows)), names if stats.setting_dims(ds) else ["all seeds"])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.grid(visible=False, axis="y")
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    if selected in rows:
        ax.get_yticklabels()[rows.index(dict(selected))].set_fontweight("bold")
    bounds = np.array([bound for setting in rows for bound in results[tuple(setting.values())].interval[1:3]])
    shown = np.concatenate([np.ravel(values.isel(stats.locate(ds, setting))) for setting in rows])
    scale_values(ax, "x", metric, shown, bounds)
    when = "each seed's best epoch" if epoch is None else f"epoch {epoch}"
    ax.set_xlabel(f"{metric_label(metric)} at {when}")
    figure.suptitle(_title(ds, metric, len(rows), len(ranking), confidence), x=0.008, ha="left")
    return figure


def _title(ds: xr.Dataset, metric: str, num_rows: int, num_settings: int, confidence: float) -> str:
    seeds = ds.sizes["seed"]
    title = f"{metric_label(metric).capitalize()}"
    if stats.setting_dims(ds):
        title += f" by {' and '.join(map(field_label, stats.setting_dims(ds)))}"
    if num_rows < num_settings:
        title += f", the best {num_rows} of {num_settings:,}"
    return title + (
        f": mean, {confidence:.0%} t-interval, {seeds} seeds" if seeds > 1 else ": one seed, no interval"
    )


def _draw_row(
    ax: Axes,
    y: int,
    seeds: np.ndarray,
    result: stats.SettingResult,
    metric: str,
    epoch: int | None,
    *,
    is_selected: bool,
) -> None:
    interval = result.interval
    color = ACCENT if is_selected else FAINT
    ax.plot(seeds, np.full(len(seeds), y), "o", color=color, alpha=0.3, markersize=3.5, markeredgewidth=0)
    if np.isfinite(interval.low):
        ax.plot([interval.low, interval.high], [y, y], color=color, linewidth=1.8)
    ax.plot([interval.mean], [y], "o", color=color, markersize=6)
    ax.annotate(
        _row_text(result, metric, epoch),
        (1, y),
        xycoords=("axes fraction", "data"),
        xytext=(6, 0),
        textcoords="offset points",
        va="center",
        fontsize=8,
        color=INK if is_selected else FAINT,
    )


def _row_text(result: stats.SettingResult, metric: str, epoch: int | None) -> str:
    """The mean of a setting, and how many of its seeds are not in it, and why."""
    interval = result.interval
    parts = [metric_value(metric, interval.mean)] if interval.n else []
    num_seeds = interval.n + interval.excluded
    missing = "without a value" if epoch is None else f"stopped before epoch {epoch}"
    for number, what in ((result.diverged, "diverged"), (interval.excluded - result.diverged, missing)):
        if number:
            which = "all" if number == num_seeds else f"{number} of"
            parts.append(f"{which} {count_label(num_seeds, 'seed')} {what}")
    return "   ".join(parts)


@styled
def plot_confusion(matrix: np.ndarray, class_names: Sequence[str], *, title: str = "") -> Figure:
    """A confusion matrix: each cell the share of its row's true class, on a scale that shows rare errors.

    Args:
        matrix: (classes, classes) counts, rows true; several seeds may be summed.
        class_names: one name for each class.
        title: above the figure.

    Returns:
        A figure that grows with the classes up to 9 inches.
    """
    matrix = np.asarray(matrix)
    n = len(class_names)
    if matrix.shape != (n, n):
        raise InputError(f"`matrix` must be (classes, classes) for {n} `class_names`; got {matrix.shape}.")
    support = matrix.sum(1, keepdims=True)
    shares = np.divide(matrix, support, out=np.zeros((n, n)), where=support > 0)
    names = [str(name) for name in class_names]
    longest, side = max(map(len, names)), min(7.0, 0.6 + 0.56 * n)
    is_long = longest > 3
    figure, axes = panels(
        1, 1, width=max(3.8, side + 0.7 + 0.075 * longest), height=side + 0.8 + 0.055 * longest * is_long
    )
    ax = axes[0, 0]
    bare(ax)
    ax.set_facecolor("#80808014")  # what never happened, on a light page and on a dark one
    norm = PowerNorm(0.45, vmin=0, vmax=1)  # errors of 1% are visible beside a diagonal of 90%
    ax.pcolormesh(
        np.ma.masked_equal(shares, 0), cmap=HEAT, norm=norm, edgecolors=PAPER, linewidth=1, rasterized=n > 40
    )
    if n <= 20:
        _write_shares(ax, shares)
    ax.set_xticks(np.arange(n) + 0.5, names, rotation=40 if is_long else 0, ha="right" if is_long else "center")
    if is_long:
        for label in ax.get_xticklabels():
            label.set_rotation_mode("anchor")
    ax.set_yticks(np.arange(n) + 0.5, names)
    ax.set(xlabel="predicted class", ylabel="true class", aspect="equal", ylim=(n, 0))
    figure.suptitle(title or "Confusion matrix, % of each true class", x=0.008, ha="left")
    return figure


def _write_shares(ax: Axes, shares: np.ndarray) -> None:
    """Percentages in the cells, "<1" for what would round to 0, nothing for what never happened."""
    digits = 1 if len(shares) <= 12 else 0
    for row, column in np.argwhere(shares > 0):
        percent = 100 * shares[row, column]
        text = f"{percent:.{digits}f}" if percent >= 0.5 * 10.0**-digits else f"<{10.0**-digits:g}"
        color = FIXED_LIGHT if percent > 30 else FIXED_DARK
        ax.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=8, color=color)
