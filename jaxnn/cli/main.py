"""The way in: from arguments to a command, from an error to a sentence and an exit status."""

import os
import signal
import sys
import warnings
from collections.abc import Callable, Sequence

import jaxnn
from jaxnn.checkpoint.errors import CheckpointError
from jaxnn.errors import InputError, unknown

COMMANDS = {
    "list": "Show every experiment and every data set.",
    "run": "Train the study of an experiment, to a report.",
    "resume": "Continue a run that was cut, or extend it.",
    "runs": "List runs; show, compare or remove some.",
    "predict": "Predict with a finished run, for the inputs of a file.",
    "evaluate": "Evaluate a finished run on its data once more.",
    "export": "Write a network of a finished run as files that serve without jaxnn.",
    "gradcheck": "Prove the hand-derived gradients.",
    "summary": "Print the layers of a model, with shapes, parameters and FLOPs.",
    "data": "Show what a data set is, and draw samples of it.",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """`jaxnn COMMAND ...`; returns the exit status."""
    if arguments is None:
        arguments = sys.argv[1:]
        _end_on_interrupt()
    return _guarded(lambda: _dispatch(arguments), arguments)


def experiment_main(experiment, arguments: Sequence[str] | None = None) -> int:
    """What a file of `experiments/` does when it is run: the same as `jaxnn run` with its name."""
    if arguments is None:
        arguments = sys.argv[1:]
        _end_on_interrupt()
    from jaxnn.cli.run import run_command

    return _guarded(lambda: run_command(experiment, arguments), arguments)


def _end_on_interrupt() -> None:
    """Let Ctrl-C end this process at once, wherever it is; while a study trains, it is asked to end instead.

    As an exception it would be lost where Python only reports what is raised, such as JAX's hook of the garbage
    collector, and the study would train on.
    """

    def end(signum: int, frame: object) -> None:
        os.write(sys.stderr.fileno(), b"\njaxnn: interrupted\n")
        os._exit(128 + signum)

    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, end)


def _guarded(command: Callable[[], int], arguments: Sequence[str]) -> int:
    """The exit status of a command: 2 for bad input, 1 for a failed save, 128 + the signal for one that was cut."""
    warnings.formatwarning = _format_warning
    try:
        return command()
    except (InputError, CheckpointError, OSError) as error:  # OSError: a full disk, above all
        if "--debug" in arguments:
            raise
        print(f"jaxnn: {' '.join(str(error).split())}", file=sys.stderr)
        return 2 if isinstance(error, InputError) else 1
    except KeyboardInterrupt as error:
        print(f"jaxnn: {str(error) or 'interrupted'}", file=sys.stderr)
        return 128 + getattr(error, "signum", signal.SIGINT)


def _format_warning(message: Warning | str, category: type[Warning], filename: str, lineno: int, line=None) -> str:
    """jaxnn's own warnings as one line, like its errors; those of others with the place they come from."""
    if category.__module__.startswith("jaxnn."):
        return f"jaxnn: warning: {' '.join(str(message).split())}\n"
    return f"{filename}:{lineno}: {category.__name__}: {message}\n"


def _dispatch(arguments: Sequence[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help"):
        print("usage: jaxnn COMMAND ...\n")
        print("\n".join(f"  {name:<10}{text}" for name, text in COMMANDS.items()))
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
        case "resume":
            from jaxnn.cli.resume import resume_command

            return resume_command(rest)
        case "runs":
            from jaxnn.cli.runs import runs_command

            return runs_command(rest)
        case "predict" | "evaluate" | "export":
            from jaxnn.cli import saved

            return {
                "predict": saved.predict_command,
                "evaluate": saved.evaluate_command,
                "export": saved.export_command,
            }[name](rest)
        case "gradcheck":
            from jaxnn.cli.gradcheck import gradcheck_command

            return gradcheck_command(rest)
        case "list" | "summary" | "data":
            from jaxnn.cli import show

            return {"list": show.list_command, "summary": show.summary_command, "data": show.data_command}[name](
                rest
            )
    raise unknown("command", name, [*COMMANDS, "--version", "--help"] if name.startswith("-") else COMMANDS)
