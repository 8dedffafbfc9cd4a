"""From the plain data of JSON files back to the frozen dataclasses they were written from.

A file can name what jaxnn has (a model, a data set, an optimizer), never something to import.
"""

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal

from jaxnn.errors import InputError, unknown
from jaxnn.study.config import StudyConfig
from jaxnn.study.sweep import Axis, field_types


def read_study(description: Mapping[str, Any]) -> tuple[StudyConfig, dict[str, Axis]]:
    """The configuration and the sweep of a description that `describe_study` made.

    Raises:
        InputError: a field is missing, unknown, or of the wrong type.
    """
    for name in ("config", "sweep"):
        if not isinstance(description.get(name), dict):
            raise InputError(f"`{name}` must be an object in config.json; got {description.get(name)!r}.")
    sweep = {name: _read_axis(f"sweep.{name}", name, axis) for name, axis in description["sweep"].items()}
    return read_value("config", description["config"], StudyConfig), sweep


def _read_axis(path: str, name: str, axis: Any) -> Axis:
    """The values of a swept field, or the variants of a named axis, each with its fields."""
    if isinstance(axis, list):
        return tuple(_read_field(path, name, value) for value in axis)
    if not isinstance(axis, dict) or not all(isinstance(fields, dict) for fields in axis.values()):
        raise InputError(f"`{path}` must be a list, or an object of variants, in config.json; got {axis!r}.")
    return {
        label: {field: _read_field(f"{path}.{label}.{field}", field, value) for field, value in fields.items()}
        for label, fields in axis.items()
    }


def _read_field(path: str, name: str, value: Any) -> Any:
    kinds = field_types()
    if name not in kinds:
        raise unknown("field to sweep", name, kinds)
    return read_value(path, value, kinds[name])


def read_value(name: str, value: Any, kind: Any) -> Any:
    """Plain `value` as the annotated type `kind`; an int is a float where only a float will do.

    Raises:
        InputError: it does not fit; `name` says where it was.
    """
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return _read_dataclass(name, value, kind)
    is_union = isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union
    alternatives = typing.get_args(kind) if is_union else (kind,)
    for alternative in alternatives:
        if typing.get_origin(alternative) is Literal and value in typing.get_args(alternative):
            return value
        if typing.get_origin(alternative) is tuple and isinstance(value, list):
            item = typing.get_args(alternative)[0]
            return tuple(read_value(f"{name}[{position}]", one, item) for position, one in enumerate(value))
        if typing.get_origin(alternative) is dict and isinstance(value, dict):
            item = typing.get_args(alternative)[1]
            return {key: read_value(f"{name}.{key}", one, item) for key, one in value.items()}
        if isinstance(alternative, type) and type(value) is alternative:
            return value
    if float in alternatives and type(value) is int:
        return float(value)
    raise InputError(f"`{name}` cannot be {value!r} in config.json.")


def _read_dataclass(name: str, value: Any, kind: type) -> Any:
    if not isinstance(value, dict):
        raise InputError(f"`{name}` must be an object in config.json; got {value!r}.")
    hints = typing.get_type_hints(kind)
    for key in value:
        if key not in hints:
            raise unknown(f"field of `{name}`", key, hints)
    return kind(**{key: read_value(f"{name}.{key}", one, hints[key]) for key, one in value.items()})
