"""The way in: from arguments to a command, from an error to a sentence and an exit status."""

import contextlib
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence

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
    given = sys.argv[1:] if arguments is None else list(arguments)
    with _ended_by_interrupt() if arguments is None else contextlib.nullcontext():
        return _guarded(lambda: _dispatch(given), given)


def experiment_main(experiment, arguments: Sequence[str] | None = None) -> int:
    """What a file of `experiments/` does when it is run: the same as `jaxnn run` with its name."""
    from jaxnn.cli.run import run_command

    given = sys.argv[1:] if arguments is None else list(arguments)
    with _ended_by_interrupt() if arguments is None else contextlib.nullcontext():
        return _guarded(lambda: run_command(experiment, given), given)


@contextlib.contextmanager
def _ended_by_interrupt() -> Iterator[None]:
    """While the context lasts, Ctrl-C ends the process at once; a study that trains is asked to end instead.

    As an exception it would be lost where Python only reports what is raised, such as JAX's hook of the garbage
    collector, and the study would train on.
    """

    def end(signum: int, frame: object) -> None:
        try:
            sys.stdout.flush()
            os.write(2, b"\njaxnn: interrupted\n")
        finally:
            os._exit(128 + signum)

    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        yield
        return
    before = signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


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
