"""The way in: from arguments to a command, from an error to a sentence and an exit status."""

import sys
from collections.abc import Callable, Sequence

import jaxnn
from jaxnn.errors import InputError, unknown

COMMANDS = {
    "list": "Show every experiment and every data set.",
    "run": "Train the study of an experiment, to a report.",
    "summary": "Print the layers of a model, with shapes, parameters and FLOPs.",
    "data": "Show what a data set is, and draw samples of it.",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """`jaxnn COMMAND ...`; returns the exit status."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    return _guarded(lambda: _dispatch(arguments), arguments)


def experiment_main(experiment, arguments: Sequence[str] | None = None) -> int:
    """What a file of `experiments/` does when it is run: the same as `jaxnn run` with its name."""
    from jaxnn.cli.run import run_command

    arguments = list(sys.argv[1:] if arguments is None else arguments)
    return _guarded(lambda: run_command(experiment, arguments), arguments)


def _guarded(command: Callable[[], int], arguments: Sequence[str]) -> int:
    try:
        return command()
    except InputError as error:
        if "--debug" in arguments:
            raise
        print(f"jaxnn: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("jaxnn: interrupted", file=sys.stderr)
        return 130


def _dispatch(arguments: Sequence[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help"):
        print("usage: jaxnn COMMAND ...\n")
        print("\n".join(f"  {name:<9} {text}" for name, text in COMMANDS.items()))
        print("\n`jaxnn COMMAND --help` shows the options of one.")
        return 0 if arguments else 2
    name, rest = arguments[0], arguments[1:]
    # Each command imports what it needs: `jaxnn list` is to answer before the libraries of training are loaded.
    match name:
        case "--version":
            print(jaxnn.__version__)
            return 0
        case "run":
            from jaxnn.cli.run import run_named

            return run_named(rest)
        case "list" | "summary" | "data":
            from jaxnn.cli import show

            return {"list": show.list_command, "summary": show.summary_command, "data": show.data_command}[name](
                rest
            )
    raise unknown("command", name, COMMANDS)
