"""The configuration of a study: frozen dataclasses whose fields are the flags of the command line.

A field has one name in the whole configuration, so that `--sweep hidden=16,64` needs no path.  Numbers of the
arithmetic are in `Hparams`; everything else is static.
"""

import dataclasses
from typing import Literal

from jaxnn.data import DataConfig
from jaxnn.types import Hparams


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """Which network.  None means: what is usual for the model; a field that a model does not use is refused."""

    model: str = "mlp"
    """linear, mlp, cnn, lenet, autoencoder or conv_autoencoder."""
    hidden: tuple[int, ...] | None = None
    """Units of the hidden layers of an mlp (128), or of the encoder of an autoencoder (none)."""
    activation: str | None = None
    """Activation of the hidden layers (relu)."""
    layers: tuple[str, ...] | None = None
    """Layers of a cnn as words, such as `conv:32:3 relu maxpool:2 dense:128 relu dropout`; those of a
    conv_autoencoder lead to its code and back, such as `conv:8 relu maxpool conv:4 relu upsample`."""
    batch_norm: bool | None = None
    """Whether an mlp normalises the net inputs of its hidden layers (no)."""
    code: int | None = None
    """Units of the narrowest layer of an autoencoder (32)."""
    output_activation: str | None = None
    """Activation of the last layer of an autoencoder or conv_autoencoder (identity)."""
    kernel_init: str | None = None
    """Initialiser of the kernels (glorot_uniform)."""


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """How to train: everything static."""

    epochs: int = 15
    """Passes over the training set."""
    batch_size: int | Literal["full"] = 32
    """Examples of a step; `full` for full-batch gradient descent."""
    eval_every: int = 1
    """Epochs between two records of the metrics; it divides `epochs`."""
    optimizer: str = "adam"
    """sgd, momentum, nesterov, adagrad, rmsprop, adam, adamw or lion."""
    schedule: str = "constant"
    """constant, exponential, step, cosine, warmup_cosine or one_cycle."""
    loss: str | None = None
    """Loss by name; default: softmax_cross_entropy for classes, squared_error for numbers."""
    select_on: Literal["val_loss", "val_accuracy"] = "val_loss"
    """Validation metric that best epochs, early stopping and the selection of a setting go by."""
    patience: int | None = None
    """Stop a member after this many records without a better one; default: never."""
    gradients: Literal["autodiff", "by-hand"] = "autodiff"
    """Where gradients come from: jax.grad, or the hand-derived backward pass."""
    execution: Literal["auto", "vmap", "map"] = "auto"
    """How members on a device train: one vectorised step for all, one after another, or what should be
    faster for their kind of network (measured on CPU)."""
    padding: Literal["auto", "never"] = "auto"
    """Whether small mlps that differ in their hidden layers alone train as one program, padded to one shape; those
    with dropout, batch norm or a penalty on activations never do."""


@dataclasses.dataclass(frozen=True)
class MonitorConfig:
    """Whether and how to look inside networks while they learn.

    It only reads: they learn the same up to rounding, since a monitored program is another one."""

    monitor: bool = False
    """Record what happens inside the networks, for TensorBoard and the report."""
    monitor_every: int = 100
    """Training steps between two looks inside a network."""
    monitor_seeds: tuple[int, ...] = (0,)
    """The seeds of every setting whose networks are looked into."""


@dataclasses.dataclass(frozen=True)
class StudyConfig:
    """One setting of a study and how many seeds it is trained with; a sweep varies its fields."""

    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    training: TrainConfig = TrainConfig()
    hparams: Hparams = Hparams()
    monitoring: MonitorConfig = MonitorConfig()
    seeds: int = 5
    """Seeds 0, 1, ... of every setting: initial parameters, order of the data, dropout and noise."""
    final: Literal["best", "retrain", "every"] = "best"
    """What meets the test set, once: the selected setting's members at their best epochs, the selected
    setting trained again on training and validation data together, or, where a study asks about all settings and
    not for the best, every member at its best epoch."""
