"""One value of a configuration field, from the text of a shell to the type that the field is annotated with."""

import types
import typing
from typing import Any, Literal

from jaxnn.errors import InputError


def parse_value(name: str, text: str, kind: Any) -> Any:
    """`text` as a value of the type `kind`: the first of its alternatives that takes it.

    The parts of a tuple of numbers are joined by `-` (100-10), those of a tuple of words by `+` (x1+x2); `none` is
    None, or an empty tuple.

    Raises:
        InputError: no alternative takes it.
    """
    kinds = alternatives(kind)
    if text == "none" and str in kinds and type(None) in kinds:
        return None
    for alternative in kinds:
        try:
            return _parse(text, alternative)
        except ValueError:
            continue
    raise InputError(f"`{name}` must be {describe_type(kind)}; got `{text}`.")


def describe_type(kind: Any) -> str:
    """The values that a type takes, in words: "a number or none"."""
    words = {int: "a whole number", float: "a number", str: "a name", bool: "true or false", type(None): "none"}
    described = []
    for alternative in alternatives(kind):
        if typing.get_origin(alternative) is Literal:
            described.append(" or ".join(f"`{value}`" for value in typing.get_args(alternative)))
        elif typing.get_origin(alternative) is tuple:
            described.append("whole numbers" if typing.get_args(alternative)[0] is int else "words")
        else:
            described.append(words.get(alternative, getattr(alternative, "__name__", str(alternative))))
    return " or ".join(described)


def alternatives(kind: Any) -> tuple[Any, ...]:
    """The types that a union is of; of any other type itself."""
    is_union = isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union
    return typing.get_args(kind) if is_union else (kind,)


def _parse(text: str, kind: Any) -> Any:
    if kind is type(None) and text == "none":
        return None
    if kind is bool and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if kind in (int, float, str):
        return kind(text)
    if typing.get_origin(kind) is Literal and text in typing.get_args(kind):
        return text
    if typing.get_origin(kind) is tuple:
        item = typing.get_args(kind)[0]
        parts = [] if text == "none" else text.split("-" if item is int else "+")
        return tuple(item(part) for part in parts)
    raise ValueError(text)
