"""Flags from frozen dataclasses, with tyro; every mistake comes out as one sentence."""

import contextlib
import dataclasses
import io
import itertools
import re
import typing
from collections.abc import Collection, Sequence
from typing import Any, TypeVar

import tyro

from jaxnn.errors import InputError, unknown
from jaxnn.study.values import alternatives, describe_type

Flags = TypeVar("Flags")


def parse(flags: type[Flags], default: Flags, arguments: Sequence[str], *, prog: str) -> Flags:
    """The flags of a command from its arguments, with tyro; every mistake is an InputError of one sentence."""
    errors = io.StringIO()
    try:
        with contextlib.redirect_stderr(errors):
            parsed, rest = tyro.cli(
                flags,
                default=default,
                args=_respelt(arguments, flags),
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


def _respelt(arguments: Sequence[str], flags: type) -> list[str]:
    """`none`, `true` and `false` as tyro wants them, for the options that may be none; no layers for `--hidden`."""
    types, kinds, respelt = flag_types(flags), (), []
    for argument in arguments:
        option, equals, value = argument.partition("=") if argument.startswith("--") else ("", "", argument)
        if option:
            kinds = alternatives(types.get(option.replace("_", "-")))
        is_tuple = any(typing.get_origin(kind) is tuple for kind in kinds)
        if type(None) not in kinds or value not in ("none", "true", "false"):
            respelt.append(argument)
        elif value != "none":
            respelt.append(option + equals + (value.capitalize() if bool in kinds else value))
        elif not is_tuple:
            respelt.append(option + equals + "None")
        elif option:
            respelt.append(option)  # `--hidden=none` is a `--hidden` that no value follows
    return respelt


# What tyro says of an option, where its words show the option and the value that was given.
_MISTAKES = (
    r"Error parsing (?P<option>--[\w-]+): .*?(?P<value>'[^']*')\]?",
    r"invalid choice (?P<value>'[^']*') for argument '(?P<option>--[\w-]+)'.*",
    r"Missing value for argument '(?P<option>--[\w-]+)'.*",
)


def _first_message(box: str, flags: type) -> str:
    """What tyro says in the first paragraph of the box it draws around an error, in our order of words."""
    lines = [line.strip("│╭╮╰╯ ") for line in box.splitlines()[1:]]
    is_rule = lambda text: set(text) <= set("─-")  # also where it may not draw: under the title, and at the end
    text = " ".join(itertools.takewhile(lambda line: not is_rule(line), itertools.dropwhile(is_rule, lines)))
    types = flag_types(flags)
    for pattern in _MISTAKES:
        found = re.fullmatch(pattern, text.rstrip("."))
        if found and found["option"] in types:
            value = found.groupdict().get("value", "nothing")
            return f"`{found['option']}` must be {describe_type(types[found['option']])}; got {value}."
    return re.sub(r"(--[\w-]+)", r"`\1`", text.rstrip(".")) + "."


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
    raise InputError(f"`jaxnn {command}` must be followed by the name of its {kind}: {usage}.")
