"""Finished runs for the tests of what is done with them."""

from pathlib import Path

import pytest

from jaxnn.data import DataConfig
from jaxnn.study import ModelConfig, StudyConfig, TrainConfig, publish, run_study
from jaxnn.types import Hparams

# Two widths of two programs, two learning rates within each, dropout in all, three seeds.
SWEEP = {"hidden": ((5,), (7,)), "learning_rate": (0.003, 0.01)}


def finish(output: Path, config: StudyConfig, sweep) -> Path:
    """A finished run without its figures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(publish, "publish", lambda *_: None)
        run_study(config, sweep, name="saved", output=output)
    return output


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory) -> Path:
    """Images in bytes, four settings."""
    config = StudyConfig(
        data=DataConfig("digits", train=300, validation=60, test=50),
        model=ModelConfig("mlp"),
        training=TrainConfig(epochs=3, batch_size=30, select_on="val_accuracy"),
        hparams=Hparams(dropout_rate=0.1),
        seeds=3,
    )
    return finish(tmp_path_factory.mktemp("digits") / "run", config, SWEEP)


@pytest.fixture(scope="session")
def table_run(tmp_path_factory) -> Path:
    """A standardised table with feature maps, one setting, one output for two classes, batch statistics, trained
    again on all its rows."""
    config = StudyConfig(
        data=DataConfig("moons", num_examples=120, features=("x1", "x2", "x1x2"), standardize=True),
        model=ModelConfig("mlp", hidden=(6,), batch_norm=True),
        training=TrainConfig(epochs=2, batch_size=24, loss="tanh_squared_error"),
        seeds=2,
        final="retrain",
    )
    return finish(tmp_path_factory.mktemp("table") / "run", config, {})


@pytest.fixture(scope="session")
def variants_run(tmp_path_factory) -> Path:
    """Two named variants, which differ in the activation and the optimizer."""
    config = StudyConfig(
        data=DataConfig("moons", num_examples=60),
        model=ModelConfig("mlp", hidden=(4,)),
        training=TrainConfig(epochs=2),
    )
    variants = {"relu-adam": {"activation": "relu"}, "tanh-sgd": {"activation": "tanh", "optimizer": "sgd"}}
    return finish(tmp_path_factory.mktemp("variants") / "run", config, {"network": variants})
