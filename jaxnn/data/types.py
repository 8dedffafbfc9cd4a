"""What a loaded set is: three splits of arrays, and what is known about them."""

import hashlib
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np

Task = Literal["classification", "regression"]


class Split(NamedTuple):
    """Examples and their targets, row for row.

    x: (n, *input_shape), uint8 for images (to be multiplied by `DataInfo.scale`), float32 otherwise.
    y: (n,) int32 class labels, or (n, num_outputs) float32 targets.
    """

    x: np.ndarray
    y: np.ndarray


@dataclass(frozen=True)
class DataInfo:
    """What the arrays of a set mean, where they came from, and their fingerprints."""

    name: str
    """The name it was loaded by."""
    task: Task
    """Whether `y` holds class labels or real targets."""
    input_shape: tuple[int, ...]
    """Shape of one example."""
    num_classes: int | None
    """Number of classes; None for regression."""
    num_outputs: int
    """Width of a network's last layer: the number of classes, or of target columns."""
    class_names: tuple[str, ...]
    """Original name of label k at place k; empty for regression."""
    feature_names: tuple[str, ...]
    """Names of the input columns of a table; empty for images."""
    scale: float
    """x_float = x * scale: 1/255 for images, 1/16 for digits, 1 for floats."""
    source: str
    """Where the set comes from, in a sentence."""
    sha256: dict[str, str]
    """SHA-256 of each official file by its name, and of each final array as `train.x`, `train.y`, ...; of inputs
    before their projection onto principal components, whose last bits are not the same on every machine."""
    features: tuple[str, ...] = ()
    """The feature maps that made the columns of `x`; empty when they are the columns of the source."""
    feature_mean: tuple[float, ...] = ()
    """Training mean subtracted from each column of a standardised table; empty otherwise."""
    feature_std: tuple[float, ...] = ()
    """Training standard deviation each column was then divided by; empty otherwise."""
    projection: str = ""
    """The principal components that the inputs were projected on (see `components_of`); empty otherwise."""
    source_shape: tuple[int, ...] = ()
    """Shape of an example before a projection; empty otherwise."""
    source_names: tuple[str, ...] = ()
    """Names of the columns before a projection."""
    source_scale: float = 1.0
    """What the inputs were multiplied by before a projection."""


@dataclass(frozen=True)
class Data:
    """A set ready for training.  A split that was asked for with 0 rows is there, and empty."""

    train: Split
    validation: Split
    test: Split
    info: DataInfo


class Source(NamedTuple):
    """A set as its reader hands it over: whole, checked for form, not yet divided into splits.

    `validation` and `test` are the official ones, or None where the set has none.  Labels are already 0..K-1.
    """

    train: Split
    origin: str
    class_names: tuple[str, ...] = ()
    feature_names: tuple[str, ...] = ()
    scale: float = 1.0
    task: Task = "classification"
    validation: Split | None = None
    test: Split | None = None
    sha256: dict[str, str] | None = None


SPLITS = ("train", "validation", "test")


def merge(data: Data) -> Data:
    """Join the training and validation rows, for a last training once the selection is done.

    Args:
      data: any loaded set.

    Returns:
      The same set with all those rows in `train` and an empty `validation`; `test` is untouched, and a standardised
      table, or a projection, keeps what was measured on its original training rows.
    """
    train = Split(*(np.concatenate(pair) for pair in zip(data.train, data.validation, strict=True)))
    validation = Split(*(a[:0] for a in data.validation))
    return with_hashes(replace(data, train=train, validation=validation))


def with_hashes(data: Data) -> Data:
    """The same data, its `info.sha256` brought up to date with the arrays."""
    fields = ("y",) if data.info.projection else Split._fields
    arrays = {f"{s}.{field}": getattr(getattr(data, s), field) for s in SPLITS for field in fields}
    sha256 = data.info.sha256 | {name: array_sha256(a) for name, a in arrays.items()}
    return replace(data, info=replace(data.info, sha256=sha256))


def array_sha256(array: np.ndarray) -> str:
    """SHA-256 (hex) of an array's dtype, shape and C-order bytes: equal arrays, equal hash."""
    array = np.ascontiguousarray(array)
    header = f"{array.dtype.newbyteorder('<').str} {array.shape} ".encode()
    digest = hashlib.sha256(header)
    digest.update(array.astype(array.dtype.newbyteorder("<"), copy=False).data)
    return digest.hexdigest()
