"""From a configuration and a data set to a recipe and its numbers, refusing everything that cannot work."""

import dataclasses
import math
from collections.abc import Callable, Sequence

from jaxnn import models
from jaxnn.data import Data, DataInfo
from jaxnn.errors import InputError, check_number, unknown
from jaxnn.losses import loss_function
from jaxnn.models import Network, summary_rows
from jaxnn.optim import resolve_hparams
from jaxnn.population import GRADIENTS, Recipe, share_terms
from jaxnn.run import BETTER, RunConfig
from jaxnn.study.config import ModelConfig, StudyConfig
from jaxnn.types import Hparams

# What each model is made from besides the data: its fields of ModelConfig and their usual values.
MODELS: dict[str, dict[str, object]] = {
    "linear": {},
    "mlp": {"hidden": (128,), "activation": "relu", "batch_norm": False, "kernel_init": "glorot_uniform"},
    "cnn": {"layers": (), "kernel_init": "glorot_uniform"},
    "lenet": {"activation": "relu"},
    "autoencoder": {
        "hidden": (),
        "activation": "relu",
        "code": 32,
        "output_activation": "identity",
        "kernel_init": "glorot_uniform",
    },
}


def settle_hparams(configs: Sequence[StudyConfig]) -> list[Hparams]:
    """The numbers of every setting of a study: checked, with the usual values filled in and all terms shared.

    A term that one setting uses is given to the others with its neutral value, so that they share a program.

    Raises:
        InputError: a number out of its range, or one that a setting does not use.
    """
    settled = []
    for config in configs:
        check_hparams(config.hparams)
        training = config.training
        smoothed = config.hparams.label_smoothing is not None
        if smoothed and training.loss not in (None, "softmax_cross_entropy"):
            raise InputError(
                f"`label_smoothing` goes with softmax_cross_entropy; the loss is `{training.loss}`: remove it."
            )
        settled.append(resolve_hparams(config.hparams, optimizer=training.optimizer, schedule=training.schedule))
    return share_terms(settled)


def make_recipe(config: StudyConfig, data: Data, hparams: Hparams) -> Recipe:
    """What is static about the members of a setting.

    Args:
        config: one setting.
        data: the set it trains on.
        hparams: its settled numbers; only which of them are there matters.

    Raises:
        InputError: an unknown name, a field that nothing uses, layers that do not fit the data or each other, a
            batch larger than the training set.
    """
    training = config.training
    model = build_model(config.model, data.info, dropout=hparams.dropout_rate is not None)
    summary_rows(model, data.info.input_shape)  # refuses layers that do not fit
    reconstruct = config.model.model == "autoencoder"
    loss = _choose_loss(config, data.info, reconstruct=reconstruct)
    if hparams.dropout_rate is not None and not any(isinstance(layer, models.Dropout) for layer in model.layers):
        raise InputError(
            f"`dropout_rate` is given, but a `{config.model.model}` has no dropout layer here: remove it, "
            "or choose `mlp`, or a `cnn` with the word `dropout` among its `layers`."
        )
    if training.gradients not in GRADIENTS:
        raise unknown("way to make gradients", training.gradients, GRADIENTS)
    run = _make_run_config(config, data, reconstruct=reconstruct)
    return Recipe(model, run, loss, training.optimizer, training.schedule, training.gradients, training.execution)


def build_model(config: ModelConfig, info: DataInfo, *, dropout: bool = False) -> Network:
    """The network that `config` describes, for inputs and outputs of this data set.

    Raises:
        InputError: an unknown model or name, or a field that the model does not use.
    """
    if config.model not in MODELS:
        raise unknown("model", config.model, MODELS)
    defaults = MODELS[config.model]
    given = {
        field.name: getattr(config, field.name) for field in dataclasses.fields(config) if field.name != "model"
    }
    for name, value in given.items():
        if value is not None and name not in defaults:
            users = ", ".join(f"`{model}`" for model in MODELS if name in MODELS[model])
            raise InputError(f"`{name}` is not used by the model `{config.model}`: remove it, or choose {users}.")
    chosen = {name: default if given[name] is None else given[name] for name, default in defaults.items()}
    builders: dict[str, Callable[..., Network]] = {
        "linear": lambda: models.linear(info.num_outputs),
        "mlp": lambda hidden, **options: models.mlp(hidden, info.num_outputs, dropout=dropout, **options),
        "cnn": lambda layers, **options: models.cnn(layers, info.num_outputs, **options),
        "lenet": lambda activation: models.lenet(info.num_outputs, activation=activation),
        "autoencoder": lambda **options: models.autoencoder(info.input_shape, **options),
    }
    return builders[config.model](**chosen)


def check_hparams(hparams: Hparams) -> None:
    """Raise InputError unless every number is finite and in its range."""
    limits = {
        "learning_rate": {"low": 0.0, "low_open": True},
        "momentum": {"low": 0.0, "high": 1.0, "high_open": True},
        "beta1": {"low": 0.0, "high": 1.0, "high_open": True},
        "beta2": {"low": 0.0, "high": 1.0, "high_open": True},
        "epsilon": {"low": 0.0, "low_open": True},
        "decay_rate": {"low": 0.0, "low_open": True},
        "decay_epochs": {"low": 0.0, "low_open": True},
        "warmup": {"low": 0.0, "high": 1.0, "high_open": True},
        "final_scale": {"low": 0.0},
        "dropout_rate": {"low": 0.0, "high": 1.0, "high_open": True},
        "label_smoothing": {"low": 0.0, "high": 1.0, "high_open": True},
        "clip_norm": {"low": 0.0, "low_open": True},
    }
    for field in dataclasses.fields(hparams):
        value = getattr(hparams, field.name)
        if value is not None:
            check_number(field.name, value, **limits.get(field.name, {"low": 0.0}))


def _choose_loss(config: StudyConfig, info: DataInfo, *, reconstruct: bool) -> str:
    classes = info.task == "classification" and not reconstruct
    loss = config.training.loss or ("softmax_cross_entropy" if classes else "squared_error")
    loss_function(loss)
    if loss == "softmax_cross_entropy" and not classes:
        raise InputError(f"`loss` softmax_cross_entropy needs class labels; `{info.name}` is a {info.task} here.")
    if config.training.monitor == "val_accuracy" and not classes:
        raise InputError("`monitor` val_accuracy needs class labels: choose `val_loss`.")
    return loss


def _make_run_config(config: StudyConfig, data: Data, *, reconstruct: bool) -> RunConfig:
    training, num_examples = config.training, len(data.train.x)
    for name in ("epochs", "eval_every"):
        _check_positive(name, getattr(training, name))
    if training.epochs % training.eval_every:
        raise InputError(
            f"`eval_every` must divide `epochs`; got {training.eval_every} for {training.epochs}: "
            f"choose {math.gcd(training.epochs, training.eval_every)}."
        )
    if training.patience is not None:
        _check_positive("patience", training.patience)
    batch_size = None if training.batch_size == "full" else training.batch_size
    if batch_size is not None:
        _check_positive("batch_size", batch_size)
        if batch_size > num_examples:
            raise InputError(
                f"`batch_size` must be at most the {num_examples} training examples of `{data.info.name}`; "
                f"got {batch_size}: use a smaller one, or `full`."
            )
    if training.monitor not in BETTER:
        raise unknown("metric to monitor", training.monitor, BETTER)
    return RunConfig(
        epochs=training.epochs,
        batch_size=batch_size,
        eval_every=training.eval_every,
        patience=training.patience,
        monitor=training.monitor,
        scale=data.info.scale,
        reconstruct=reconstruct,
    )


def _check_positive(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InputError(f"`{name}` must be a whole number of 1 or more; got {value!r}.")
