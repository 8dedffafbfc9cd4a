"""The checkpoints of one training: numbered folders, of which the last ones are kept.

A checkpoint is made under another name and gets its own by one rename, after it has been read back and found to be
what was to be saved.  So a numbered folder is whole or damaged, never unfinished; and an older one is deleted only
when a newer one has been proven.
"""

import os
import re
import shutil
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxnn.checkpoint.errors import CheckpointError, DamageWarning
from jaxnn.checkpoint.manifest import (
    About,
    Leaves,
    Manifest,
    check_arrays,
    check_files,
    check_leaves,
    make_manifest,
    read_manifest,
    write_manifest,
)
from jaxnn.checkpoint.store import read_arrays, write_arrays
from jaxnn.labels import bytes_label

UNFINISHED = "unfinished"


class Checkpoint(NamedTuple):
    """A checkpoint in memory."""

    number: int
    arrays: dict[str, np.ndarray]
    about: About


def save_checkpoint(
    folder: Path, number: int, arrays: Mapping[str, np.ndarray], about: About, *, keep: int = 2
) -> None:
    """Save arrays as checkpoint `number` of a folder, prove that they can be read, and delete what is not kept.

    Args:
        folder: of the checkpoints of one training; made if it is not there.
        number: how far the training is; a checkpoint of the same number is replaced.
        arrays: by name.
        about: what else is to be found again.
        keep: how many checkpoints are kept, the new one included.

    Raises:
        CheckpointError: not enough space, or anything else that went wrong; what was there before is still there.
    """
    unfinished, path = folder / UNFINISHED, _path(folder, number)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(unfinished, ignore_errors=True)
        _check_space(folder, arrays)
        write_arrays(unfinished / "arrays", arrays)
        write_manifest(unfinished, make_manifest(unfinished, arrays, about))
        _sync_tree(unfinished)
        _read(unfinished)
        if path.exists():
            shutil.rmtree(path)
        unfinished.rename(path)
        _sync(folder)
    except Exception as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        reason = str(error) or type(error).__name__
        raise CheckpointError(f"checkpoint `{path}` could not be saved: {reason}") from error
    _delete_others(folder, number, keep=keep)


def load_last(folder: Path, expected: Callable[[int], Leaves] | None = None) -> Checkpoint | None:
    """The last checkpoint of a folder that is whole; None if there is none at all.

    Args:
        folder: of the checkpoints of one training.
        expected: the arrays that a checkpoint with this number must have; None accepts all.

    Warns:
        DamageWarning: for every damaged checkpoint that is passed over.

    Raises:
        CheckpointError: there are checkpoints, and all are damaged.
    """
    problems = []
    for number in sorted(saved_numbers(folder), reverse=True):
        try:
            checkpoint = load_checkpoint(folder, number, expected(number) if expected else None)
        except CheckpointError as error:
            problems.append(str(error))
            continue
        for problem in problems:
            warnings.warn(f"{problem}; going on from `{_path(folder, number)}`", DamageWarning, stacklevel=2)
        return checkpoint
    if problems:
        raise CheckpointError(f"no checkpoint in `{folder}` is whole: {'; '.join(problems)}")
    return None


def read_about(folder: Path) -> About | None:
    """What the last checkpoint of a folder says of itself, without its arrays; None where none can say it."""
    for number in reversed(saved_numbers(folder)):
        try:
            return read_manifest(_path(folder, number)).about
        except CheckpointError:
            continue
    return None


def load_checkpoint(folder: Path, number: int, expected: Leaves | None = None) -> Checkpoint:
    """Read one checkpoint, every file and array of it verified.

    Raises:
        CheckpointError: it is damaged, or has other arrays than `expected`; says which file or array, and how.
    """
    path = _path(folder, number)
    try:
        arrays, manifest = _read(path, expected)
    except CheckpointError as error:
        raise CheckpointError(f"checkpoint `{path}` is damaged: {error}") from error
    return Checkpoint(number, arrays, manifest.about)


def saved_numbers(folder: Path) -> list[int]:
    """The numbers of the checkpoints of a folder, in order, damaged ones included."""
    if not folder.is_dir():
        return []
    return sorted(int(path.name) for path in folder.iterdir() if re.fullmatch(r"[0-9]{6,12}", path.name))


def _path(folder: Path, number: int) -> Path:
    return folder / f"{number:06d}"


def _read(path: Path, expected: Leaves | None = None) -> tuple[dict[str, np.ndarray], Manifest]:
    """The arrays of a checkpoint, after every check there is, in the order of least cost."""
    manifest = read_manifest(path)
    if expected is not None:
        check_leaves(manifest, expected)
    check_files(path, manifest)
    try:
        arrays = read_arrays(path / "arrays")
    except Exception as error:  # whatever Orbax and its libraries raise over files that are not theirs
        raise CheckpointError(f"`{path / 'arrays'}` cannot be read: {error}") from error
    for name, leaf in manifest.arrays.items():
        if 0 in leaf["shape"]:
            arrays[name] = np.zeros(leaf["shape"], leaf["dtype"])
    check_arrays(arrays, manifest)
    return arrays, manifest


def _check_space(folder: Path, arrays: Mapping[str, np.ndarray]) -> None:
    needed, free = sum(array.nbytes for array in arrays.values()), shutil.disk_usage(folder).free
    if needed > free:
        raise CheckpointError(f"it needs {bytes_label(needed)}, and {bytes_label(free)} are free")


def _delete_others(folder: Path, number: int, *, keep: int) -> None:
    """Keep `number` and the `keep - 1` before it.  Later numbers are damaged: training came past them again."""
    numbers = saved_numbers(folder)
    before = [n for n in numbers if n < number]
    kept = {number, *before[len(before) - (keep - 1) :]}
    for other in set(numbers) - kept:
        shutil.rmtree(_path(folder, other), ignore_errors=True)


def _sync_tree(folder: Path) -> None:
    """Have the operating system put everything below `folder` on the disk, so that it outlives a loss of power."""
    for path in folder.rglob("*"):
        _sync(path)
    _sync(folder)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
