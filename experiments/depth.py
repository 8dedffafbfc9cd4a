"""Do more layers, or wider ones, draw a better boundary, or islands of overfitting?

Hidden layers 1 to 4 of three units, and four layers of 3 to 20 units, tanh and relu, on make_moons (200 training
points, noise 0.2) and on four classes of make_blobs (standardised); there also one layer of 1 to 6 units, tanh,
relu and sigmoid, as moons.py has them on moons.  By full-batch gradient descent: for each setting its test
accuracy at each network's best epoch on validation, how far the validation loss has risen from its least to the
last step, and what the decision is after that step: how many connected regions hold training points (more than
there are classes: islands), and how many networks decide for one class at all of them.

Source: a homework on a NumPy network, after the tutorial "Implementing a Neural Network from Scratch" (D. Britz,
2015), whose update is here, per mean loss, a learning rate of 2 with an l2 penalty of 0.01 / (2 * 200).  It claims,
from one seed each, that 3 to 4 units suffice, that more overfit and draw islands, and that a deep relu network of
width 3 draws no boundary at all.

    jaxnn run depth                      # 5 seeds, 5,000 steps
    jaxnn run depth --preset quick       # 3 seeds, 1,000 steps: seconds
    jaxnn run depth --preset full        # 50 seeds, 20,000 steps

Expect (5 seeds, 2026-11-22, docs/results/depth): one layer of three tanh units, test accuracy 96.9% on moons and
89.9% on blobs, is beaten by no other; relu networks of four layers of three units draw no boundary, 5 of 5 on
both; 230 networks in some 30 seconds. `full` (2,300 networks, 16.8 TFLOP by `--dry-run`) took 15 minutes on two
busy cores, 2026-11-22, docs/results/depth-full: one layer of three tanh units is best on validation (on blobs
not shown to differ from three relu units), of four relu layers of three units all 50 draw no boundary, on either
set, and of four tanh layers of 5 to 20 units 48 of 150 draw islands on moons and 69 of 150 on blobs, of one
layer of up to 6 units 6 of 900 on blobs. Nothing has been measured on a GPU.
"""

import dataclasses
import sys
from typing import Any

import numpy as np
import scipy.ndimage
import xarray as xr

from jaxnn import metrics, plots, stats
from jaxnn.cli import experiment_main
from jaxnn.data import DataConfig
from jaxnn.experiment import Experiment, Preset
from jaxnn.labels import interval_label, metric_value, setting_label, value_label
from jaxnn.study import Analysis, ModelConfig, Outcome, StudyConfig, TrainConfig
from jaxnn.types import Hparams

NUM_TRAIN = 200
PROBLEMS = {
    "moons": DataConfig("moons", noise=0.2),
    "blobs": DataConfig("blobs", num_classes=4, noise=1.5, data_seed=1, standardize=True),
}
UNITS = tuple((units,) for units in range(1, 7))
HIDDEN = (*((3,) * depth for depth in (1, 2, 3, 4)), *((width,) * 4 for width in (5, 10, 20)))


def analyse(outcome: Outcome) -> Analysis:
    """The three claims, each with its numbers, and the boundaries of the first seed."""
    results, train = outcome.results, outcome.data(0).train
    mesh = plots.make_mesh(train.x)
    logits = [outcome.predict(position, mesh.inputs, at="last") for position in range(len(outcome.plan.settings))]
    maps = np.argmax(logits, axis=-1).reshape(-1, len(mesh.x2), len(mesh.x1))
    cells = nearest(mesh.x2, train.x[:, 1]), nearest(mesh.x1, train.x[:, 0])
    regions, decided = (xr.zeros_like(results["best_epoch"]) for _ in range(2))
    regions.values.ravel()[:] = [count_regions(classes, cells) for classes in maps]
    decided.values.ravel()[:] = [len(np.unique(classes[cells])) for classes in maps]
    regions, decided = (counts.where(results["diverged_at"] < 0) for counts in (regions, decided))
    rise = stats.at_epoch(results, "val_loss", int(results["epoch"][-1])) - results["val_loss"].min("epoch")
    num_classes = logits[0].shape[-1]
    notes = [*suffice(results), overfits(rise), islands(regions, num_classes), no_boundary(decided)]
    figure = draw(outcome, mesh, [of_seeds[0] for of_seeds in logits])
    caption = "Class probabilities of seed 0 after the last step, and the training points."
    return Analysis(notes, [table(results, rise, regions)], [("boundaries", caption, figure)])


def nearest(axis: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The positions on an axis of evenly spaced numbers that are nearest to some values."""
    return np.rint((values - axis[0]) / (axis[1] - axis[0])).astype(int)


def count_regions(classes: np.ndarray, cells: tuple[np.ndarray, np.ndarray]) -> int:
    """How many connected regions of a map of classes hold an example; cells that touch at a corner are connected.

    Without that condition slivers between the cells of the map, far from all data, are most of what is counted.

    Args:
        classes: (rows, columns), the class that each place is decided for.
        cells: row and column of every example.
    """
    total = 0
    for k in np.unique(classes):
        labelled: Any = scipy.ndimage.label(classes == k, np.ones((3, 3)))  # (map of labels, their number)
        total += len(np.setdiff1d(labelled[0][cells], 0))
    return total


def suffice(results: xr.Dataset) -> list[str]:
    """Whether any setting beats the smallest of its activation, in test accuracy, paired on the seeds."""
    notes, resolution = [], stats.resolution(results, "each_test_accuracy")
    for activation in results["activation"].values.tolist():
        accuracy = results["each_test_accuracy"].sel(activation=activation)
        smallest, others = accuracy.isel(hidden=0, drop=True), accuracy.isel(hidden=slice(1, None))
        change = stats.paired_comparison(others, smallest, axis="seed", resolution=resolution)
        better = others["hidden"][(change.p_adjusted < 0.05) & (change.difference.mean > 0)].values.tolist()
        worse = others["hidden"][(change.p_adjusted < 0.05) & (change.difference.mean < 0)].values.tolist()
        verdicts = [f"better: {', '.join(map(str, better))}"] if better else ["none is better"]
        verdicts += [f"worse: {', '.join(map(str, worse))}"] if worse else ["none is worse"]
        first = accuracy["hidden"].values[0]
        notes.append(
            f"{activation}: test accuracy against hidden {first}, paired on the seeds (Holm-adjusted p < 0.05): "
            f"{'; '.join(verdicts)}."
        )
    return notes


def overfits(rise: xr.DataArray) -> str:
    """Where the validation loss has risen again by the last step."""
    interval = stats.t_interval(rise, axis="seed")
    rising = [
        f"{setting_label(setting)} (+{float(interval.mean.isel(place)):.3f})"
        for setting, place in _settings(rise)
        if float(interval.low.isel(place)) > 0
    ]
    found = ", ".join(rising) or "no setting"
    return f"By the last step the validation loss has risen from its least (95% interval above 0) in: {found}."


def islands(regions: xr.DataArray, num_classes: int) -> str:
    """How many networks, of those that did not diverge, draw more regions with training points than classes."""
    more = [
        f"{setting_label(setting)}: {count} of {int(regions.isel(place).count())}"
        for setting, place in _settings(regions)
        if (count := int((regions.isel(place) > num_classes).sum()))
    ]
    found = "; ".join(more) or "none"
    return f"Networks with islands, more regions with training points than the {num_classes} classes: {found}."


def no_boundary(decided: xr.DataArray) -> str:
    """How many networks decide for one class at every training point; `decided`: for how many classes each does."""
    counts = [
        f"{setting_label(setting)}: {count} of {int(decided.isel(place).count())}"
        for setting, place in _settings(decided)
        if (count := int((decided.isel(place) == 1).sum()))
    ]
    return f"Networks that draw no boundary between the training points: {'; '.join(counts) or 'none'}."


def table(results: xr.Dataset, rise: xr.DataArray, regions: xr.DataArray) -> tuple[str, str]:
    """A row for each setting."""
    accuracy = stats.t_interval(results["each_test_accuracy"], axis="seed")
    rows = [f"{'setting':<34}{'test accuracy':>14}{'95% interval':>20}{'rise of val loss':>18}{'regions':>12}"]
    for setting, place in _settings(rise):
        mean, low, high = (float(end.isel(place)) for end in accuracy[:3])
        drawn = regions.isel(place).dropna("seed").values.astype(int)
        rows.append(
            f"{setting_label(setting):<34}{metric_value('accuracy', mean):>14}"
            f"{interval_label('accuracy', low, high):>20}{float(rise.isel(place).mean()):>18.4f}"
            f"{f'{drawn.min()} to {drawn.max()}' if drawn.size else '-':>12}"
        )
    heading = (
        "Test accuracy at the best epochs; rise of the validation loss since then, and regions, at the last step"
    )
    return heading, "\n".join(rows)


def draw(outcome: Outcome, mesh: plots.Mesh, logits: list[np.ndarray]) -> plots.Figure:
    """A row of boundaries for each activation; `logits` are those of one member of each setting on the mesh."""
    data = outcome.data(0)
    rows: dict[str, list[plots.DecisionPanel]] = {}
    for setting, outputs in zip(stats.settings(outcome.results), logits, strict=True):
        shares = np.asarray(metrics.probabilities(outputs, "softmax_cross_entropy"))
        title = ", ".join(map(value_label, setting.values())) + " (diverged)" * (not np.isfinite(outputs).all())
        panel = plots.DecisionPanel(title, mesh, shares, data.train.x, data.train.y)
        rows.setdefault(setting["activation"], []).append(panel)
    return plots.plot_decision_boundaries(
        list(rows.values()), title="Decision boundaries of seed 0 after the last step"
    )


def _settings(values: xr.DataArray) -> list[tuple[dict, dict[str, int]]]:
    """Every setting of an array over (settings..., seed): by its values, and by its place for `isel`."""
    dims = [str(dim) for dim in values.dims if dim != "seed"]
    places = [dict(zip(dims, index, strict=True)) for index in np.ndindex(*(values.sizes[dim] for dim in dims))]
    return [({dim: values[dim].values[i].item() for dim, i in place.items()}, place) for place in places]


def parts(hidden: tuple[tuple[int, ...], ...], *, steps: int, seeds: int) -> dict[str, Preset]:
    """The problems at one size; a step of full-batch descent is an epoch."""
    config = StudyConfig(
        model=ModelConfig("mlp"),
        training=TrainConfig(epochs=steps, batch_size="full", eval_every=steps // 50, optimizer="sgd"),
        hparams=Hparams(learning_rate=2.0, l2=0.01 / (2 * NUM_TRAIN)),
        seeds=seeds,
        final="every",
    )
    sweep = {"activation": ("tanh", "relu"), "hidden": hidden}
    sizes = {"num_examples": NUM_TRAIN + 1200, "validation": 200, "test": 1000}
    configs = {
        name: dataclasses.replace(config, data=dataclasses.replace(data, **sizes))
        for name, data in PROBLEMS.items()
    }
    found = {name: Preset(one, sweep) for name, one in configs.items()}
    units = {"activation": ("tanh", "relu", "sigmoid"), "hidden": UNITS}
    found["blobs_units"] = Preset(
        configs["blobs"], units, question="How many units of one layer do four blobs need?"
    )
    return found


EXPERIMENT = Experiment(
    name="depth",
    question="Do more layers, or wider ones, draw a better boundary, or islands of overfitting?",
    presets={
        "quick": parts(HIDDEN[:-1], steps=1_000, seeds=3),
        "cpu": parts(HIDDEN, steps=5_000, seeds=5),
        "full": parts(HIDDEN, steps=20_000, seeds=50),
    },
    analyse=analyse,
)

if __name__ == "__main__":
    sys.exit(experiment_main(EXPERIMENT))
