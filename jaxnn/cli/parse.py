"""Flags from frozen dataclasses, with tyro; every mistake comes out as one sentence."""

import contextlib
import dataclasses
import io
import re
import typing
from collections.abc import Collection, Sequence
from typing import Any

import tyro

from jaxnn.errors import InputError, unknown
from jaxnn.study.values import describe_type


def parse(flags: type, default, arguments: Sequence[str], *, prog: str):
    """The flags of a command from its arguments, with tyro; every mistake is an InputError of one sentence."""
    errors = io.StringIO()
    try:
        with contextlib.redirect_stderr(errors):
            parsed, rest = tyro.cli(
                flags,
                default=default,
                args=arguments,
                prog=prog,
                return_unknown_args=True,
                config=(tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff),
            )
    except SystemExit as exit_:
        if not exit_.code:
            raise
        raise InputError(f"{_first_message(errors.getvalue(), flags)} See `{prog} --help`.") from None
    if rest:
        if not rest[0].startswith("-"):
            raise InputError(f"`{rest[0]}` is one argument too many; options start with `--`, see `{prog} --help`.")
        raise unknown("option", rest[0].partition("=")[0], flag_types(flags))
    return parsed


def flag_types(flags: type) -> dict[str, Any]:
    """Every option that the dataclass `flags` gives, nested ones included -> the type of its value."""
    found = {}
    for name, kind in typing.get_type_hints(flags).items():
        if dataclasses.is_dataclass(kind):
            found |= flag_types(kind)  # type: ignore[arg-type]
        else:
            found["--" + name.replace("_", "-")] = kind
    return found


def _first_message(box: str, flags: type) -> str:
    """What tyro says in the first paragraph of the box it draws around an error, in our order of words."""
    message = []
    for line in box.splitlines()[1:]:
        text = line.strip("│╭╮╰╯ ")
        if set(text) <= {"─"}:
            break
        message.append(text)
    text = " ".join(message).rstrip(".")
    at_value = re.match(r"Error parsing (--[\w-]+): .*?('[^']*')\]?$", text)
    if at_value and at_value[1] in flag_types(flags):
        kind = describe_type(flag_types(flags)[at_value[1]])
        return f"`{at_value[1]}` must be {kind}; got {at_value[2]}."
    return re.sub(r"(--[\w-]+)", r"`\1`", text) + "."


def leading_name(
    arguments: Sequence[str], kind: str, valid: Collection[str], command: str
) -> tuple[str | None, Sequence[str]]:
    """The name that comes first, checked, and the rest; None after printing the help that was asked for."""
    if arguments and not arguments[0].startswith("-"):
        if arguments[0] not in valid:
            raise unknown(kind, arguments[0], valid)
        return arguments[0], arguments[1:]
    usage = f"jaxnn {command} NAME [options], where NAME is one of {', '.join(valid)}"
    if set(arguments) & {"-h", "--help"}:
        print(f"usage: {usage}.\n`jaxnn {command} NAME --help` shows the options.")
        return None, ()
    raise InputError(f"`jaxnn {command}` needs the name of a {kind} first: {usage}.")
