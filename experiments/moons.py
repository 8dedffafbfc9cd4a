"""How many hidden units does the moons problem need, and does the activation matter?

One hidden layer of 1 to 6 units with tanh, sigmoid and relu on make_moons (200 training points, noise 0.2),
trained by full-batch gradient descent for 20,000 steps; 18 settings, each with its seeds, and the decision boundary
of seed 0 of each in one figure.

Source: a homework on a NumPy network, after the tutorial "Implementing a Neural Network from Scratch" (D. Britz,
2015), whose update w -= 0.01 * (gradient of the loss summed over 200 points + 0.01 w) is here, per mean loss, a
learning rate of 2 with an l2 penalty of 0.01 / (2 * 200).  It claims that 3 to 4 units suffice and more overfit.

    jaxnn run moons                      # 10 seeds, 20,000 steps: some 15 seconds on two CPU cores
    jaxnn run moons --preset quick       # 5 seeds, 2,000 steps
    jaxnn run moons --preset full        # 100 seeds

Expect (10 seeds, 2026-11-22, docs/results/moons): four tanh units are best on validation (test accuracy 96.9%),
three tanh or sigmoid units are not shown to differ from them, two are not enough.  `full` (1,800 networks,
866 GFLOP by `--dry-run`) took a minute on two cores, 2026-11-22, docs/results/moons-full: three tanh units are
best, and every other setting differs from them.  Nothing has been measured on a GPU.
"""

import sys

import numpy as np

from jaxnn import metrics, plots, stats
from jaxnn.cli import experiment_main
from jaxnn.data import DataConfig
from jaxnn.experiment import Experiment, Preset
from jaxnn.labels import value_label
from jaxnn.study import Analysis, ModelConfig, Outcome, StudyConfig, TrainConfig
from jaxnn.types import Hparams

UNITS = tuple((units,) for units in range(1, 7))
ACTIVATIONS = ("tanh", "sigmoid", "relu")
NUM_TRAIN = 200


def analyse(outcome: Outcome) -> Analysis:
    """Decision boundaries of the first seed: a row for each activation, a column for each width."""
    data = outcome.data(0)
    mesh = plots.make_mesh(data.train.x)
    rows: dict[str, list[plots.DecisionPanel]] = {}
    for position, setting in enumerate(stats.settings(outcome.results)):
        shares = np.asarray(
            metrics.probabilities(outcome.predict(position, mesh.inputs)[0], "softmax_cross_entropy")
        )
        title = ", ".join(map(value_label, setting.values()))
        panel = plots.DecisionPanel(title, mesh, shares, data.train.x, data.train.y)
        rows.setdefault(setting.get("activation", ""), []).append(panel)
    figure = plots.plot_decision_boundaries(list(rows.values()), title="Decision boundaries, seed 0")
    caption = (
        "Activation and hidden units; class probabilities of seed 0 at its best epoch, and the training points."
    )
    return Analysis(figures=[("boundaries", caption, figure)])


def preset(*, steps: int, seeds: int) -> Preset:
    """The study at one size; a step of full-batch descent is an epoch."""
    config = StudyConfig(
        data=DataConfig(dataset="moons", noise=0.2, num_examples=NUM_TRAIN + 1200, validation=200, test=1000),
        model=ModelConfig("mlp"),
        training=TrainConfig(epochs=steps, batch_size="full", eval_every=steps // 100, optimizer="sgd"),
        hparams=Hparams(learning_rate=2.0, l2=0.01 / (2 * NUM_TRAIN)),
        seeds=seeds,
    )
    return Preset(config, {"activation": ACTIVATIONS, "hidden": UNITS})


EXPERIMENT = Experiment(
    name="moons",
    question="How many hidden units does the moons problem need, and does the activation matter?",
    presets={
        "quick": preset(steps=2_000, seeds=5),
        "cpu": preset(steps=20_000, seeds=10),
        "full": preset(steps=20_000, seeds=100),
    },
    analyse=analyse,
)

if __name__ == "__main__":
    sys.exit(experiment_main(EXPERIMENT))
