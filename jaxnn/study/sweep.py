"""A sweep: the fields a study varies, and the settings they make."""

import dataclasses
import itertools
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from jaxnn.data import DataConfig
from jaxnn.errors import InputError, unknown
from jaxnn.study.config import ModelConfig, StudyConfig, TrainConfig
from jaxnn.study.values import parse_value
from jaxnn.types import Hparams

SECTIONS = ("data", "model", "training", "hparams")
# Fields that say how a study is judged rather than what is trained; a sweep over them has no meaning.
NOT_SWEPT = ("select_on", "data_dir", "eval_every", "execution")


def sweepable() -> dict[str, str]:
    """Every field a sweep may vary -> the section of `StudyConfig` that holds it."""
    fields = {}
    for section in SECTIONS:
        for field in dataclasses.fields(_section_type(section)):
            if field.name not in NOT_SWEPT:
                fields[field.name] = section
    return fields


def expand(config: StudyConfig, sweep: Mapping[str, Sequence[Any]]) -> list[StudyConfig]:
    """The settings of a study: `config` with every combination of the swept values, the last field fastest.

    Raises:
        InputError: an unknown field, no values, a value twice, or settings that could not be compared.
    """
    valid = sweepable()
    for name, values in sweep.items():
        if name not in valid:
            raise unknown("field to sweep", name, valid)
        if not values:
            raise InputError(f"`{name}` is swept over no values; give at least one, or leave it out.")
        repeated = [value for position, value in enumerate(values) if value in values[:position]]
        if repeated:
            raise InputError(f"`{name}` is swept over {repeated[0]!r} twice; give each value once.")
    if len(sweep.get("loss", ())) > 1 and config.training.select_on == "val_loss":
        raise InputError(
            "`loss` is swept, and values of different losses do not compare: `--select-on val_accuracy`."
        )
    settings = []
    for values in itertools.product(*sweep.values()):
        setting = config
        for name, value in zip(sweep, values, strict=True):
            section = valid[name]
            part = dataclasses.replace(getattr(setting, section), **{name: value})
            setting = dataclasses.replace(setting, **{section: part})
        settings.append(setting)
    return settings


def parse_sweep(texts: Sequence[str]) -> dict[str, tuple[Any, ...]]:
    """A sweep from its words on the command line: `learning_rate=1e-3,1e-2`, `hidden=16,64,100-10`.

    Values are separated by commas; the parts of one value that has several (layers, features) by `-` or `+`.

    Raises:
        InputError: a word of another form, an unknown field, or a value of the wrong type.
    """
    sweep = {}
    valid = sweepable()
    for text in texts:
        name, equals, values = text.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or not values:
            raise InputError(f"`--sweep {text}` must be a field and its values: `--sweep learning_rate=1e-3,1e-2`.")
        if name not in valid:
            raise unknown("field to sweep", name, valid)
        if name in sweep:
            raise InputError(f"`{name}` is swept twice; give all its values in one `--sweep`.")
        kind = typing.get_type_hints(_section_type(valid[name]))[name]
        sweep[name] = tuple(parse_value(name, value.strip(), kind) for value in values.split(","))
    return sweep


def swept_value_coordinate(value: Any) -> int | float | str:
    """A swept value as the coordinate of a dimension: a number or a string, one layer (16,) as its width."""
    if isinstance(value, tuple):
        return value[0] if len(value) == 1 and isinstance(value[0], int) else "-".join(map(str, value)) or "none"
    return "none" if value is None else str(value) if isinstance(value, bool) else value


def _section_type(section: str) -> type:
    return {"data": DataConfig, "model": ModelConfig, "training": TrainConfig, "hparams": Hparams}[section]
