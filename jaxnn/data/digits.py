"""scikit-learn's handwritten digits: 1,797 real images of 8x8 pixels, in every installation."""

import importlib.util
from pathlib import Path

import numpy as np

from jaxnn.data.config import DataConfig
from jaxnn.data.types import Source, Split


def digits(config: DataConfig) -> Source:
    """The test part of the UCI "Optical Recognition of Handwritten Digits" set; pixels are 0..16."""
    table = _read_table()
    split = Split(table[:, :-1].reshape(-1, 8, 8, 1), table[:, -1].astype(np.int32))
    origin = (
        "Optical recognition of handwritten digits (E. Alpaydin and C. Kaynak, UCI, 1998), the 1,797 images that "
        "come with scikit-learn."
    )
    return Source(split, origin, class_names=tuple("0123456789"), scale=1 / 16)


def _read_table() -> np.ndarray:
    """(1797, 65) uint8: 64 pixels and the label.

    Read from scikit-learn's own file where it lies in its place, because importing scikit-learn takes two
    seconds and this is the set that a first run is made on.
    """
    package = importlib.util.find_spec("sklearn")
    path = (
        Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz" if package and package.origin else None
    )
    if path is not None and path.is_file():
        return np.loadtxt(path, delimiter=",", dtype=np.uint8)
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    return np.column_stack([images, np.asarray(labels)]).astype(np.uint8)
