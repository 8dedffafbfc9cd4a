"""Inputs that come as files, brought into the form that a network was trained on."""

import math
from pathlib import Path

import numpy as np

from jaxnn.data import DataInfo, check_inputs, given_scale, given_shape, prepare_inputs, read_idx, read_inputs
from jaxnn.errors import InputError

_NPY = b"\x93NUMPY"
_GZIP, _IDX = b"\x1f\x8b", b"\x00\x00"


def read_any_inputs(path: Path | str, info: DataInfo) -> np.ndarray:
    """Inputs without labels from a table, an IDX file or an .npy file (told by content), in their order.

    Args:
        path: the file.
        info: of the set that the network was trained on.

    Returns:
        (n, *info.input_shape), as that set stores them: uint8 for images, else float32 after the set's feature
        maps, standardisation and projection.

    Raises:
        InputError: it cannot be read, or does not fit.
    """
    try:
        with Path(path).open("rb") as file:
            start = file.read(6)
    except OSError as error:
        raise InputError(f"`{path}` must be a readable file: {error.strerror or error}.") from None
    if start == _NPY:
        return _from_array(_load_npy(path), path, info)
    if start[:2] in (_GZIP, _IDX):
        return _from_array(read_idx(path), path, info)
    return read_inputs(path, info)


def _load_npy(path: Path | str) -> np.ndarray:
    try:
        return np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise InputError(f"`{path}` must be an .npy file of numbers: {error}.") from None


def _from_array(array: np.ndarray, path: Path | str, info: DataInfo) -> np.ndarray:
    """An array of inputs, flat or in their shape, as the set stores them."""
    columns = math.prod(given_shape(info))
    if array.ndim < 2 or not len(array) or int(np.prod(array.shape[1:])) != columns:
        raise InputError(
            f"`{path}` must hold inputs of `{info.name}`, {columns} numbers each, at least one; got the shape "
            f"{array.shape}."
        )
    if given_scale(info) != 1:
        if array.dtype != np.uint8:
            raise InputError(
                f"`{path}` must hold uint8, as `{info.name}` does (it is scaled in the network); got {array.dtype}."
            )
        return prepare_inputs(array.reshape(-1, *given_shape(info)), info)
    if array.dtype.kind not in "fiu":
        raise InputError(f"`{path}` must hold numbers; got {array.dtype}.")
    x = prepare_inputs(array.reshape(len(array), -1).astype(np.float32), info).reshape(-1, *info.input_shape)
    check_inputs(x, info, str(path))
    return x
