"""Reading the official files of MNIST and Fashion-MNIST, and the arrays kept of them, every byte checked."""

import hashlib
import os
import zipfile
import zlib
from pathlib import Path

import numpy as np

from jaxnn.data.catalog import OFFICIAL, TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS
from jaxnn.data.idx import parse_idx, read_bytes
from jaxnn.data.types import Split, array_sha256
from jaxnn.errors import InputError


def missing_files(name: str, folder: Path) -> list[str]:
    """Which of a set's four official files a folder lacks."""
    return [file for file in OFFICIAL[name].sha256 if not (folder / file).is_file()]


def read_official(folder: Path, sha256: dict[str, str]) -> tuple[Split, Split]:
    """Training and test set out of the four IDX files of a folder.

    Raises:
      InputError: a file cannot be read, its SHA-256 is not the given one, or it is not what its name says.
    """

    def read(file: str) -> np.ndarray:
        return parse_idx(read_checked(folder / file, sha256[file]), name=str(folder / file))

    train = pair_up(read(TRAIN_IMAGES), read(TRAIN_LABELS), name=str(folder / TRAIN_LABELS))
    return train, pair_up(read(TEST_IMAGES), read(TEST_LABELS), name=str(folder / TEST_LABELS))


def pair_up(images: np.ndarray, labels: np.ndarray, *, name: str) -> Split:
    """The Split of IDX images (n, h, w) uint8 and labels (n,) uint8; `name` is the label file's."""
    if images.ndim != 3 or images.dtype != np.uint8:
        raise InputError(f"`{name}` must belong to images, of rank 3 and bytes; got {images.dtype} {images.shape}.")
    if labels.shape != images.shape[:1] or labels.dtype != np.uint8:
        raise InputError(
            f"`{name}` must hold one label (a byte) for each of the {len(images)} images; got {labels.dtype} "
            f"{labels.shape}."
        )
    return Split(images[..., None], labels.astype(np.int32))


def read_checked(path: Path, sha256: str, *, name: str | None = None) -> bytes:
    """The content of a file whose SHA-256 is known; InputError with both hashes if it is another."""
    content = read_bytes(path)
    found = hashlib.sha256(content).hexdigest()
    _check_hash(name or str(path), sha256, found, "is damaged or not the official file: put that in its place")
    return content


def write_cached(path: Path, train: Split, test: Split) -> None:
    """Keep decoded arrays; the file appears whole or not at all."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.npz")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(partial, train_x=train.x, train_y=train.y, test_x=test.x, test_y=test.y)
        partial.replace(path)
    except OSError as error:
        raise InputError(f"`{path}` must be writable, to keep the decoded set: {error.strerror}.") from error
    finally:
        partial.unlink(missing_ok=True)


def read_cached(path: Path, sha256: dict[str, str]) -> tuple[Split, Split]:
    """Read back what `write_cached` kept, each array checked against its SHA-256."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name: file[name] for name in sha256}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(
            f"`{path}` must be a cache of decoded arrays: {error}; delete it to make it anew."
        ) from error
    for name, expected in sha256.items():
        found = array_sha256(arrays[name])
        _check_hash(f"{name}` of `{path}", expected, found, "is damaged: delete the file to make it anew")
    return Split(arrays["train_x"], arrays["train_y"]), Split(arrays["test_x"], arrays["test_y"])


def _check_hash(name: str, expected: str, found: str, problem: str) -> None:
    if found != expected:
        raise InputError(f"`{name}` must have the SHA-256 {expected}; got {found}: it {problem}.")
