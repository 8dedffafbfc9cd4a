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
from jaxnn.study.values import alternatives, describe_type, example_parts

Flags = TypeVar("Flags")


def parse(flags: type[Flags], default: Flags, arguments: Sequence[str], *, prog: str) -> Flags:
    """The flags of a command from its arguments, with tyro; every mistake is an InputError of one sentence."""
    errors = io.StringIO()
    try:
        with contextlib.redirect_stderr(errors):
            parsed, rest = tyro.cli(
                flags,
                default=default,
                args=_respelt(_switched(arguments, default), default),
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


def _options(default: Any) -> dict[str, tuple[Any, Any]]:
    """Every option of a dataclass -> its type, Annotated where it may be repeated, and its default."""
    found = {}
    for name, kind in typing.get_type_hints(type(default), include_extras=True).items():
        value = getattr(default, name)
        if dataclasses.is_dataclass(value):
            found |= _options(value)
        else:
            found["--" + name.replace("_", "-")] = kind, value
    return found


def _switched(arguments: Sequence[str], default: Any) -> list[str]:
    """The options that are true or false as tyro wants them: it knows each in one form, that against its default.

    `--standardize`, `--standardize true`, `--standardize false` and `--no-standardize` are taken whatever that is.

    Raises:
        InputError: another value.
    """
    options, words, left = _options(default), list(arguments), []
    while words:
        word = words.pop(0)
        option, equals, value = word.replace("_", "-").partition("=")
        negated = option not in options and option.startswith("--no-")
        option = option.replace("--no-", "--", 1) if negated else option
        if options.get(option, (None, None))[0] is not bool:
            left.append(word)
            continue
        if not equals:
            value = words.pop(0) if words and words[0] in ("true", "false") and not negated else "true"
        if value not in ("true", "false"):
            raise InputError(f"`{option}` must be true or false; got '{value}'.")
        wanted = (value == "true") != negated
        spelt = {True: option, False: option.replace("--", "--no-", 1)}
        left = [word for word in left if word not in spelt.values()]  # the last one counts
        if wanted != options[option][1]:
            left.append(spelt[wanted])
    return left


def _respelt(arguments: Sequence[str], default: Any) -> list[str]:
    """`none`, `true` and `false` as tyro wants them, for the options that may be none; no layers for `--hidden`.

    Raises:
        InputError: several words in one argument, where they are to be separate ones.
    """
    options, current, kinds, respelt = _options(default), "", (), []
    for argument in arguments:
        option, equals, value = argument.partition("=") if argument.startswith("--") else ("", "", argument)
        if option:
            current = option.replace("_", "-")
            kinds = alternatives(options.get(current, (None, None))[0])
        is_tuple = any(typing.get_origin(kind) is tuple for kind in kinds)  # not so if it may be repeated
        if tuple[str, ...] in kinds and re.search(r"[\s,]", value.strip()):
            raise InputError(
                f"`{current}` must be words, each an argument of its own; got '{value}': write "
                f"`{current} {' '.join(value.replace(',', ' ').split())}`, without quotes or commas."
            )
        if not (type(None) in kinds or is_tuple) or value not in ("none", "true", "false"):
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
            value = found.groupdict().get("value", "")
            option, kind = found["option"], types[found["option"]]
            parts = example_parts(kind, value.strip("'")) if value else []
            fix = f": write `{option} {' '.join(parts)}`" if parts else ""
            return f"`{option}` must be {describe_type(kind)}; got {value or 'nothing'}{fix}."
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
