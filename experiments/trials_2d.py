"""How much do trials of one small network differ, and what do more units, none, or a second layer change?

Adam at 1e-3 and batches of 32 on 2-D sets.  units: no hidden layer and 2, 5, 10, 20, 100 relu units for 200 epochs
on set 2, 20 trials each; why those of 2 units differ: the relu units that bend the boundary, and the losses that
the trials end at.  sets: no hidden layer and 100 units on the sets 1 to 4.  two_layers: 100-100 units for 300
epochs, and the epoch of least validation loss.  three_classes: none, 100 and 100-10 units for 500 epochs on the set
of three classes, half of it held out.  As in the source there is no third part of the data: accuracies are those of
the validation rows.

Source: an assignment on PyTorch, with 20 trials of 2 units and 5 of the others.

    jaxnn run trials_2d                  # the sets of the assignment, in JAXNN_DATA_DIR
    jaxnn run trials_2d --preset quick   # generated sets, 5 trials, 20 epochs: seconds
    jaxnn run trials_2d --preset full    # 100 trials, 50 of the larger networks

Expect (20 trials, 2026-11-22, docs/results/trials_2d): two units reach 81.0% to 89.0%, 100 units 90.5% to 91.0%;
100-100 begins to overfit at epoch 125; 180 networks in some 20 seconds. `full` (1,200 networks, 617 GFLOP by
`--dry-run`) took 2 minutes on two cores, 2026-11-22, docs/results/trials_2d-full: two units reach 48.5% to 90.0%
in 100 trials, and 100-100 begins to overfit at epoch 136. Nothing has been measured on a GPU.
"""

import dataclasses
import sys
from typing import Any, Literal

import numpy as np
import xarray as xr

from jaxnn import metrics, plots, stats
from jaxnn.cli import experiment_main
from jaxnn.data import DataConfig
from jaxnn.experiment import Experiment, Preset
from jaxnn.labels import (
    difference_interval_label,
    difference_label,
    interval_label,
    metric_value,
    setting_label,
    value_label,
)
from jaxnn.study import Analysis, ModelConfig, Outcome, StudyConfig, TrainConfig
from jaxnn.types import Hparams

UNITS = ((), (2,), (5,), (10,), (20,), (100,))
POINTS = np.array([[0, 0], [1, 1], [-1, 1], [1, -1], [-1, -1], [2, 0], [0, 2], [3, 3]], np.float32)


def analyse_units(outcome: Outcome) -> Analysis:
    """Least and most accuracy of the trials, the units that bend, the spread, and the boundaries of both ends."""
    accuracy = at_the_end(outcome.results)
    notes = [bends_note(outcome, UNITS.index((2,))), ending_note(outcome.results, 2)]
    rows = [f"{'hidden':<10}{'least':>10}{'mean':>10}{'95% interval':>22}{'most':>10}"]
    interval = stats.t_interval(accuracy, axis="seed")
    groups = {}
    for i, units in enumerate(accuracy["hidden"].values.tolist()):
        trials = accuracy[i].values
        groups[f"{value_label(units)} units" if units != "none" else "no hidden layer"] = trials
        low, high = (float(end[i]) for end in interval[1:3])
        least, mean, most = map(_percent, (trials.min(), trials.mean(), trials.max()))
        span = interval_label("accuracy", low, high)
        rows.append(f"{value_label(units):<10}{least:>10}{mean:>10}{span:>22}{most:>10}")
    trials = len(accuracy["seed"])
    figure = plots.plot_spread(
        groups, "val_accuracy", title=f"{trials} trials of each network, after the last epoch"
    )
    caption = "Validation accuracy of every trial, and their mean."
    figures = [("trials", caption, figure), ("boundaries", *draw_extremes(outcome, accuracy))]
    heading = f"Validation accuracy of {trials} trials after the last epoch"
    return Analysis(notes, [(heading, "\n".join(rows)), points_table(outcome)], figures)


def at_the_end(results: xr.Dataset) -> xr.DataArray:
    """Validation accuracy after the last epoch, over (settings..., seed)."""
    return stats.at_epoch(results, "val_accuracy", int(results["epoch"][-1]))


def bends_note(outcome: Outcome, position: int) -> str:
    """Accuracy of the trials by how many of their hidden units bend the boundary."""
    model, params, _ = outcome.variables(position)
    bends = count_bends(params["layers_1"], outcome.data(position).train.x)
    place = stats.locate(outcome.results, stats.settings(outcome.results)[position])
    accuracy = stats.at_best_epoch(outcome.results, "val_accuracy").isel(place).values
    words = [
        f"{(bends == n).sum()} trials with {n} ({_percent(accuracy[bends == n].mean())} on average)"
        for n in np.unique(bends)
    ]
    least, most = _percent(accuracy.min()), _percent(accuracy.max())
    return (
        f"Trials of {model.layers[1].features} units reach {least} to {most} at their best epochs; by the number "
        "of relu units that are on for some of the points and not for all, each a bend in the boundary: "
        f"{'; '.join(words)}."
    )


def ending_note(results: xr.Dataset, units: int) -> str:
    """Whether trials of one width end in different places, and whether they had arrived there."""
    losses, accuracy = results["train_loss"].sel(hidden=str(units)), at_the_end(results).sel(hidden=str(units))
    tenth = max(1, len(losses["epoch"]) // 10)
    last, earlier = (losses.isel(epoch=-1 - back) for back in (0, tenth))
    epochs = int(last["epoch"] - earlier["epoch"])
    last, earlier = last.values, earlier.values
    correlation = np.corrcoef(last, accuracy.values)[0, 1]
    return (
        f"The trials of {units} units end at training losses of {last.min():.3f} to {last.max():.3f}, whose "
        f"correlation with the accuracy is {correlation:+.2f}; over the last {epochs} epochs the loss still fell "
        f"by {np.mean(1 - last / earlier):.1%} on average."
    )


def count_bends(layer: dict, x: np.ndarray) -> np.ndarray:
    """How many relu units of each member are on for some rows of x and off for others: (seeds,).

    Args:
        layer: kernel (seeds, inputs, units) and bias (seeds, units).
        x: (rows, inputs).
    """
    net_inputs = np.einsum("ri,siu->sru", x, layer["kernel"]) + np.asarray(layer["bias"])[:, None]
    is_on = net_inputs > 0
    return (is_on.any(1) & ~is_on.all(1)).sum(1)


def draw_extremes(outcome: Outcome, accuracy: xr.DataArray) -> tuple[str, plots.Figure]:
    """Of every network the trial of least accuracy, above the one of most."""
    rows: list[list[plots.DecisionPanel]] = [[], []]
    for position, trials in enumerate(accuracy.values):
        name = value_label(accuracy["hidden"].values[position])
        if np.isnan(trials).all():  # every one diverged
            continue
        for row, seed in zip(rows, (int(np.nanargmin(trials)), int(np.nanargmax(trials))), strict=True):
            title = f"{name}: {_percent(trials[seed])}"
            row.append(panel(outcome, position, seed, title, at="last"))
    figure = plots.plot_decision_boundaries(rows, title="The trial of least accuracy, and of most")
    return (
        "Class probabilities of two trials of each network after the last epoch, the training points, and the "
        "accuracy on validation.",
        figure,
    )


def panel(
    outcome: Outcome, position: int, seed: int, title: str, *, at: Literal["best", "last"] = "best"
) -> plots.DecisionPanel:
    """One member over the plane, with its training points."""
    train = outcome.data(position).train
    mesh = plots.make_mesh(train.x)
    shares = probabilities(outcome, position, mesh.inputs, at=at)[seed]
    return plots.DecisionPanel(title, mesh, shares, train.x, train.y)


def probabilities(
    outcome: Outcome, position: int, x: np.ndarray, *, at: Literal["best", "last"] = "best"
) -> np.ndarray:
    """Class probabilities (seeds, rows, classes) of a setting's members, at their best epochs or after the last."""
    outputs = outcome.predict(position, x, at=at)
    return np.asarray(metrics.probabilities(outputs, "softmax_cross_entropy"), np.float64)


def points_table(outcome: Outcome) -> tuple[str, str]:
    """How the trials of each network decide at chosen points: the class of most, and the share that agrees."""
    names = outcome.data(0).info.class_names
    rows = [f"{'point':<12}" + "".join(f"{setting_label(s):>20}" for s in stats.settings(outcome.results))]
    votes = [probabilities(outcome, i, POINTS).argmax(-1) for i in range(len(outcome.plan.settings))]
    for row, (x1, x2) in enumerate(POINTS):
        cells = ""
        for classes in votes:
            counts = np.bincount(classes[:, row], minlength=len(names))
            cells += f"{f'{names[counts.argmax()]} ({counts.max() / counts.sum():.0%})':>20}"
        rows.append(f"{f'({x1:g}, {x2:g})':<12}{cells}")
    return "Predicted class at some points, and the share of trials that predict it", "\n".join(rows)


def analyse_sets(outcome: Outcome) -> Analysis:
    """What a hidden layer brings on each set, paired on the seeds."""
    accuracy = at_the_end(outcome.results)
    first, second = map(with_units, accuracy["hidden"].values.tolist())  # of two settings
    without, hidden = (accuracy.isel(hidden=i, drop=True) for i in (0, 1))
    gain = compare_accuracy(outcome.results, hidden, without)
    notes = [
        f"{name}: {_percent(without[i].mean())} {first}, {_percent(hidden[i].mean())} {second}, a difference of "
        f"{_points(gain, i)}."
        for i, name in enumerate(accuracy["dataset"].values.tolist())
    ]
    titles = [", ".join(map(value_label, setting.values())) for setting in stats.settings(outcome.results)]
    panels = [panel(outcome, position, 0, title) for position, title in enumerate(titles)]
    figure = plots.plot_decision_boundaries(
        [panels[::2], panels[1::2]], title=f"{first.capitalize()} and {second}, seed 0"
    )
    return Analysis(notes, figures=[("boundaries", "Class probabilities at the best epochs.", figure)])


def analyse_two_layers(outcome: Outcome) -> Analysis:
    """The epoch of least validation loss, and what training on costs."""
    results = outcome.results
    best, end = results["best_epoch"].values, int(results["epoch"][-1])
    least, last = stats.at_best_epoch(results, "val_loss"), stats.at_epoch(results, "val_loss", end)
    rise = stats.paired_comparison(last, least, axis="seed").difference
    before = stats.at_best_epoch(results, "val_accuracy")
    change = compare_accuracy(results, at_the_end(results), before)
    notes = [
        f"The validation loss is least at epoch {best.mean():.0f} on average ({best.min()} to {best.max()} "
        f"over the seeds); at epoch {end} it is {rise.mean:.4f} higher (95% interval {rise.low:.4f} to "
        f"{rise.high:.4f}), and the accuracy has changed by {_points(change)}."
    ]
    return Analysis(notes, figures=[("boundaries", *draw_row(outcome))])


def analyse_classes(outcome: Outcome) -> Analysis:
    """Three classes: what layers bring, boundaries, and the classes at chosen points."""
    accuracy = at_the_end(outcome.results)
    others, first = accuracy.isel(hidden=slice(1, None)), accuracy.isel(hidden=0, drop=True)
    change = compare_accuracy(outcome.results, others, first)
    baseline = with_units(accuracy["hidden"].values[0].item())
    notes = [
        f"{value_label(units)} units reach {_percent(others[i].mean())} of validation accuracy, against networks "
        f"{baseline} a difference of {_points(change, i)}."
        for i, units in enumerate(others["hidden"].values.tolist())
    ]
    return Analysis(notes, [points_table(outcome)], [("boundaries", *draw_row(outcome))])


def with_units(hidden: Any) -> str:
    """What the networks of a value of `hidden` have: "with 100 units"."""
    return "without a hidden layer" if hidden == "none" else f"with {value_label(hidden)} units"


def compare_accuracy(results: xr.Dataset, a: xr.DataArray, b: xr.DataArray) -> stats.Interval:
    """The difference of two accuracies on validation, paired on the seeds."""
    resolution = stats.resolution(results, "val_accuracy")
    return stats.paired_comparison(a, b, axis="seed", resolution=resolution).difference


def draw_row(outcome: Outcome) -> tuple[str, plots.Figure]:
    """The boundary of every setting, seed 0."""
    settings = stats.settings(outcome.results)
    panels = [panel(outcome, i, 0, setting_label(setting)) for i, setting in enumerate(settings)]
    caption = "Class probabilities of seed 0 at its best epoch, and the training points."
    return caption, plots.plot_decision_boundaries([panels], title="Decision boundaries, seed 0")


def _percent(accuracy: Any) -> str:
    return metric_value("accuracy", float(accuracy))


def _points(change: stats.Interval, place: Any = ()) -> str:
    """A difference of accuracies and its interval."""
    mean, low, high = (float(end[place]) for end in change[:3])
    interval = difference_interval_label("accuracy", low, high)
    return f"{difference_label('accuracy', mean)} (95% interval {interval})"


def parts(sets: dict[str, DataConfig], *, share: float, trials: int, seeds: int) -> dict[str, Preset]:
    """The four studies.

    Args:
        sets: what each is trained on.
        share: of the assignment's epochs.
        trials: seeds of the first.
        seeds: of the others.
    """
    config = StudyConfig(
        data=sets["units"],
        training=TrainConfig(epochs=10 * round(20 * share), batch_size=32, eval_every=10),
        hparams=Hparams(learning_rate=1e-3),
        seeds=trials,
    )
    of_epochs = lambda epochs, every=10: dataclasses.replace(
        config.training, epochs=every * round(share * epochs / every), eval_every=every
    )
    all_sets = dataclasses.replace(config, data=sets["sets"], seeds=seeds)
    two_layers = dataclasses.replace(
        config, model=ModelConfig("mlp", hidden=(100, 100)), training=of_epochs(300, 2), seeds=seeds
    )
    classes = dataclasses.replace(config, data=sets["classes"], training=of_epochs(500), seeds=seeds)
    return {
        "units": Preset(
            config,
            {"hidden": UNITS},
            analyse_units,
            "How much do trials of one network differ, and how many units does it need?",
        ),
        "sets": Preset(
            all_sets,
            {"dataset": ALL_SETS[all_sets.data.dataset], "hidden": ((), (100,))},
            analyse_sets,
            "On which sets does a hidden layer help?",
        ),
        "two_layers": Preset(
            two_layers, {}, analyse_two_layers, "At which epoch do two layers of 100 units begin to overfit?"
        ),
        "three_classes": Preset(
            classes,
            {"hidden": ((), (100,), (100, 10))},
            analyse_classes,
            "What do one and two hidden layers bring on three classes?",
        ),
    }


# The sets that are compared, by the first of them.
ALL_SETS = {"two_d/1": ("two_d/1", "two_d/2", "two_d/3", "two_d/4"), "circle": ("circle", "xor")}
# As many validation rows for each, so that all train as one program.
OFFICIAL = {
    "units": DataConfig("two_d/2", test=0),
    "sets": DataConfig("two_d/1", validation=200, test=0),
    "classes": DataConfig("two_d/3class", validation=0.5, test=0),
}
GENERATED = {
    "units": DataConfig("circle", noise=10, num_examples=600, validation=200, test=0),
    "sets": DataConfig("circle", noise=10, num_examples=600, validation=200, test=0),
    "classes": DataConfig("spiral_k", num_arms=3, num_examples=600, validation=0.5, test=0),
}

EXPERIMENT = Experiment(
    name="trials_2d",
    question="How much do trials of one small network differ, and what do more units or layers, or none, change?",
    presets={
        "quick": parts(GENERATED, share=0.1, trials=5, seeds=3),
        "cpu": parts(OFFICIAL, share=1.0, trials=20, seeds=5),
        "full": parts(OFFICIAL, share=1.0, trials=100, seeds=50),
    },
)

if __name__ == "__main__":
    sys.exit(experiment_main(EXPERIMENT))
