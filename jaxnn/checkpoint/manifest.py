"""The manifest of a checkpoint: what its files and its arrays must be, to the bit.

It is written last, holds the SHA-256 of every other file, of every array, and of itself.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxnn.checkpoint.errors import CheckpointError

MANIFEST = "manifest.json"
FORMAT = 1

About = Mapping[str, Any]  # what the owner of a checkpoint wants to find again; anything that JSON holds
Leaves = Mapping[str, tuple[tuple[int, ...], str]]  # name of an array -> (shape, dtype)


class Manifest(NamedTuple):
    """What a checkpoint is.

    files: path inside the checkpoint -> {"bytes": size, "sha256": of the content}.
    arrays: name -> {"shape", "dtype", "sha256": of the C-order bytes}.
    """

    about: About
    files: Mapping[str, Mapping[str, Any]]
    arrays: Mapping[str, Mapping[str, Any]]


def make_manifest(folder: Path, arrays: Mapping[str, np.ndarray], about: About) -> Manifest:
    """The manifest of the files that are in `folder`, and of the arrays that they are to hold."""
    files = {
        path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "sha256": file_sha256(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    return Manifest(about, files, {name: _describe_array(array) for name, array in arrays.items()})


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest, with its own SHA-256, into `folder`."""
    content = {"format": FORMAT, **manifest._asdict()}
    text = json.dumps({**content, "sha256": _content_sha256(content)}, indent=1)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a checkpoint.

    Raises:
        CheckpointError: it is missing, cannot be read, or is not what was written.
    """
    path = folder / MANIFEST
    try:
        content = json.loads(path.read_bytes())
        expected = content.pop("sha256")
    except FileNotFoundError:
        raise CheckpointError(f"`{path}` is missing") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"`{path}` cannot be read: {error}") from None
    found = _content_sha256(content)
    if found != expected:
        raise CheckpointError(f"`{path}` must have content of SHA-256 {expected}; got {found}")
    if content["format"] != FORMAT:
        raise CheckpointError(f"`{path}` must be of format {FORMAT}; got {content['format']!r}: use another jaxnn")
    return Manifest(content["about"], content["files"], content["arrays"])


def check_files(folder: Path, manifest: Manifest) -> None:
    """Raise CheckpointError, naming the file, unless every file is there as it was written."""
    for name, expected in manifest.files.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise CheckpointError(f"`{path}` is outside of its checkpoint, and will not be read")
        try:
            num_bytes, sha256 = path.stat().st_size, file_sha256(path)
        except OSError as error:
            raise CheckpointError(f"`{path}` cannot be read: {error.strerror}") from None
        if num_bytes != expected["bytes"]:
            raise CheckpointError(f"`{path}` must have {expected['bytes']} bytes; got {num_bytes}")
        if sha256 != expected["sha256"]:
            raise CheckpointError(f"`{path}` must have SHA-256 {expected['sha256']}; got {sha256}")


def check_leaves(manifest: Manifest, expected: Leaves) -> None:
    """Raise CheckpointError, naming the array, unless the manifest has those with these shapes and dtypes."""
    found = leaves_of(manifest)
    for name in [*expected, *found]:
        if name not in found or name not in expected or found[name] != expected[name]:
            wanted, got = (_say(leaves.get(name)) for leaves in (expected, found))
            raise CheckpointError(f"array `{name}` must be {wanted}; got {got}")


def check_arrays(arrays: Mapping[str, np.ndarray], manifest: Manifest) -> None:
    """Raise CheckpointError, naming the array, unless the arrays are those of the manifest, bit for bit."""
    for name, expected in manifest.arrays.items():
        found = _describe_array(arrays[name]) if name in arrays else None
        if found != dict(expected):
            raise CheckpointError(f"array `{name}` must be {dict(expected)}; got {found or 'nothing'}")


def leaves_of(manifest: Manifest) -> Leaves:
    """Shape and dtype of every array of a checkpoint."""
    return {name: (tuple(leaf["shape"]), leaf["dtype"]) for name, leaf in manifest.arrays.items()}


def file_sha256(path: Path) -> str:
    """SHA-256 (hex) of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _describe_array(array: np.ndarray) -> dict[str, Any]:
    content = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    digest = hashlib.sha256(content.data).hexdigest()
    return {"shape": list(array.shape), "dtype": str(array.dtype), "sha256": digest}


def _content_sha256(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _say(leaf: tuple[tuple[int, ...], str] | None) -> str:
    return "absent" if leaf is None else f"{leaf[1]} of shape {leaf[0]}"
