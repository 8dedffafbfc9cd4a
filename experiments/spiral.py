"""Two layers or three on the spiral, and what part of the error is bias, the data drawn, or the seed?

Three arms of 100 points; relu networks of one hidden layer of 100 units and of two hidden layers of several pairs
of widths; full-batch gradient descent at rate 1.0 for 10,000 steps.  Every network is trained on several draws of
the data with several seeds; the Brier score on common test points is divided into bias, variance over redrawn data
and variance over seeds.

Source: an assignment on a minimal NumPy network, after Stanford's cs231n notes (neural-networks-case-study), one
seed each.  Their regularisation of 1e-3 is 1e-3 / 2 * sum w^2, an `l2` of 5e-4 here; initial weights are Glorot's.

    jaxnn run spiral                     # 3 draws x 3 seeds, 10,000 steps
    jaxnn run spiral --preset quick      # 2 draws x 2 seeds, 1,000 steps: seconds
    jaxnn run spiral --preset full       # 1,600 networks, for an accelerator

Expect (3 draws x 3 seeds, 2026-11-22, docs/results/spiral): 20-10 units, test accuracy 98.7% [97.3%, 100.1%],
not shown to differ from 100 units, 97.7%; some 15 s.  Nothing has been measured on a GPU, and
`full` not been run: 1,600 networks, 53.6 TFLOP (`--dry-run`).
"""

import sys
from typing import NamedTuple

import numpy as np

from jaxnn import metrics, plots, stats
from jaxnn.cli import experiment_main
from jaxnn.data import DataConfig
from jaxnn.experiment import Experiment, Preset
from jaxnn.labels import interval_label, metric_value, value_label
from jaxnn.study import Analysis, ModelConfig, Outcome, StudyConfig, TrainConfig
from jaxnn.types import Hparams

HIDDEN = ((100,), (5, 5), (10, 5), (10, 10), (20, 5), (20, 10))


class Decomposition(NamedTuple):
    """The mean Brier score and its three parts, which sum to it."""

    score: float
    bias: float
    data_variance: float
    seed_variance: float


def decompose(shares: np.ndarray, labels: np.ndarray) -> Decomposition:
    """What part of the Brier score is common to all networks, what the data bring, and what the seeds.

    With p the probabilities of a network and t the one-hot label, over draws of the data d and seeds s

        E |p - t|^2 = |E p - t|^2 + E_d |E_s p - E p|^2 + E |p - E_s p|^2,

    each a mean over the test points.  The bias holds the noise of the labels too.

    Args:
        shares: (draws, seeds, rows, classes) probabilities on the same rows.
        labels: (rows,) integer classes.
    """
    targets = np.eye(shares.shape[-1])[labels]
    of_draw = shares.mean(1, keepdims=True)
    of_all = of_draw.mean(0, keepdims=True)
    parts = (shares - targets, of_all - targets, of_draw - of_all, shares - of_draw)
    return Decomposition(*(float((part**2).sum(-1).mean()) for part in parts))


def analyse(outcome: Outcome) -> Analysis:
    """Accuracy of every shape over draws and seeds, the parts of its error, and boundaries."""
    results, test = outcome.results, outcome.data(0).test
    draws, seeds = results.sizes["data_seed"], results.sizes["seed"]
    shapes = results["hidden"].values.tolist()
    shares = {
        shape: np.stack([probabilities(outcome, i * draws + draw, test.x) for draw in range(draws)])
        for i, shape in enumerate(shapes)
    }
    # The seeds of one draw share its points: the draws are the repetitions.
    accuracy = results["each_test_accuracy"].mean("seed")
    interval = stats.t_interval(accuracy, axis="data_seed")
    rows = [
        f"{'hidden':<10}{'test accuracy':>14}{'95% interval':>20}"
        f"{'Brier score':>14}{'bias':>10}{'data':>10}{'seeds':>10}"
    ]
    parts = {shape: decompose(shares[shape], test.y) for shape in shapes}
    for i, (shape, part) in enumerate(parts.items()):
        mean, low, high = (float(end[i]) for end in interval[:3])
        cells = f"{metric_value('accuracy', mean):>14}{interval_label('accuracy', low, high):>20}"
        rest = f"{part.score:>14.4f}" + "".join(f"{value:>10.4f}" for value in part[1:])
        rows.append(f"{value_label(shape):<10}{cells}{rest}")
    others, first = accuracy.isel(hidden=slice(1, None)), accuracy.isel(hidden=0, drop=True)
    resolution = stats.resolution(results, "each_test_accuracy") / results.sizes["seed"]
    change = stats.paired_comparison(others, first, axis="data_seed", resolution=resolution)
    found = change.p_adjusted < 0.05
    better, worse = (
        ", ".join(map(value_label, others["hidden"].values[found & (sign * change.difference.mean > 0)].tolist()))
        for sign in (1, -1)
    )
    most = max(parts, key=lambda shape: parts[shape].data_variance + parts[shape].seed_variance)
    notes = [
        f"Against one hidden layer of {value_label(shapes[0])}, paired on {draws} draws of the data (Holm-adjusted "
        f"p < 0.05): better {better or 'none'}; worse {worse or 'none'}.",
        f"The variance is largest with hidden {value_label(most)}: {parts[most].data_variance:.4f} over the draws "
        f"and {parts[most].seed_variance:.4f} over the seeds, of a Brier score of {parts[most].score:.4f}.",
    ]
    heading = (
        f"Test accuracy, and the parts of the Brier score on common test points ({draws} draws x {seeds} seeds)"
    )
    figures = [("boundaries", *draw_shapes(outcome)), ("redrawn", *draw_redrawn(outcome, shapes))]
    return Analysis(notes, [(heading, "\n".join(rows))], figures)


def probabilities(outcome: Outcome, position: int, x: np.ndarray) -> np.ndarray:
    """Class probabilities (seeds, rows, classes) of a setting's members at their best epochs."""
    return np.asarray(metrics.probabilities(outcome.predict(position, x), "softmax_cross_entropy"), np.float64)


def draw_shapes(outcome: Outcome) -> tuple[str, plots.Figure]:
    """The boundary of every shape, for the first draw and seed."""
    draws = outcome.results.sizes["data_seed"]
    shapes = outcome.results["hidden"].values.tolist()
    panels = [panel(outcome, i * draws, 0, f"hidden {value_label(shape)}") for i, shape in enumerate(shapes)]
    rows = [panels[i : i + 3] for i in range(0, len(panels), 3)]
    caption = "Class probabilities at the best epoch, and the training points."
    return caption, plots.plot_decision_boundaries(rows, title="Every shape, first draw, seed 0")


def draw_redrawn(outcome: Outcome, shapes: list) -> tuple[str, plots.Figure]:
    """The boundaries of the first and the last shape over three draws, and over the seeds of the first draw."""
    draws, seeds = (outcome.results.sizes[dim] for dim in ("data_seed", "seed"))
    members = [(draw, 0) for draw in range(min(draws, 3))] + [(0, seed) for seed in range(1, min(seeds, 3))]
    rows = [
        [panel(outcome, i * draws + d, s, f"{value_label(shapes[i])}: draw {d}, seed {s}") for d, s in members]
        for i in (0, len(shapes) - 1)
    ]
    caption = "Two shapes trained on other data with the same seed, and on the same data with other seeds."
    return caption, plots.plot_decision_boundaries(rows, title="Redrawn data and other seeds")


def panel(outcome: Outcome, position: int, seed: int, title: str) -> plots.DecisionPanel:
    """One member over the plane, with its training points."""
    train = outcome.data(position).train
    mesh = plots.make_mesh(train.x)
    return plots.DecisionPanel(title, mesh, probabilities(outcome, position, mesh.inputs)[seed], train.x, train.y)


def preset(hidden: tuple[tuple[int, ...], ...], *, steps: int, draws: int, seeds: int) -> Preset:
    """The study at one size; a step of full-batch descent is an epoch."""
    config = StudyConfig(
        data=DataConfig("spiral_k", num_arms=3, num_examples=1599, train=300, validation=300, test=999),
        model=ModelConfig("mlp"),
        training=TrainConfig(epochs=steps, batch_size="full", eval_every=steps // 50, optimizer="sgd"),
        hparams=Hparams(learning_rate=1.0, l2=1e-3 / 2),
        seeds=seeds,
        final="every",
    )
    return Preset(config, {"hidden": hidden, "data_seed": tuple(range(draws))})


EXPERIMENT = Experiment(
    name="spiral",
    question="Two layers or three on the spiral, and what part of the error is bias, the data drawn, or the seed?",
    presets={
        "quick": preset((HIDDEN[0], HIDDEN[-1]), steps=1_000, draws=2, seeds=2),
        "cpu": preset(HIDDEN, steps=10_000, draws=3, seeds=3),
        "full": preset((*HIDDEN, (50, 50), (100, 100)), steps=10_000, draws=20, seeds=10),
    },
    analyse=analyse,
)

if __name__ == "__main__":
    sys.exit(experiment_main(EXPERIMENT))
