"""One value of a configuration field, from the text of a shell to the type that the field is annotated with."""

import re
import types
import typing
from typing import Any, Literal

from jaxnn.errors import InputError

# What may stand between two words; a `-` before a digit is that of a number (dropout:1e-3).
_WORDS_APART = re.compile(r"[\s,+]+|-(?=[^\W\d])")


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
    parts = example_parts(kind, text)
    mark = "-" if all(part.isdecimal() for part in parts) else "+"
    fix = f": write `{name}={mark.join(parts)}`" if parts else ""
    raise InputError(f"`{name}` must be {describe_type(kind)}; got `{text}`{fix}.")


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


def example_parts(kind: Any, text: str) -> list[str]:
    """What `text` was to be where `kind` is a tuple: its parts, however they were divided; of other numbers an
    example.  Empty for other types."""
    items = [typing.get_args(one)[0] for one in alternatives(kind) if typing.get_origin(one) is tuple]
    if not items:
        return []
    if items[0] is not int:
        return [part for part in _WORDS_APART.split(text) if part]
    parts = [part for part in re.split(r"[^\w.]+", text) if part]
    return parts if len(parts) > 1 and all(part.isdecimal() for part in parts) else ["16", "8"]


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
        if item is str and any(_WORDS_APART.search(part) for part in parts):
            raise ValueError(text)
        return tuple(item(part) for part in parts)
    raise ValueError(text)
