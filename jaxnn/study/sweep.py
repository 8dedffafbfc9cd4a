"""A sweep: the axes a study varies, and the settings they make.

An axis is a field of the configuration with its values, or, under a name of its own, named variants: each sets any
number of fields, so that settings which differ in several ways at once can be compared as one.
"""

import dataclasses
import itertools
import re
import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jaxnn.data import DataConfig
from jaxnn.errors import InputError, unknown
from jaxnn.study.config import ModelConfig, StudyConfig, TrainConfig
from jaxnn.study.values import alternatives, parse_value
from jaxnn.types import Hparams

Axis = Sequence[Any] | Mapping[str, Mapping[str, Any]]  # the values of a field, or variant -> {field: value}
Sweep = Mapping[str, Axis]
NO_SWEEP: Sweep = types.MappingProxyType({})  # of a study with a single setting

SECTIONS = ("data", "model", "training", "hparams")
# Dimensions and variables of the results, which an axis may not be called.
DIMENSIONS = ("seed", "epoch", "true", "predicted")
METRICS = tuple(f"{of}_{kind}" for of in ("train", "val", "test", "each_test") for kind in ("loss", "accuracy"))
VARIABLES = (*METRICS, "best_epoch", "stopped_at", "diverged_at", "confusion")
# What an axis of variants may be called: netCDF takes no `/`, and no name that is empty.
AXIS_NAME = re.compile(r"[^\W\d_][\w .-]*")
# Fields that say how a study is judged rather than what is trained; a sweep over them has no meaning.
NOT_SWEPT = ("select_on", "data_dir", "eval_every", "execution", "padding")

# Fields that say which examples a setting is judged on: two settings that differ in one have no common measure.
_SET = ("dataset", "path", "label", "task", "num_examples", "noise", "num_arms", "num_classes", "data_seed")
PROBLEM_FIELDS = frozenset((*_SET, "resplit", "folds", "fold", "validation", "test"))
# Fields that say what the inputs are, which are the targets too where a network reconstructs.
INPUT_FIELDS = frozenset(("features", "standardize", "pca"))


def sweepable() -> dict[str, str]:
    """Every field a sweep may vary -> the section of `StudyConfig` that holds it."""
    fields = {}
    for section in SECTIONS:
        for field in dataclasses.fields(_section_type(section)):
            if field.name not in NOT_SWEPT:
                fields[field.name] = section
    return fields


def field_types() -> dict[str, Any]:
    """The annotated type of every field a sweep may vary."""
    return {name: typing.get_type_hints(_section_type(section))[name] for name, section in sweepable().items()}


def settled(sweep: Sweep) -> Sweep:
    """A sweep whose values are as the fields hold them: Python's own numbers, floats where a field is one, tuples.

    Raises:
        InputError: no mapping, or an axis that is not a sequence of values.
    """
    if not isinstance(sweep, Mapping):
        raise InputError(f"`sweep` must map fields to values, as {{'learning_rate': (0.1, 0.2)}}; got {sweep!r}.")
    axes, kinds = {}, field_types()
    held = lambda field, value: _held(value, kinds.get(field))  # an unknown field is refused by `expand`
    for name, axis in sweep.items():
        if isinstance(axis, Mapping):
            axes[name] = {label: {f: held(f, v) for f, v in fields.items()} for label, fields in axis.items()}
        elif isinstance(axis, str) or not isinstance(axis, Iterable):
            raise InputError(f"`{name}` must be swept over a sequence of values; got {axis!r}.")
        else:
            axes[name] = tuple(held(name, value) for value in axis)
    return axes


def settled_config(config: StudyConfig) -> StudyConfig:
    """A configuration whose values are as the fields hold them: Python's own numbers, floats where one is, tuples.

    Raises:
        InputError: a section that is something else.
    """
    sections = {}
    for name, kind in typing.get_type_hints(StudyConfig).items():
        section = getattr(config, name)
        if isinstance(kind, type) and dataclasses.is_dataclass(kind):
            if not isinstance(section, kind):
                raise InputError(f"`{name}` must be a {kind.__name__}; got {section!r}.")
            kinds = typing.get_type_hints(kind)
            fields = {field: _held(getattr(section, field), kinds[field]) for field in kinds}
            section = dataclasses.replace(section, **fields)
        sections[name] = _held(section, kind)
    return dataclasses.replace(config, **sections)


def _held(value: Any, kind: Any) -> Any:
    """A value as a field of this type holds it, and as it is read back from a file.

    A whole number for a field of floats is a float: written as it was given it would be another when it is read.
    """
    if isinstance(value, np.generic | np.ndarray | jax.Array):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return tuple(_held(one, None) for one in value)
    is_float = float in alternatives(kind) and int not in alternatives(kind)
    return float(value) if type(value) is int and is_float else value


def expand(config: StudyConfig, sweep: Sweep) -> list[StudyConfig]:
    """The settings of a study: `config` with every combination of the swept values, the last axis fastest.

    Raises:
        InputError: an unknown field, no values, or a value twice.
    """
    for name, axis in sweep.items():
        _check_axis(name, axis)
    _check_conflicts(sweep)
    settings = []
    for chosen in itertools.product(*(_choices(name, axis) for name, axis in sweep.items())):
        setting = config
        for fields in chosen:
            setting = with_fields(setting, fields)
        settings.append(setting)
    return settings


def places(sweep: Sweep) -> list[dict[str, Any]]:
    """Where each setting of `expand` stands: the value, or the name of the variant, for every axis."""
    return [dict(zip(sweep, values, strict=True)) for values in itertools.product(*sweep.values())]


def with_fields(config: StudyConfig, fields: Mapping[str, Any]) -> StudyConfig:
    """`config` with other values of some of its sweepable fields, by their names."""
    valid = sweepable()
    for name, value in fields.items():
        part = dataclasses.replace(getattr(config, valid[name]), **{name: value})
        config = dataclasses.replace(config, **{valid[name]: part})
    return config


def swept_fields(name: str, axis: Axis) -> set[str]:
    """The fields of the configuration that an axis sets."""
    return {field for fields in _choices(name, axis) for field in fields}


def problem_axes(sweep: Sweep, *, reconstructs: bool = False) -> tuple[str, ...]:
    """The axes of a sweep whose values are problems (data sets, folds, redrawn data), not ways to solve one.

    Args:
        sweep: of a study.
        reconstructs: whether some of its networks are autoencoders.
    """
    problems = PROBLEM_FIELDS | INPUT_FIELDS if reconstructs else PROBLEM_FIELDS
    return tuple(n for n, axis in sweep.items() if len(axis) > 1 and swept_fields(n, axis) & problems)


def _choices(name: str, axis: Axis) -> Iterator[Mapping[str, Any]]:
    """What each value of an axis sets: fields with their values."""
    if isinstance(axis, Mapping):
        return iter(axis.values())
    return ({name: value} for value in axis)


def _check_axis(name: str, axis: Axis) -> None:
    valid = sweepable()
    if not axis:
        raise InputError(f"`{name}` is swept over no values; give at least one, or leave it out.")
    if not isinstance(axis, Mapping):
        if name not in valid:
            raise unknown("field to sweep", name, valid)
        repeated = [value for position, value in enumerate(axis) if value in axis[:position]]
        if repeated:
            raise InputError(f"`{name}` is swept over {repeated[0]!r} twice; give each value once.")
        return
    if not isinstance(name, str) or not AXIS_NAME.fullmatch(name):
        raise InputError(
            f"`{name}` cannot be the name of variants: that names a dimension of the results, of letters, digits, "
            "`_`, `-`, `.` and spaces, a letter first."
        )
    if name in valid or name in DIMENSIONS or name in VARIABLES:
        raise InputError(
            f"`{name}` cannot be the name of variants: it is that of a field, or of a part of the results."
        )
    for label, fields in axis.items():
        for field in fields:
            if field not in valid:
                raise unknown(f"field of the variant `{label}` of `{name}`", field, valid)


def _check_conflicts(sweep: Sweep) -> None:
    """Refuse two axes that set one field: the later would silently win."""
    setters: dict[str, str] = {}
    for name, axis in sweep.items():
        for field in swept_fields(name, axis):
            if field in setters:
                raise InputError(f"`{field}` is set by two axes, `{setters[field]}` and `{name}`: leave out one.")
            setters[field] = name


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
        if not name or not equals or not values:
            raise InputError(f"`--sweep {text}` must be a field and its values: `--sweep learning_rate=1e-3,1e-2`.")
        if name not in valid:
            raise unknown("field to sweep", name, valid)
        if name in sweep:
            raise InputError(f"`{name}` is swept twice; give all its values in one `--sweep`.")
        kind = field_types()[name]
        sweep[name] = tuple(parse_value(name, value.strip(), kind) for value in values.split(","))
    return sweep


def swept_value_coordinate(value: Any) -> int | float | str:
    """A swept value as the coordinate of a dimension: a number or a string, one layer (16,) as its width."""
    if isinstance(value, tuple):
        return value[0] if len(value) == 1 and isinstance(value[0], int) else "-".join(map(str, value)) or "none"
    return "none" if value is None else str(value) if isinstance(value, bool) else value


def _section_type(section: str) -> type:
    return {"data": DataConfig, "model": ModelConfig, "training": TrainConfig, "hparams": Hparams}[section]
