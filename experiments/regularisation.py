"""What do the usual regularisers do to the gap between training and validation, alone and together?

One hidden layer of 128 relu units, batch 128, 30 epochs, by Adam and by RMSprop (1e-3), with: L2 0.01 (the penalty
0.01 sum w^2), L1 activity 0.01 (0.01 sum |a|, mean over the batch), dropout 0.2, decoupled weight decay 0.1, label
smoothing 0.1, early stopping after 3 epochs without a better validation accuracy; the first three together; all.
Every network is judged at its best epoch on validation.  Its training accuracy is taken then, without dropout, on
as many training rows as there are for validation.

Source: a homework of 2019 with Keras on Fashion-MNIST, split 40,000/20,000/10,000, with one seed for each setting:
the network of `widths` with l2(0.01), an L1 activity regulariser of 0.01 and dropout 0.2, by RMSprop and Adam.

    jaxnn run regularisation                    # Fashion-MNIST, 4 seeds: minutes on two CPU cores
    jaxnn run regularisation --preset quick     # the bundled digits: seconds
    jaxnn run regularisation --preset full      # 512 units, 10 seeds, 60 epochs

Expect (4 seeds, 2026-11-22, docs/results/regularisation): no regulariser is shown to raise the validation accuracy
of 89.4% over none; by Adam L2 0.01 closes the gap of 5.0 points and costs 7.0 points of accuracy; by RMSprop 5.2
and 7.4; some 4 minutes. Nothing has been measured on a GPU, and `full` not been run: 180 networks, 883 TFLOP
(`--dry-run`).
"""

import sys

import numpy as np
import xarray as xr

from jaxnn import plots, stats
from jaxnn.cli import experiment_main
from jaxnn.data import DataConfig
from jaxnn.experiment import Experiment, Preset
from jaxnn.labels import value_label
from jaxnn.study import Analysis, ModelConfig, Outcome, StudyConfig, TrainConfig
from jaxnn.types import Hparams

BOTH = ("adam", "rmsprop")
NONE = "none"
L2 = {"l2": 0.01}
ACTIVITY = {"activity_l1": 0.01}
DROPOUT = {"dropout_rate": 0.2}
DECAY = {"weight_decay": 0.1}
SMOOTHING = {"label_smoothing": 0.1}
STOPPING = {"patience": 3}
REGULARISERS = {
    NONE: {},
    "L2": L2,
    "activity L1": ACTIVITY,
    "dropout": DROPOUT,
    "weight decay": DECAY,
    "label smoothing": SMOOTHING,
    "early stopping": STOPPING,
    "L2 + activity L1 + dropout": L2 | ACTIVITY | DROPOUT,
    "all": L2 | ACTIVITY | DROPOUT | DECAY | SMOOTHING | STOPPING,
}


def analyse(outcome: Outcome) -> Analysis:
    """The gap of every setting, and what a regulariser changes in it and in the validation accuracy."""
    results = outcome.results
    if NONE not in results.get("regulariser", ()):
        return Analysis()
    validation = stats.at_best_epoch(results, "val_accuracy")
    gap = training_accuracy(outcome) - validation
    step = stats.resolution(results, "val_accuracy")  # of both accuracies
    changes = {
        "gap": against_none(gap, resolution=2**0.5 * step),
        "validation accuracy": against_none(validation, resolution=step),
    }
    rows = [
        f"{'setting':<38}{'validation accuracy':>28}{'gap to training':>26}{'gap, against none':>26}"
        f"{'validation, against none':>28}"
    ]
    for setting in stats.settings(results):
        cells = [f"{cell(stats.t_interval(values.sel(setting).values), ''):>27}" for values in (validation, gap)]
        if setting["regulariser"] != NONE:
            differences = (stats.Interval(*(end.sel(setting) for end in c.difference)) for c in changes.values())
            cells += [f"{cell(difference, '+'):>27}" for difference in differences]
        rows.append(f"{name(setting):<38}" + "".join(cells))
    heading = "Accuracies in percent, at the best epochs: mean over the seeds [95% t-interval], differences paired"
    notes = [verdict(quantity, change, stats.settings(results)) for quantity, change in changes.items()]
    return Analysis(notes, [(heading, "\n".join(rows))], [draw(results, gap)])


def training_accuracy(outcome: Outcome) -> xr.DataArray:
    """Of every member at its best epoch, without dropout, on as many training rows as there are for validation."""
    accuracy = xr.full_like(outcome.results["diverged_at"], np.nan, dtype=float)
    shares = []
    for position in range(len(outcome.plan.settings)):
        train, count = outcome.data(position).train, len(outcome.data(position).validation.y)
        shares.append((outcome.predict(position, train.x[:count]).argmax(-1) == train.y[:count]).mean(-1))
    return accuracy.copy(data=np.reshape(shares, accuracy.shape))


def against_none(values: xr.DataArray, *, resolution: float) -> stats.Comparison:
    """What every regulariser changes, paired by seed."""
    others, none = values.drop_sel(regulariser=NONE), values.sel(regulariser=NONE, drop=True)
    return stats.paired_comparison(others, none, axis="seed", resolution=resolution)


def verdict(quantity: str, change: stats.Comparison, settings: list[stats.Setting]) -> str:
    """Which settings raise a quantity, and which lower it."""
    tested = [setting for setting in settings if setting["regulariser"] != NONE]
    sure = [setting for setting in tested if float(change.p_adjusted.sel(setting)) < 0.05]
    rising = [name(setting) for setting in sure if float(change.difference.mean.sel(setting)) > 0]
    falling = [name(setting) for setting in sure if name(setting) not in rising]
    return (
        f"Against no regulariser, paired by seed (Holm-adjusted p < 0.05), the {quantity} is larger with "
        f"{'; '.join(rising) or 'none of them'}, and smaller with {'; '.join(falling) or 'none of them'}."
    )


def name(setting: stats.Setting) -> str:
    """A setting by its values: "dropout, adam"."""
    return ", ".join(map(value_label, setting.values()))


def cell(interval: stats.Interval, sign: str) -> str:
    mean, low, high = (100 * float(end) for end in interval[:3])
    return f"{mean:{sign}.2f} [{low:{sign}.2f}, {high:{sign}.2f}]"


def draw(results: xr.Dataset, gap: xr.DataArray) -> tuple[str, str, plots.Figure]:
    """Every network's gap as a dot."""
    groups = {name(setting): 100 * gap.sel(setting).values for setting in stats.settings(results)}
    figure = plots.plot_spread(groups, "percentage points", title="Training accuracy minus validation accuracy")
    return (
        "gap",
        "Every network as a dot, the mean of a setting as a line; at the best epoch on validation.",
        figure,
    )


def preset(
    dataset: str, *, units: int, epochs: int, batch_size: int, seeds: int, optimizers: tuple[str, ...]
) -> Preset:
    """The study at one size."""
    config = StudyConfig(
        data=DataConfig(dataset),
        model=ModelConfig("mlp", hidden=(units,)),
        training=TrainConfig(epochs=epochs, batch_size=batch_size, select_on="val_accuracy"),
        hparams=Hparams(learning_rate=1e-3),
        seeds=seeds,
    )
    return Preset(config, {"regulariser": REGULARISERS, "optimizer": optimizers})


EXPERIMENT = Experiment(
    name="regularisation",
    question="What do the usual regularisers do to the gap between training and validation, alone and together?",
    presets={
        "quick": preset("digits", units=32, epochs=15, batch_size=32, seeds=3, optimizers=("adam",)),
        "cpu": preset("fashion_mnist", units=128, epochs=30, batch_size=128, seeds=4, optimizers=BOTH),
        "full": preset("fashion_mnist", units=512, epochs=60, batch_size=128, seeds=10, optimizers=BOTH),
    },
    analyse=analyse,
)

if __name__ == "__main__":
    sys.exit(experiment_main(EXPERIMENT))
