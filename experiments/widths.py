"""How wide should one hidden layer be, and does it matter whether it is relu or sigmoid?

One hidden layer of 16, 64, 128 and 512 units, relu and sigmoid, softmax output, Adam 1e-3, batch 128, 30 epochs;
compared after 15 epochs and after 30, then the best setting trained again on training and validation data together.

Source: a homework of 2019 on Fashion-MNIST, split 40,000/20,000/10,000, with one seed for each setting.  It found
validation accuracies of 0.84 to 0.87 and no clear winner.

    jaxnn run widths                     # Fashion-MNIST, 5 seeds
    jaxnn run widths --preset quick      # the bundled digits
"""

import sys

from jaxnn import stats
from jaxnn.cli import experiment_main
from jaxnn.data import DataConfig
from jaxnn.experiment import Experiment, Preset
from jaxnn.labels import setting_label
from jaxnn.study import Analysis, ModelConfig, Outcome, StudyConfig, TrainConfig
from jaxnn.types import Hparams

WIDTHS = ((16,), (64,), (128,), (512,))
SWEEP = {"hidden": WIDTHS, "activation": ("relu", "sigmoid")}


def analyse(outcome: Outcome) -> Analysis:
    """Do twice as many epochs help?  Paired on the members, at half the epochs and at all of them."""
    results = outcome.results
    epochs = results["epoch"].values.tolist()
    half, full = epochs[len(epochs) // 2 - 1], epochs[-1]
    notes = []
    for metric in ("val_accuracy", "val_loss"):
        early, late = stats.at_epoch(results, metric, half), stats.at_epoch(results, metric, full)
        comparison = stats.paired_comparison(late, early, axis="seed")
        for setting in stats.settings(results):
            place = stats.locate(results, setting)
            difference = comparison.difference
            low, high = (float(getattr(difference, end).isel(place)) for end in ("low", "high"))
            notes.append(
                f"{setting_label(setting)}: {metric} at epoch {full} minus epoch {half}: "
                f"{float(difference.mean.isel(place)):+.4f} [{low:+.4f}, {high:+.4f}]."
            )
    return Analysis(notes=notes)


def preset(dataset: str, *, epochs: int, batch_size: int, seeds: int) -> Preset:
    """The study at one size."""
    config = StudyConfig(
        data=DataConfig(dataset=dataset),
        model=ModelConfig("mlp"),
        training=TrainConfig(epochs=epochs, batch_size=batch_size, monitor="val_accuracy"),
        hparams=Hparams(learning_rate=1e-3),
        seeds=seeds,
        final="retrain",
    )
    return Preset(config, SWEEP)


EXPERIMENT = Experiment(
    name="widths",
    question="How wide should one hidden layer be, relu or sigmoid, and do 30 epochs help over 15?",
    presets={
        "quick": preset("digits", epochs=30, batch_size=32, seeds=5),
        "cpu": preset("fashion_mnist", epochs=30, batch_size=128, seeds=5),
        "full": preset("fashion_mnist", epochs=30, batch_size=128, seeds=20),
    },
    analyse=analyse,
)

if __name__ == "__main__":
    sys.exit(experiment_main(EXPERIMENT))
