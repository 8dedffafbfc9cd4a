"""From a configuration and a data set to a recipe and its numbers, refusing everything that cannot work."""

import dataclasses
import math
import typing
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from jaxnn import augment, models
from jaxnn.data import Data, DataInfo
from jaxnn.epoch import RunConfig
from jaxnn.errors import InputError, check_number, unknown
from jaxnn.losses import ONE_LOGIT, loss_function
from jaxnn.models import Network, summary_rows
from jaxnn.optim import resolve_hparams
from jaxnn.population import GRADIENTS, Recipe, share_terms
from jaxnn.study.config import ModelConfig, MonitorConfig, StudyConfig
from jaxnn.study.values import alternatives
from jaxnn.types import Hparams

# What each model is made from besides the data: its fields of ModelConfig and their usual values.
MODELS: dict[str, dict[str, object]] = {
    "linear": {},
    "mlp": {"hidden": (128,), "activation": "relu", "batch_norm": False, "kernel_init": "glorot_uniform"},
    "cnn": {"layers": (), "kernel_init": "glorot_uniform"},
    "lenet": {"activation": "relu"},
    "conv_autoencoder": {
        "layers": models.CONV_AUTOENCODER,
        "output_activation": "identity",
        "kernel_init": "glorot_uniform",
    },
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
        settled.append(resolve_hparams(config.hparams, optimizer=training.optimizer, schedule=training.schedule))
    return share_terms(settled)


def own_terms(hparams: Hparams, info: DataInfo) -> Hparams:
    """The settled numbers of a setting, without terms of other settings that its inputs have no place for: those of
    augmentation, unless they are images."""
    return hparams if _are_images(info) else dataclasses.replace(hparams, **dict.fromkeys(augment.TERMS))


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
    for section in (config, config.data, config.model, training, config.monitoring):
        check_choices(section)
    reconstruct = reconstructs(config.model)
    loss = _choose_loss(config, data, reconstruct=reconstruct)
    model = build_model(config.model, data.info, loss=loss, dropout=hparams.dropout_rate is not None)
    summary_rows(model, data.info.input_shape)  # refuses layers that do not fit
    _check_terms(config, model, loss)
    _check_augmentation(config, data.info, loss=loss, reconstruct=reconstruct)
    if training.gradients not in GRADIENTS:
        raise unknown("way to make gradients", training.gradients, GRADIENTS)
    run = _make_run_config(config, data, reconstruct=reconstruct)
    return Recipe(model, run, loss, training.optimizer, training.schedule, training.gradients, training.execution)


def build_model(
    config: ModelConfig, info: DataInfo, *, loss: str = "softmax_cross_entropy", dropout: bool = False
) -> Network:
    """The network that `config` describes, for inputs and outputs of this data set.

    Args:
        config: its fields.
        info: of the data set.
        loss: what it is trained with: two classes take one output under the losses of `losses.ONE_LOGIT`.
        dropout: whether an mlp drops units at the traced rate.

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
    num_outputs = 1 if loss in ONE_LOGIT else info.num_outputs
    builders: dict[str, Callable[..., Network]] = {
        "linear": lambda: models.linear(num_outputs),
        "mlp": lambda hidden, **options: models.mlp(hidden, num_outputs, dropout=dropout, **options),
        "cnn": lambda layers, **options: models.cnn(layers, num_outputs, **options),
        "lenet": lambda activation: models.lenet(num_outputs, activation=activation),
        "conv_autoencoder": lambda **options: models.conv_autoencoder(info.input_shape, **options),
        "autoencoder": lambda **options: models.autoencoder(info.input_shape, **options),
    }
    return builders[config.model](**chosen)


def reconstructs(config: ModelConfig) -> bool:
    """Whether the network's targets are its own inputs."""
    return config.model in ("autoencoder", "conv_autoencoder")


def loss_name(config: StudyConfig, info: DataInfo) -> str:
    """The loss that a setting asks for, or the usual one for what its network is to give on this data set."""
    classes = info.task == "classification" and not reconstructs(config.model)
    return config.training.loss or ("softmax_cross_entropy" if classes else "squared_error")


def check_choices(section: Any) -> None:
    """Raise InputError unless every field of a section that has a few values has one of them."""
    for name, kind in typing.get_type_hints(type(section)).items():
        value, kinds = getattr(section, name), alternatives(kind)
        if bool in kinds and type(value) not in kinds:
            raise InputError(f"`{name}` must be True or False; got {value!r}.")
        if typing.get_origin(kind) is Literal and value not in typing.get_args(kind):
            raise unknown(f"value of `{name}`", value, typing.get_args(kind))


def check_hparams(hparams: Hparams) -> None:
    """Raise InputError unless every number is finite and in its range, and stays there in float32."""
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
        "input_mask": {"low": 0.0, "high": 1.0, "high_open": True},
        "shift": {"low": 0.0, "high": 1.0},
        "rotation": {"low": 0.0, "high": 180.0},
        "flip": {"low": 0.0, "high": 1.0},
        "brightness": {"low": 0.0, "high": 1.0},
        "erasing": {"low": 0.0, "high": 1.0},
        "clip_norm": {"low": 0.0, "low_open": True},
    }
    for field in dataclasses.fields(hparams):
        value = getattr(hparams, field.name)
        if value is not None:
            limit = limits.get(field.name, {"low": 0.0})
            check_number(field.name, value, **limit)
            _check_float32(field.name, value, **limit)


def _check_float32(name: str, value: float, **limit: Any) -> None:
    with np.errstate(over="ignore"):
        rounded = float(np.float32(value))
    try:
        check_number(name, rounded, **limit)
    except InputError as error:
        raise InputError(f"{str(error).removesuffix('.')}, which is what {value!r} is in float32.") from None


def _check_terms(config: StudyConfig, model: Network, loss: str) -> None:
    """Refuse a term of the objective that this network or this loss has no place for."""
    hparams, name = config.hparams, config.model.model
    if hparams.label_smoothing is not None and loss != "softmax_cross_entropy":
        raise InputError(f"`label_smoothing` goes with softmax_cross_entropy; the loss is `{loss}`: remove it.")
    if hparams.dropout_rate is not None and models.Dropout() not in model.layers:
        raise InputError(
            f"`dropout_rate` is given, but this `{name}` has no dropout layer that takes it: remove it, or choose "
            "an `mlp` with hidden layers, or a `cnn` with the word `dropout` among its `layers`."
        )
    if hparams.activity_l1 is not None and not any(isinstance(layer, models.Activation) for layer in model.layers):
        raise InputError(f"`activity_l1` is given, but this `{name}` has no activations: remove it.")


def _check_augmentation(config: StudyConfig, info: DataInfo, *, loss: str, reconstruct: bool) -> None:
    given = [name for name in augment.TERMS if getattr(config.hparams, name) is not None]
    if given and not _are_images(info):
        raise InputError(
            f"`{given[0]}` is for images, of shape (height, width, channels); the inputs of `{info.name}` have the "
            f"shape {info.input_shape}: remove it."
        )
    if config.hparams.brightness and reconstruct and loss == "sigmoid_cross_entropy":
        raise InputError(
            "`brightness` makes pixels larger than 1, and here they are the targets of sigmoid_cross_entropy, "
            "which then has no lower bound: remove it, or choose `squared_error`."
        )


def _are_images(info: DataInfo) -> bool:
    return len(info.input_shape) == 3


def _choose_loss(config: StudyConfig, data: Data, *, reconstruct: bool) -> str:
    info = data.info
    classes = info.task == "classification" and not reconstruct
    loss = loss_name(config, info)
    loss_function(loss)
    if loss in ONE_LOGIT and not (classes and info.num_classes == 2):
        found = f"{info.num_classes} classes" if classes else f"a {'reconstruction' if reconstruct else info.task}"
        raise InputError(
            f"`loss` {loss} tells two classes apart by one output; `{info.name}` is {found} here: choose "
            f"{'softmax_cross_entropy' if classes else 'squared_error'}."
        )
    if loss == "softmax_cross_entropy" and not classes:
        raise InputError(f"`loss` softmax_cross_entropy needs class labels; `{info.name}` is a {info.task} here.")
    if config.training.select_on == "val_accuracy" and not classes:
        raise InputError("`select_on` val_accuracy needs class labels: choose `val_loss`.")
    if loss == "sigmoid_cross_entropy" and not classes:
        _check_shares(data, reconstruct=reconstruct)
    return loss


def _check_shares(data: Data, *, reconstruct: bool) -> None:
    """Refuse targets outside [0, 1], for which the binary cross-entropy has no lower bound."""
    for name in ("train", "validation", "test"):
        split = getattr(data, name)
        targets = split.x * data.info.scale if reconstruct else split.y
        if targets.size and not (targets.min() >= 0 and targets.max() <= 1):
            raise InputError(
                f"`loss` sigmoid_cross_entropy needs targets in [0, 1]; those of `{name}` in `{data.info.name}` go "
                f"from {targets.min():g} to {targets.max():g}: choose `squared_error`."
            )


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
    return RunConfig(
        epochs=training.epochs,
        batch_size=batch_size,
        eval_every=training.eval_every,
        patience=training.patience,
        select_on=training.select_on,
        scale=data.info.scale,
        reconstruct=reconstruct,
        monitor_every=_monitor_every(config),
    )


def _monitor_every(config: StudyConfig) -> int | None:
    monitoring = config.monitoring
    _check_positive("monitor_every", monitoring.monitor_every)
    if not isinstance(monitoring.monitor_seeds, tuple):
        raise InputError(f"`monitor_seeds` must be a tuple of seeds, as (0,); got {monitoring.monitor_seeds!r}.")
    if not monitoring.monitor and monitoring != MonitorConfig():
        given = "monitor_every" if monitoring.monitor_every != MonitorConfig().monitor_every else "monitor_seeds"
        raise InputError(f"`{given}` is given, but nothing is looked into: add `monitor`, or remove it.")
    if monitoring.monitor and not monitoring.monitor_seeds:
        raise InputError("`monitor_seeds` must name a seed to look into; got none: leave it out, or `monitor`.")
    for seed in monitoring.monitor_seeds:
        if seed not in range(config.seeds):
            raise InputError(f"`monitor_seeds` must be among the seeds 0 to {config.seeds - 1}; got {seed}.")
    return monitoring.monitor_every if monitoring.monitor else None


def _check_positive(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InputError(f"`{name}` must be a whole number of 1 or more; got {value!r}.")
