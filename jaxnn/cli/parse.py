"""Flags from frozen dataclasses, with tyro; every mistake comes out as one sentence."""

import contextlib
import dataclasses
import io
import re
from collections.abc import Collection, Sequence

import tyro

from jaxnn.errors import InputError, unknown


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
        raise InputError(f"{_first_message(errors.getvalue())} See `{prog} --help`.") from None
    if rest:
        if not rest[0].startswith("-"):
            raise InputError(f"`{rest[0]}` is one argument too many; options start with `--`, see `{prog} --help`.")
        raise unknown("option", rest[0].partition("=")[0], _flag_names(flags))
    return parsed


def _first_message(box: str) -> str:
    """The first paragraph of the box that tyro draws around an error."""
    lines = [line.strip("│╭╮╰╯ ") for line in box.splitlines()[1:]]
    message = []
    for line in lines:
        if set(line) <= {"─"}:
            break
        message.append(line)
    return re.sub(r"(--[\w-]+)", r"`\1`", " ".join(message)).rstrip(".") + "."


def _flag_names(flags: type) -> list[str]:
    names = []
    for field in dataclasses.fields(flags):
        kind = field.type
        kind = getattr(kind, "__origin__", kind)
        if dataclasses.is_dataclass(kind):
            names += _flag_names(kind)  # type: ignore[arg-type]
        else:
            names.append("--" + field.name.replace("_", "-"))
    return names


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
