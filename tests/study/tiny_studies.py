"""The smallest data and configurations a study can have, for tests that train."""

import functools

from jaxnn.data import Data, DataConfig, load_config
from jaxnn.study import ModelConfig, StudyConfig, TrainConfig
from jaxnn.types import Hparams

# Three overlapping clouds: 45 points to train on (the last batch of 16 is smaller), 25 to validate, 30 to test.
BLOBS = DataConfig("blobs", num_examples=100, validation=25, test=30, num_classes=3, noise=2.0)


@functools.cache
def tiny_data(config: DataConfig) -> Data:
    """A data set, loaded once for all tests."""
    return load_config(config)


def tiny_config(**options) -> StudyConfig:
    """A study of an mlp with three hidden units, 4 epochs and 2 seeds; `options` are fields of any section."""
    usual = {"data": BLOBS, "seeds": 2, "hidden": (3,), "epochs": 4, "batch_size": 16, "learning_rate": 0.05}
    usual["optimizer"] = "sgd"  # the fastest to compile
    fields = usual | options
    pick = lambda kind: {name: fields.pop(name) for name in list(fields) if name in kind.__dataclass_fields__}
    model, training, hparams = (
        ModelConfig(**pick(ModelConfig)),
        TrainConfig(**pick(TrainConfig)),
        Hparams(**pick(Hparams)),
    )
    return StudyConfig(model=model, training=training, hparams=hparams, **fields)
