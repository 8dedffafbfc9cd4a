"""The directory of one run: locked while somebody writes in it, filled as it goes, marked until it is complete.

config.json     everything needed to run it again, or to go on
checkpoints/    a folder for each program, of checkpoints by their count of records
log.jsonl       one line for every member and record
results.nc      the results, an xarray dataset as netCDF
figures/        PNG and SVG
report.html     the report, one self-contained file
INCOMPLETE      there while the run is not finished: who is at it, or why it ended
lock            held by the process that writes here; what a crash leaves of it locks nobody out

An experiment of several studies has such a directory for each of these parts, in one with a config.json, a report,
a mark and a lock of its own.
"""

import contextlib
import dataclasses
import fcntl
import itertools
import json
import math
import os
import platform
import re
import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

from jaxnn.errors import InputError

CONFIG = "config.json"
MARKER = "INCOMPLETE"
LOCK = "lock"
CHECKPOINTS = "checkpoints"

# Many programs have a config.json.  That of a study holds these; that of an experiment of several or none, those.
_OF_STUDY = {"experiment", "sweep", "data_sha256"}
_OF_PARTS = {"experiment", "preset", "parts"}
_PART_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


class Status(NamedTuple):
    """What a run directory is.  "killed": its process ended without a word."""

    state: Literal["complete", "running", "interrupted", "failed", "killed"]
    detail: str = ""


@contextlib.contextmanager
def output_directory(output: Path | str | None, name: str) -> Iterator[Path]:
    """`output`, or a new directory below `runs/`, which goes again if the context is left by an error before
    anything is in it."""
    if output is not None:
        yield Path(output)
        return
    path = new_directory(name, datetime.now())
    try:
        yield path
    except BaseException:
        for folder in (path, path.parent):
            with contextlib.suppress(OSError):  # something is in it
                folder.rmdir()
        raise


def new_directory(name: str, now: datetime) -> Path:
    """Make a directory of its own for a run: runs/widths-20260131-120000, with -2 at its end if that is there.

    It is made here, so that no other process that starts in the same second has it too.
    """
    first = Path("runs") / f"{name}-{now:%Y%m%d-%H%M%S}"
    others = (first.with_name(f"{first.name}-{number}") for number in itertools.count(2))
    for path in itertools.chain([first], others):
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise InputError(
                f"`{path}` cannot be made: {error.strerror}; choose a directory with `--output`."
            ) from None
        return path
    raise AssertionError("there are numbers without end")


def is_run(path: Path) -> bool:
    """Whether `path` is the directory of a run, complete or not."""
    if (path / MARKER).is_file():
        return True
    try:
        found = set(json.loads((path / CONFIG).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return False
    return found >= _OF_STUDY or found >= _OF_PARTS


def part_names(description: Mapping[str, Any] | None) -> tuple[str, ...] | None:
    """The parts of an experiment of several studies, in their order; () for a calculation, None for a single study.

    Raises:
        InputError: a part has a name that cannot be that of its directory, or is described by less than a study is.
    """
    if description is None or "parts" not in description:
        return None
    parts = description["parts"]
    for name, study in parts.items() if isinstance(parts, dict) else [(parts, None)]:
        check_part_name(name)
        if not isinstance(study, dict) or not set(study) >= _OF_STUDY | {"config", "seeds"}:
            raise InputError(f"`parts.{name}` must describe a study in {CONFIG}.")
    return tuple(parts)


def check_single(path: Path, description: Mapping[str, Any] | None) -> None:
    """Raise InputError where the run at `path` is not of a single study."""
    names = part_names(description)
    if names:
        parts = ", ".join(f"`{path / name}`" for name in names)
        raise InputError(f"`{path}` is a run of several studies: name one of its parts, {parts}.")
    if names == ():
        raise InputError(f"`{path}` is a calculation: nothing was trained in it.")


def check_part_name(name: Any) -> None:
    """Raise InputError unless a part may be called `name`, and its directory."""
    if not isinstance(name, str) or not _PART_NAME.fullmatch(name) or name == "figures":
        raise InputError(
            f"A part must be named by small letters, digits, `-` and `_`, and not `figures`; got {name!r}."
        )


def check_free(path: Path, *, resume: bool = False, overwrite: bool = False) -> None:
    """Raise InputError unless a run may use `path`: not there, empty, or a run that may be continued or replaced.

    Args:
        path: the directory.
        resume: a run that is there may be continued.
        overwrite: a run that is there may be replaced; anything else that is there is never removed.
    """
    if resume and overwrite:
        raise InputError("`--resume` continues a run, `--overwrite` replaces it: leave out one of them.")
    if path.exists() and not path.is_dir():
        raise InputError(f"`--output {path}` must be a directory, and is a file: choose another.")
    if not path.is_dir() or not any(entry.name != LOCK for entry in path.iterdir()):
        return
    if not is_run(path):
        raise InputError(f"`--output {path}` is not a run of jaxnn, and not empty: choose another directory.")
    if not resume and not overwrite:
        raise InputError(
            f"`--output {path}` holds an earlier run: `--resume` to continue it, `--overwrite` to replace it (in "
            "Python `resume=True`, `overwrite=True`), or choose another directory."
        )


@contextlib.contextmanager
def lock(path: Path) -> Iterator[None]:
    """Make `path` a directory that is this process's alone while the context lasts.

    The kernel gives the lock back when its holder ends, however it ends.

    Raises:
        InputError: another process has it, or the directory cannot be written.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path / LOCK, os.O_RDONLY | os.O_CREAT, 0o644)
    except OSError as error:
        raise InputError(
            f"`--output {path}` cannot be written: {error.strerror}; choose another directory."
        ) from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = run_status(path).detail or "it is only starting, or ending"
            raise InputError(
                f"`--output {path}` is in use by another process ({holder}): wait for it, or choose another."
            ) from None
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def unfinished(path: Path) -> Iterator[None]:
    """Mark a run as not finished while the context lasts, and for ever if it is left by an exception."""
    _mark(path, "running", f"process {os.getpid()} on {platform.node()}")
    try:
        yield
    except KeyboardInterrupt as error:
        _mark(path, "interrupted", str(error) or "by Ctrl-C")
        raise
    except BaseException as error:
        with contextlib.suppress(OSError):  # on a full disk the mark that is there must do
            _mark(path, "failed", f"{type(error).__name__}: {error}")
        raise
    (path / MARKER).unlink()


def is_complete(path: Path) -> bool:
    """Whether a path is the directory of a finished run."""
    return is_run(path) and run_status(path).state == "complete"


def run_status(path: Path) -> Status:
    """What the directory of a run is now."""
    if not (path / MARKER).is_file():
        return Status("complete")
    try:
        mark = json.loads((path / MARKER).read_text(encoding="utf-8"))
        state, detail = mark["state"], mark["detail"]
    except (ValueError, KeyError, TypeError):
        return Status("killed", "its mark cannot be read")
    if state == "running" and not _is_locked(path):
        return Status("killed", f"{detail}, since {mark.get('date')}")
    return Status(state, detail)


def clear(path: Path) -> None:
    """Remove a run from its directory, but for the lock."""
    for entry in path.iterdir():
        if entry.name == LOCK:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def read_description(path: Path) -> dict[str, Any] | None:
    """The content of a run's config.json; None where the run did not get as far as writing it.

    Raises:
        InputError: it is there and cannot be read.
    """
    file = path / CONFIG
    if not file.is_file():
        return None
    try:
        description = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"`{file}` must be the JSON that jaxnn wrote: {error}.") from None
    if not isinstance(description, dict):
        raise InputError(f"`{file}` must be the JSON that jaxnn wrote: it is not an object.")
    return description


def write_json(path: Path, value: Any) -> None:
    """Write `value`, dataclasses and tuples included, as readable JSON: the whole file, or none of it."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("w", encoding="utf-8") as file:
        file.write(json.dumps(plain(value), indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def plain(value: Any) -> Any:
    """`value` as JSON has it: dataclasses as objects, tuples as lists, numbers that are not finite as null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value


def _mark(path: Path, state: str, detail: str) -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    write_json(path / MARKER, {"state": state, "detail": detail, "date": now})


def _is_locked(path: Path) -> bool:
    try:
        descriptor = os.open(path / LOCK, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
