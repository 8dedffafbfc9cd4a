"""Experiments of a second: two parts of one shape, and a calculation."""

from matplotlib.figure import Figure

from jaxnn.data import DataConfig
from jaxnn.experiment import Experiment, Preset
from jaxnn.study import Analysis, ModelConfig, Outcome, StudyConfig, TrainConfig


def config(dataset: str, *, epochs: int = 2) -> StudyConfig:
    return StudyConfig(
        data=DataConfig(dataset, num_examples=60),
        model=ModelConfig("mlp", hidden=(3,)),
        training=TrainConfig(epochs=epochs, batch_size=12),
        seeds=2,
    )


def analyse_moons(outcome: Outcome) -> Analysis:
    figure = Figure((2, 1))
    figure.subplots().plot(outcome.results["val_loss"].values.ravel())
    return Analysis(["moons are <round>"], [("A table", "1 2 3")], [("losses", "All losses", figure)])


PARTS = {
    "moons": Preset(config("moons"), {"activation": ("tanh", "relu")}, analyse_moons, "How round?"),
    "circle": Preset(config("circle"), {}),
}


def calculate() -> Analysis:
    figure = Figure((2, 1))
    figure.subplots().plot([0, 1])
    return Analysis(["1 + 1 = 2"], [("Sums", "1 + 2 = 3")], [("line", "A line", figure)])


TWO = Experiment("two", "What are two?", dict.fromkeys(("quick", "cpu", "full"), PARTS))
SUMS = Experiment("sums", "What is 1 + 1?", dict.fromkeys(("quick", "cpu", "full"), calculate))
