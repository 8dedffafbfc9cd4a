"""The results of a report: curves, settings, their comparison, the test, the classes."""

import jax.numpy as jnp
import numpy as np

from jaxnn import plots, stats
from jaxnn.labels import (
    count_label,
    difference_interval_label,
    difference_label,
    field_label,
    interval_label,
    is_share,
    metric_label,
    metric_value,
    p_label,
    setting_label,
    value_label,
)
from jaxnn.metrics import precision_recall_f1
from jaxnn.report.answer import LEVEL
from jaxnn.report.findings import Findings, each_test_interval, each_tested, seed_interval
from jaxnn.report.html import Html, figure, paragraph, section, table

MAX_ROWS = 60
COMPARISON_CAPTION = "A row for each setting: large dot, the mean; line, its 95% t-interval; small dots, the seeds."


def curves_section(findings: Findings) -> Html:
    """The metric of the selection against the epoch, then the other validation metric and the training loss."""
    ds, metric = findings.ds, findings.metric
    if findings.selected is None:
        return Html("")
    names = [metric] + [n for n in ("val_loss", "val_accuracy", "train_loss") if n in ds and n != metric]
    drawn = [
        figure(
            findings.drawn.get(name) or plots.plot_curves(ds, name),
            name=f"curves-{name.replace('_', '-')}",
            caption=f"{metric_label(name).capitalize()} after each epoch." + _legend(findings) * (name == metric),
        )
        for name in names
    ]
    return section("Learning curves", *drawn)


def _legend(findings: Findings) -> str:
    """What has to be known to read the curves of this study."""
    ds, text = findings.ds, ""
    if ds.sizes["seed"] > 1:
        text += f" The band is the 95% t-interval of the mean over {ds.sizes['seed']} seeds."
    if (ds["stopped_at"].where(ds["diverged_at"] < 0) < ds["epoch"].max()).any():
        text += " A line is thin and dotted, and has no band, where some seeds have stopped."
    if findings.num_diverged:
        text += " Seeds that diverged are in no line."
    return text


def settings_section(findings: Findings) -> Html:
    """Every setting with its mean, interval and counts, best first."""
    ds, metric, selected = findings.ds, findings.metric, findings.selected
    parts = []
    if len(findings.ranking) > 1 and selected:
        drawn = findings.drawn.get("comparison") or plots.plot_comparison(ds, metric, selected=selected.setting)
        parts.append(figure(drawn, name="comparison", caption=COMPARISON_CAPTION))
    if findings.over_folds:
        parts += _folds_table(findings)
    others = [name for name in ("val_loss", "val_accuracy") if name in ds and name != metric]
    fields = [field_label(dim) for dim in stats.setting_dims(ds)]
    header = [*fields, metric_label(metric), "95% interval", *map(metric_label, others), "best epochs", "seeds"]
    header += ["diverged", *_test_header(findings)]
    rows = [_setting_row(findings, result, others) for result in findings.ranking[:MAX_ROWS]]
    marked = findings.ranking.index(selected) if selected else None
    align = "l" * len(fields) + "r" * (len(header) - len(fields))
    parts.append(table(header, rows, align=align, marked=marked))
    note = (
        f"Every seed counts with its best epoch by {metric_label(metric)}; the interval is Student's t over seeds."
    )
    if findings.num_diverged:
        note += " Seeds that diverged are in no mean, and a setting ranks after those with fewer of them."
    if len(findings.ranking) > len(rows):
        note += f" The {count_label(len(findings.ranking) - len(rows), 'setting')} ranked last are not shown."
    return section("Settings, best first" if fields else "Validation", *parts, paragraph(note))


def _folds_table(findings: Findings) -> list[Html]:
    """The settings of a cross-validation by their means over the folds."""
    metric, ranking = findings.metric, findings.over_folds
    fields = [field_label(dim) for dim in ranking[0].setting]
    rows = [
        [
            *map(value_label, result.setting.values()),
            metric_value(metric, result.interval.mean),
            interval_label(metric, result.interval.low, result.interval.high),
            str(result.interval.n),
            str(result.diverged),
        ]
        for result in ranking[:MAX_ROWS]
    ]
    marked = ranking.index(findings.chosen) if findings.chosen else None
    header = [*fields, metric_label(metric), "95% interval", "folds", "diverged"]
    note = (
        "Mean over the folds, in each of which a setting counts with the mean of its seeds.  The interval is "
        "Student's t over folds, widened for the training rows that they share (Nadeau and Bengio 2003).  Below, "
        "each fold by itself."
    )
    if len(ranking) > len(rows):
        note += f" The {count_label(len(ranking) - len(rows), 'setting')} ranked last are not shown."
    return [table(header, rows, align="l" * len(fields) + "r" * 4, marked=marked), paragraph(note)]


def _setting_row(findings: Findings, result: stats.SettingResult, others: list[str]) -> list[str]:
    ds, metric, interval = findings.ds, findings.metric, result.interval
    at = stats.locate(ds, result.setting)
    finished = (ds["diverged_at"].isel(at) < 0).values
    return [
        *map(value_label, result.setting.values()),
        metric_value(metric, interval.mean),
        interval_label(metric, interval.low, interval.high),
        *(metric_value(name, stats.t_interval(stats.at_best_epoch(ds, name).isel(at)).mean) for name in others),
        _epoch_range(ds["best_epoch"].isel(at).values[finished]),
        str(interval.n),
        str(result.diverged),
        *_test_cells(findings, result.setting),
    ]


def _test_header(findings: Findings) -> list[str]:
    """The columns of a study that tested every setting."""
    tested = each_tested(findings.ds)
    return [cell for name in tested for cell in (metric_label(name.removeprefix("each_")), "95% interval")]


def _test_cells(findings: Findings, setting: stats.Setting) -> list[str]:
    cells = []
    for name in each_tested(findings.ds):
        interval = each_test_interval(findings.ds, name, setting)
        cells += [metric_value(name, interval.mean), interval_label(name, interval.low, interval.high)]
    return cells


def comparison_section(findings: Findings) -> Html:
    """Every other setting against the selected one."""
    if findings.chosen is None or not findings.differences:
        return Html("")
    metric, baseline = findings.metric, setting_label(findings.chosen.setting)
    paired = "paired on the seed, which fixes the initial weights and the order of the data"
    if findings.over_folds:
        paired = "paired on the fold, and corrected for the training rows that folds share"
    rows = [
        [
            setting_label(setting),
            difference_label(metric, c.difference.mean),
            difference_interval_label(metric, c.difference.low, c.difference.high),
            str(c.difference.n),
            p_label(c.p_value),
            p_label(c.p_adjusted),
            "differs" if c.p_adjusted < LEVEL else "",
        ]
        for setting, c in findings.differences[:MAX_ROWS]
    ]
    return section(
        "Against the selected setting",
        paragraph(
            f"Difference in {metric_label(metric)} to {baseline}, {paired}. The p-values are of paired t-tests, "
            "which know that accuracies are multiples of 1 / rows. Adjusted, they are the share "
            "of simulated studies of equal settings in which the selected one would differ as clearly from some "
            f"other: at most {LEVEL:.0%} of studies without any true difference show one."
        ),
        table(["setting", "difference", "95% interval", "pairs", "p", "p, adjusted", ""], rows, align="lrrrrrl"),
        paragraph("The differences flatter the setting that they selected; the test below does not."),
    )


def test_section(findings: Findings) -> Html:
    """How the selection was made, and the one use of the test set."""
    ds, selected = findings.ds, findings.chosen
    heading = "Selection and test"
    if selected is None:
        return section(heading, paragraph("No member has a result: nothing was selected, nothing was tested."))
    metrics = [name for name in ("test_accuracy", "test_loss") if name in ds]
    if not metrics:
        return section(heading, paragraph(_selection(findings, selected), " The results hold no test metrics."))
    how = {
        "best": f"The parameters of each seed's best epoch{_in_fold(findings)} were tested once.",
        "every": "The study asks about all settings: each was tested, and is in the table of the settings.",
        "retrain": "It was trained again, each seed on training and validation data together, and tested once.",
    }.get(ds.attrs.get("final", ""), "It was tested once.")
    header = ["", "mean", "95% over seeds", "seeds", "95% over test sets", "test examples"]
    meaning = "The interval over seeds is Student's t: how far other weights and orders would move the mean."
    if findings.num_test and "test_accuracy" in metrics:
        meaning += (
            " The interval over test sets is Wilson's (binomial) at the mean accuracy: how far another test set of "
            "this size would move the accuracy of one network. Neither contains the other."
        )
    return section(
        heading,
        paragraph(_selection(findings, selected), " ", how),
        table(header, [_test_row(findings, name) for name in metrics], align="lrrrrr"),
        paragraph(meaning),
    )


def _selection(findings: Findings, selected: stats.SettingResult) -> str:
    if len(findings.judged) == 1:
        return "There was one setting, so nothing had to be selected."
    chosen = f"Selected on validation data alone: {setting_label(selected.setting)}"
    if findings.problem_axes:
        chosen = f"The settings differ in their data; tested is {setting_label(selected.setting)}"
    if selected is not findings.judged[0]:
        return f"{chosen}, as the study recorded it; the ranking above puts another setting first."
    best = "highest" if findings.mode == "max" else "lowest"
    over = " over the folds" if findings.over_folds else ""
    return f"{chosen}, with the {best} mean {metric_label(findings.metric)}{over}."


def _in_fold(findings: Findings) -> str:
    """In which fold the networks that were tested had been trained."""
    return f" in fold {findings.selected.setting['fold']}" if findings.over_folds and findings.selected else ""


def _test_row(findings: Findings, metric: str) -> list[str]:
    interval, num_test = seed_interval(findings.ds, metric), findings.num_test
    over_test_sets = ""
    if num_test and is_share(metric) and interval.n:
        sampling = stats.binomial_interval(round(interval.mean * num_test), num_test)
        over_test_sets = interval_label(metric, sampling.low, sampling.high)
    return [
        metric_label(metric),
        metric_value(metric, interval.mean),
        interval_label(metric, interval.low, interval.high),
        str(interval.n),
        over_test_sets,
        f"{num_test:,}" if num_test else "",
    ]


def classes_section(findings: Findings) -> Html:
    """Which classes are taken for which, and the scores of each."""
    if "confusion" not in findings.ds or findings.selected is None:
        return Html("")
    confusion = findings.ds["confusion"]
    pooled, seeds = confusion.sum("seed").values, int((confusion.sum(("true", "predicted")) > 0).sum())
    if not seeds:
        return section("Classes", paragraph("Every member that was to be tested diverged."))
    names = [str(name) for name in confusion["true"].values.tolist()]
    scores = precision_recall_f1(jnp.asarray(pooled))
    rows = [
        [name, f"{precision:.3f}", f"{recall:.3f}", f"{f1:.3f}", f"{count // seeds:,}"]
        for name, precision, recall, f1, count in zip(names, *(np.asarray(s).tolist() for s in scores), strict=True)
    ]
    rows.append(["mean of the classes", *(f"{np.mean(s):.3f}" for s in scores[:3]), f"{findings.num_test:,}"])
    drawn = findings.drawn.get("confusion") or plots.plot_confusion(pooled, names)
    caption = "A row for each true class, a column for what it was taken for, in percent of the row."
    return section(
        "Classes",
        figure(drawn, name="confusion", caption=caption),
        table(["class", "precision", "recall", "F1", "test examples"], rows, align="lrrrr"),
        paragraph(
            f"The selected setting on the test set, {count_label(seeds, 'seed')} pooled. "
            "A class that is never predicted has precision 0."
        ),
    )


def _epoch_range(epochs: np.ndarray) -> str:
    if not epochs.size:
        return ""
    low, high = epochs.min(), epochs.max()
    return str(low) if low == high else f"{low} to {high}"
