"""Checks that every array passes before anything is trained on it.

JAX reads label -1 as the last class, trains on a label too large to a NaN loss, and broadcasts (n, 1) against
(n,) to (n, n), all in silence: this is the place where such data is refused.
"""

import numpy as np

from jaxnn.data.types import SPLITS, Data, DataInfo, Split
from jaxnn.errors import InputError


def check_data(data: Data) -> None:
    """Raise InputError unless every split is what `data.info` says it is, and there are training rows."""
    if len(data.train.y) == 0:
        raise InputError("`train` must have at least one row; got 0.")
    for name in SPLITS:
        check_split(getattr(data, name), data.info, name)


def check_split(split: Split, info: DataInfo, name: str) -> None:
    """Raise InputError unless the arrays of one split, called `name` in the message, fit `info`."""
    check_inputs(split.x, info, f"{name}.x")
    if info.num_classes is None:
        check_targets(split.y, f"{name}.y", num_rows=len(split.x))
    else:
        check_labels(split.y, f"{name}.y", num_rows=len(split.x), num_classes=info.num_classes)


def check_inputs(x: np.ndarray, info: DataInfo, name: str = "x") -> None:
    """Raise InputError unless `x` is (n, *info.input_shape) of finite numbers."""
    if x.ndim < 1 or x.shape[1:] != info.input_shape:
        expected = ", ".join(map(str, ("n", *info.input_shape)))
        raise InputError(f"`{name}` must have the shape ({expected}) of `{info.name}`; got {x.shape}.")
    check_finite(x, name, columns=info.feature_names)


def check_finite(x: np.ndarray, name: str, *, columns: tuple[str, ...] = ()) -> None:
    """Raise InputError when a number of `x` is NaN or infinite: how many, and where the first one is."""
    if np.issubdtype(x.dtype, np.integer):
        return
    if not np.issubdtype(x.dtype, np.floating):
        raise InputError(f"`{name}` must hold numbers; got {x.dtype}.")
    bad = ~np.isfinite(x)
    if not bad.any():
        return
    row, *rest = (int(i) for i in np.argwhere(bad)[0])
    place = f"row {row}"
    if len(rest) == 1:
        place += f", column {rest[0]}" + (f" (`{columns[rest[0]]}`)" if columns else "")
    elif rest:
        place += f", position {tuple(rest)}"
    raise InputError(
        f"`{name}` must be finite: {bad.sum()} of its {x.size} values are NaN or infinite, the first "
        f"({x[(row, *rest)]}) in {place}, counted from 0; drop or fill those rows."
    )


def as_float32(x: np.ndarray, name: str, *, columns: tuple[str, ...] = ()) -> np.ndarray:
    """The same numbers as float32; InputError if one of them is not finite, before or after."""
    check_finite(x, name, columns=columns)
    with np.errstate(over="ignore"):
        x = x.astype(np.float32)
    check_finite(x, name, columns=columns)
    return x


def check_labels(y: np.ndarray, name: str = "y", *, num_rows: int, num_classes: int) -> None:
    """Raise InputError unless `y` is (num_rows,) whole numbers in 0..num_classes-1."""
    _check_rows(y, name, num_rows)
    if y.ndim != 1:
        raise InputError(f"`{name}` must be one label a row, of shape ({num_rows},); got {y.shape}.")
    if not np.issubdtype(y.dtype, np.number) or np.issubdtype(y.dtype, np.complexfloating):
        raise InputError(f"`{name}` must hold whole numbers, the class labels; got {y.dtype}.")
    check_finite(y, name)
    _refuse_labels(y, name, y != np.floor(y), "whole numbers")
    _refuse_labels(y, name, (y < 0) | (y >= num_classes), f"in 0..{num_classes - 1}, for {num_classes} classes")


def check_targets(y: np.ndarray, name: str = "y", *, num_rows: int) -> None:
    """Raise InputError unless `y` is (num_rows, k) of finite numbers."""
    _check_rows(y, name, num_rows)
    if y.ndim != 2 or y.shape[1] == 0:
        raise InputError(f"`{name}` must be one row of targets an example, of shape (n, k); got {y.shape}.")
    check_finite(y, name)


def _check_rows(y: np.ndarray, name: str, num_rows: int) -> None:
    found = len(y) if y.ndim else 0
    if found != num_rows:
        raise InputError(f"`{name}` must have one entry for each row of x, {num_rows}; got {found}.")


def _refuse_labels(y: np.ndarray, name: str, bad: np.ndarray, rule: str) -> None:
    if bad.any():
        row = int(np.argmax(bad))
        raise InputError(
            f"`{name}` must be {rule}: {bad.sum()} of its {len(y)} labels are not, the first ({y[row]}) in row "
            f"{row}, counted from 0."
        )
