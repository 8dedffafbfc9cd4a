"""Sets that come as text tables: any CSV, the Kaggle form of MNIST, and the 2-D sets of a course assignment."""

import functools
import hashlib
import math
from pathlib import Path

import numpy as np

from jaxnn.data.assemble import given_scale, given_shape, prepare_inputs
from jaxnn.data.catalog import data_root
from jaxnn.data.checks import as_float32, check_inputs
from jaxnn.data.config import DataConfig
from jaxnn.data.idx import read_bytes
from jaxnn.data.tables import Table, read_table
from jaxnn.data.types import DataInfo, Source, Split
from jaxnn.errors import InputError, unknown

# The sets "1" to "4", "Xor" and "3class", and whether each has a file of validation rows.
TWO_D = {"1": True, "2": True, "3": True, "4": True, "3class": False, "Xor": False}

# The coarsest step of float32, in standard deviations of a column, that leaves of it what there is to learn.
COARSEST = 0.01

_NUM_PIXELS = 28 * 28


def csv_table(config: DataConfig) -> Source:
    """A table with a label column; 28x28 images if the others are 784 whole numbers in 0..255 (Kaggle's form)."""
    if config.path is None:
        raise InputError("`path` must be given for `csv`: the table to read.")
    table = read_table(config.path, label=config.label)
    origin = f"The table {Path(config.path).name}, {len(table.values)} rows."
    sha256 = {Path(config.path).name: _file_sha256(config.path)}
    x, scale = _inputs(table, config.path)
    feature_names = () if x.ndim > 2 else table.names
    if config.task not in (None, "classification", "regression"):
        raise unknown("task", config.task, ("classification", "regression"))
    if config.task == "regression":
        y = _targets(table.labels, config.path)
        return Source(Split(x, y), origin, (), feature_names, scale, "regression", sha256=sha256)
    class_names, (y,) = _classes([table.labels], config.path)
    return Source(Split(x, y), origin, class_names, feature_names, scale, sha256=sha256)


def two_d(config: DataConfig) -> Source:
    """One of the 2-D sets: data1_train.csv and data1_validate.csv for `two_d/1`, and so on."""
    name = config.dataset.removeprefix("two_d/")
    folder = data_root(config.data_dir) / "two_d"
    files = [f"data{name}_train.csv", *([f"data{name}_validate.csv"] if TWO_D[name] else [])]
    missing = [file for file in files if not (folder / file).is_file()]
    if missing:
        raise InputError(
            f"`{config.dataset}` must be in `{folder}`: {', '.join(f'`{file}`' for file in missing)} not found; "
            f"name the folder that holds `two_d/` with `data_dir` or JAXNN_DATA_DIR."
        )
    tables = [read_table(folder / file, label=-1) for file in files]
    for table, file in zip(tables, files, strict=True):
        if table.values.shape[1] != 2:
            raise InputError(
                f"`{folder / file}` must have two columns and a label; got {table.values.shape[1] + 1}."
            )
    class_names, labels = _classes([table.labels for table in tables], str(folder / files[0]))
    splits = [Split(t.values.astype(np.float32), y) for t, y in zip(tables, labels, strict=True)]
    return Source(
        splits[0],
        f"The 2-D set {name} of a course assignment.",
        class_names,
        ("x1", "x2"),
        validation=splits[1] if len(splits) > 1 else None,
        sha256={file: _file_sha256(folder / file) for file in files},
    )


def read_inputs(path: Path | str, info: DataInfo) -> np.ndarray:
    """Read a table without labels, to predict with a network that was trained on the set that `info` describes.

    Args:
      path: the table: the input columns of the training table, in their order; for images, their pixels row by
        row.
      info: of the training set.

    Returns:
      (n, *info.input_shape): uint8 for images; else float32, with the training set's feature maps, standardisation
      and projection.

    Raises:
      InputError: a table that cannot be read, or whose columns are not those of the training set.
    """
    table = read_table(path, check_inputs=functools.partial(_check_columns, path, info))
    if given_scale(info) != 1:
        return prepare_inputs(_pixels(table, path).reshape(-1, *given_shape(info)), info)
    x = prepare_inputs(_floats(table, path), info).reshape(-1, *info.input_shape)
    check_inputs(x, info)
    return x


def _check_columns(path: Path | str, info: DataInfo, found: tuple[str, ...], has_header: bool) -> None:
    """Raise InputError unless the columns of a table are the inputs of a set, as far as both have names."""
    expected = math.prod(given_shape(info))
    names = () if info.features else info.source_names if info.projection else info.feature_names
    surplus = len(found) - expected
    if surplus:
        others = [name for name in found if (name not in names if names else name == "label")]
        named = ", ".join(f"`{name}`" for name in others) if has_header and len(others) == surplus else ""
        fix = f": leave out what is no input, {named or 'such as labels'}" if surplus > 0 else ""
        raise InputError(
            f"`{path}` must have the {expected} input columns of `{info.name}` alone; got {len(found)} "
            f"columns{fix}."
        )
    if has_header and names and found != names:
        i = next(i for i, (name, wanted) in enumerate(zip(found, names, strict=True)) if name != wanted)
        raise InputError(
            f"`{path}` must have the columns of `{info.name}` in their order: column {i} must be "
            f"`{names[i]}`; got `{found[i]}`."
        )


def _inputs(table: Table, path: Path | str) -> tuple[np.ndarray, float]:
    """The inputs and their scale: (n, 28, 28, 1) uint8 if the columns are pixels, else (n, k) float32."""
    named = table.has_header and all(name.startswith("pixel") for name in table.names)
    if named and len(table.names) != _NUM_PIXELS:
        raise InputError(f"`{path}` must have {_NUM_PIXELS} pixel columns; got {len(table.names)}.")
    if named or (len(table.names) == _NUM_PIXELS and _are_pixels(table.values).all()):
        return _pixels(table, path).reshape(-1, 28, 28, 1), 1 / 255
    values = _floats(table, path)
    _check_resolution(table, path)
    return values, 1.0


def _pixels(table: Table, path: Path | str) -> np.ndarray:
    """(n, k) uint8."""
    _refuse(table, path, ~_are_pixels(table.values), "pixels, whole numbers in 0..255")
    return table.values.astype(np.uint8)


def _floats(table: Table, path: Path | str) -> np.ndarray:
    """(n, k) float32."""
    _refuse(table, path, np.abs(table.values) > np.finfo(np.float32).max, "numbers in the range of float32")
    return table.values.astype(np.float32)


def _check_resolution(table: Table, path: Path | str) -> None:
    """Refuse a column of which float32 would leave little: one of small differences between large numbers."""
    largest, spread = np.abs(table.values).max(0), table.values.std(0)
    step = np.spacing(largest.astype(np.float32)).astype(np.float64)
    blurred = (np.ptp(table.values, axis=0) > 0) & (step > COARSEST * spread)
    if blurred.any():
        column = int(np.argmax(blurred))
        raise InputError(
            f"`{path}` must hold numbers that float32 tells apart: column `{table.names[column]}` goes up to "
            f"{largest[column]:g}, where float32 has steps of {step[column]:g}, but its standard deviation is "
            f"{spread[column]:g}: subtract an offset, or leave it out if it only numbers or dates the rows."
        )


def _are_pixels(values: np.ndarray) -> np.ndarray:
    return (values == np.floor(values)) & (values >= 0) & (values <= 255)


def _refuse(table: Table, path: Path | str, bad: np.ndarray, rule: str) -> None:
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise InputError(
            f"`{path}` must hold {rule}: {bad.sum()} of its cells are not, the first in row {row} (from 0), "
            f"column `{table.names[column]}`: {table.values[row, column]:g}."
        )


def _classes(columns: list[np.ndarray | None], path: str) -> tuple[tuple[str, ...], list[np.ndarray]]:
    """Labels 0..K-1 in the order of the original ones, over all columns together, and those as names."""
    given = [column for column in columns if column is not None]
    for column in given:
        fractional = column != np.floor(column) if column.dtype.kind == "f" else np.zeros(len(column), bool)
        if fractional.any():
            row = int(np.argmax(fractional))
            raise InputError(
                f"`{path}` must have whole numbers or names as class labels: {fractional.sum()} of its "
                f"{len(column)} labels are fractional, the first ({column[row]:g}) in row {row} (from 0); for real "
                f'targets set task="regression".'
            )
    classes, codes = np.unique(np.concatenate(given), return_inverse=True)
    if len(classes) < 2:
        raise InputError(f"`{path}` must have at least two classes in its label column; got only {classes[0]}.")
    ends = np.cumsum([len(column) for column in given])
    names = tuple(str(c) if classes.dtype.kind == "U" else f"{c:.0f}" for c in classes)
    return names, np.split(codes.astype(np.int32), ends[:-1])


def _targets(labels: np.ndarray | None, path: str) -> np.ndarray:
    if labels is None or labels.dtype.kind != "f":
        raise InputError(f"`{path}` must have numbers in its label column for regression; got text.")
    return as_float32(labels[:, None], str(path))


def _file_sha256(path: Path | str) -> str:
    return hashlib.sha256(read_bytes(path)).hexdigest()
