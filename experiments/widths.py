"""How wide should one hidden layer be, and does it matter whether it is relu or sigmoid?

One hidden layer of 16, 64, 128 and 512 units, relu and sigmoid, softmax output, Adam 1e-3, batch 128, 30 epochs;
compared after 15 epochs and after 30, then the best setting trained again on training and validation data together.

Source: a homework of 2019 on Fashion-MNIST, split 40,000/20,000/10,000, with one seed for each setting.  It found
validation accuracies of 0.84 to 0.87 and no clear winner.

    jaxnn run widths                     # Fashion-MNIST, 5 seeds: minutes on two CPU cores
    jaxnn run widths --preset quick      # the bundled digits: seconds
    jaxnn run widths --preset full       # 20 seeds, for an accelerator

Expect (5 seeds, 2026-11-22, docs/results/widths): 512 relu units, validation 89.8% [89.6%, 90.0%], not shown to
differ from 512 sigmoid units, and different from every narrower layer; test 89.3% [89.0%, 89.6%].  30 epochs
raise the validation accuracy of all eight settings.  Nothing has been measured on a GPU, and `full` not
been run: 160 networks, 138 TFLOP (`--dry-run`).
"""

import sys

import xarray as xr

from jaxnn import stats
from jaxnn.cli import experiment_main
from jaxnn.data import DataConfig
from jaxnn.experiment import Experiment, Preset
from jaxnn.labels import metric_label, setting_label
from jaxnn.study import Analysis, ModelConfig, Outcome, StudyConfig, TrainConfig
from jaxnn.types import Hparams

WIDTHS = ((16,), (64,), (128,), (512,))
SWEEP = {"hidden": WIDTHS, "activation": ("relu", "sigmoid")}


def analyse(outcome: Outcome) -> Analysis:
    """Do twice as many epochs help?  Each member at half of them against itself at all of them."""
    results = outcome.results
    epochs = results["epoch"].values.tolist()
    if len(epochs) < 2:
        return Analysis()
    half, full = epochs[len(epochs) // 2 - 1], epochs[-1]
    changes = {
        metric: _change(results, metric, half, full) for metric in ("val_accuracy", "val_loss") if metric in results
    }
    rows = [f"{'setting':<32}" + "".join(f"{metric_label(metric):>28}" for metric in changes)]
    for setting in stats.settings(results):
        place = stats.locate(results, setting)
        cells = "".join(f"{_cell(change, place):>28}" for change in changes.values())
        rows.append(f"{setting_label(setting):<32}{cells}")
    notes = [_verdict(change, metric_label(metric), half, full) for metric, change in changes.items()]
    heading = f"Epoch {full} minus epoch {half}: mean over the seeds [95% t-interval]"
    return Analysis(notes=notes, tables=[(heading, "\n".join(rows))])


def _change(results: xr.Dataset, metric: str, half: int, full: int) -> stats.Comparison:
    late, early = stats.at_epoch(results, metric, full), stats.at_epoch(results, metric, half)
    return stats.paired_comparison(late, early, axis="seed", resolution=stats.resolution(results, metric))


def _cell(change: stats.Comparison, place: dict[str, int]) -> str:
    mean, low, high = (float(end.isel(place)) for end in change.difference[:3])
    return f"{mean:+.4f} [{low:+.4f}, {high:+.4f}]"


def _verdict(change: stats.Comparison, metric: str, half: int, full: int) -> str:
    sure, mean = change.p_adjusted < 0.05, change.difference.mean
    rises, falls = int((sure & (mean > 0)).sum()), int((sure & (mean < 0)).sum())
    return (
        f"From epoch {half} to {full} the {metric} rises in {rises} and falls in {falls} of {mean.size} "
        "settings (paired t-tests on the members, Holm-adjusted p < 0.05)."
    )


def preset(dataset: str, *, epochs: int, batch_size: int, seeds: int) -> Preset:
    """The study at one size."""
    config = StudyConfig(
        data=DataConfig(dataset=dataset),
        model=ModelConfig("mlp"),
        training=TrainConfig(epochs=epochs, batch_size=batch_size, select_on="val_accuracy"),
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
