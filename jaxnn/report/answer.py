"""The answer to a study's question, in sentences made from its numbers."""

import json
import math

import xarray as xr

from jaxnn import stats
from jaxnn.labels import (
    count_label,
    field_label,
    interval_label,
    is_share,
    metric_label,
    metric_value,
    setting_label,
)
from jaxnn.report.findings import Findings, each_tested, gather, seed_interval

LEVEL = 0.05
MAX_NAMED = 4


def answer(ds: xr.Dataset) -> str:
    """Which setting was selected, how sure that is, whether the others differ, and what the test set said.

    Args:
        ds: results of a study.

    Returns:
        A few plain sentences.
    """
    return " ".join(answer_sentences(gather(ds)))


def answer_sentences(findings: Findings) -> list[str]:
    """The sentences of `answer`, from findings at hand."""
    chosen = findings.chosen
    if chosen is None:
        return _nothing_selected(findings)
    sentences = [_selection(findings, chosen), _others(findings), _test(findings), _diverged(findings)]
    return [sentence for sentence in sentences if sentence]


def _nothing_selected(findings: Findings) -> list[str]:
    networks, diverged = count_label(findings.num_members, "network"), findings.num_diverged
    endless = f"is finite on validation at any epoch: the {metric_label(findings.metric)} is too large for float32."
    scale = "Targets of a smaller scale usually help."
    if not diverged:
        return [f"Nothing could be selected: none of {networks} {endless}", scale]
    steps = findings.ds["diverged_at"].values
    first = f"the first at step {steps[steps >= 0].min():,}."
    rate = "A lower learning rate or a limit on the gradient's norm usually helps."
    if diverged == findings.num_members:
        return [f"Nothing could be selected: all {networks} diverged, {first}", rate]
    return [
        f"Nothing could be selected: {diverged} of {networks} diverged, {first} None of the others {endless}",
        rate,
        scale,
    ]


def _selection(findings: Findings, chosen: stats.SettingResult) -> str:
    value = _value(findings.metric, chosen.interval, over=findings.repetition)
    folds = f" in {findings.ds.sizes['fold']} folds" if findings.over_folds else ""
    if len(findings.judged) == 1:
        return f"At the best epoch{folds}: {value}."
    if findings.problem_axes:
        return _of_problems(findings, chosen, value)
    how = ", by its mean over them" if folds and chosen is findings.judged[0] else ""
    return f"Of {len(findings.judged)} settings{folds}, {setting_label(chosen.setting)} was selected{how}: {value}."


def _of_problems(findings: Findings, selected: stats.SettingResult, value: str) -> str:
    """What there is to say of settings that were not judged on the same data: the best on each, or of all."""
    axes = " and ".join(field_label(axis) for axis in findings.problem_axes)
    apart = f"The {len(findings.ranking)} settings differ in their data ({axes}): none is selected over the others."
    best = {}
    for result in findings.ranking:
        problem = tuple((axis, result.setting[axis]) for axis in findings.problem_axes)
        best.setdefault(problem, result)
    if not is_share(findings.metric) and (len(best) == len(findings.ranking) or len(best) > MAX_NAMED):
        return apart  # nor has a loss a common measure between them
    if len(best) == len(findings.ranking) or len(best) > MAX_NAMED:
        return f"{apart} Best of all is {setting_label(selected.setting)}: {value}."
    named = []
    for problem, result in best.items():
        how = {name: v for name, v in result.setting.items() if name not in findings.problem_axes}
        mean = metric_value(findings.metric, result.interval.mean)
        named.append(f"{setting_label(dict(problem))}: {setting_label(how)} ({mean})")
    return f"{apart} Best on each, by {metric_label(findings.metric)}: {'; '.join(named)}."


def _value(metric: str, interval: stats.Interval, *, over: str = "seed") -> str:
    """A metric with its interval over seeds, or folds."""
    value = f"{metric_label(metric)} {metric_value(metric, interval.mean)}"
    if interval.n < 2:
        return f"{value} (one {over}: no interval)"
    return f"{value} (95% interval {interval_label(metric, interval.low, interval.high)}, {interval.n} {over}s)"


def _others(findings: Findings) -> str:
    tested = [(setting, c) for setting, c in findings.differences if not math.isnan(c.p_adjusted)]
    untested = len(findings.differences) - len(tested)
    if not untested:
        return _tested(findings, tested) if tested else ""
    unit = findings.repetition
    if findings.ds.sizes[unit] < 2:
        return "With fewer than two seeds no two settings can be told apart."
    why = f"could be compared with it: fewer than two {unit}s have a result in both."
    if not tested:
        return f"No other setting {why}"
    return f"{_tested(findings, tested, ' that could be compared')} {untested} {why.replace('could', 'could not')}"


def _tested(findings: Findings, tested: list[tuple[stats.Setting, stats.Comparison]], which: str = "") -> str:
    """From which others the selected setting differs; `which` says of them that they are not all."""
    close = [setting_label(setting) for setting, c in tested if c.p_adjusted >= LEVEL]
    corrected = " on the folds, corrected for the rows that they share" if findings.over_folds else ""
    test = f"paired t-tests{corrected}, p < {LEVEL:g} adjusted for the selection"
    if not close:
        return f"It differs from every other setting{which} ({test})."
    named = "; ".join(close) if len(close) <= MAX_NAMED else f"{len(close)} of them"
    if len(close) == len(tested):
        return f"No other setting is shown to differ from it ({test})."
    different = f"{len(tested) - len(close)} of the other {len(tested)}{which}"
    return f"It differs from {different} ({test}), but is not shown to differ from {named}."


def _test(findings: Findings) -> str:
    if findings.over_folds and each_tested(findings.ds):
        return "The networks of every fold were tested on the same test set: see the table."
    if findings.problem_axes and each_tested(findings.ds):
        return "Every setting was tested, each on its own test set: see the table."
    for metric in ("test_accuracy", "test_loss"):
        if metric in findings.ds:
            interval = seed_interval(findings.ds, metric)
            if interval.n:
                return f"On the test set, {_use(findings)}: {_value(metric, interval)}.{_lost(findings, interval)}"
    return _lost(findings, seed_interval(findings.ds, "test_loss")).strip() if "test_loss" in findings.ds else ""


def _lost(findings: Findings, interval: stats.Interval) -> str:
    """How many networks that were to be tested have no result."""
    if findings.ds.attrs.get("final") != "retrain" or not interval.excluded:
        return ""
    networks = count_label(interval.n + interval.excluded, "network")
    if interval.n + interval.excluded == 1:
        return " There is no test result: the network that was trained again for it diverged."
    if not interval.n:
        return f" There is no test result: all {networks} that were trained again for it diverged."
    return f" {interval.excluded} of the {networks} that were trained again for it diverged."


def _use(findings: Findings) -> str:
    if each_tested(findings.ds):
        return "on which every setting was tested"
    earlier = json.loads(findings.ds.attrs.get("tested_at", "[]"))
    if earlier:
        return f"which was used before, when the run had {' and '.join(f'{epochs:,}' for epochs in earlier)} epochs"
    if findings.problem_axes:
        return f"used once, by {setting_label(findings.selected.setting)}" if findings.selected else "used once"
    use = "used once" + " after the selection" * (len(findings.judged) > 1)
    if findings.ds.attrs.get("final") == "retrain":
        use += ", by networks trained again on training and validation data together"
    elif findings.over_folds and findings.selected:
        use += f", by the networks of fold {findings.selected.setting['fold']}"
    return use


def _diverged(findings: Findings) -> str:
    networks, said = count_label(findings.num_members, "network"), []
    if findings.num_diverged:
        said.append(f"{findings.num_diverged} of {networks} diverged.")
    endless = int(((findings.ds["best_epoch"] == 0) & (findings.ds["diverged_at"] < 0)).sum())
    if endless:
        said.append(f"{endless} of {networks} had no finite {metric_label(findings.metric)} at any epoch.")
    return " ".join(said)
