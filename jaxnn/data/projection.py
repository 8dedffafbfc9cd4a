"""Principal components: fitted on the training rows, applied to all rows, kept as text beside the data."""

import base64
import functools
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from jaxnn.data.types import DataInfo, array_sha256
from jaxnn.errors import InputError


class Components(NamedTuple):
    """A whitening projection z = directions (x - mean) / deviations, of numbers (d,) to components (k,).

    mean: (d,) of the rows it was fitted on.
    directions: (k, d), orthonormal rows in order of falling variance.
    deviations: (k,), the standard deviation of those rows along each direction; 1 where they do not vary.
    """

    mean: np.ndarray
    directions: np.ndarray
    deviations: np.ndarray


@dataclass(frozen=True)
class _Rows:
    """Rows as the argument of a cached function: known by their hash."""

    sha256: str
    x: np.ndarray = field(compare=False)


def principal_components(x: np.ndarray, *, scale: float = 1.0) -> Components:
    """All principal components of some rows, by scikit-learn; the last few sets that were asked for are remembered.

    Args:
      x: (n, ...) numbers; each row counts as flat.
      scale: what they are multiplied by first.

    Returns:
      Float64 arrays, k = d = the numbers of a row.
    """
    return _decompose(_Rows(array_sha256(x), x), scale)


@functools.lru_cache(maxsize=8)
def _decompose(rows: _Rows, scale: float) -> Components:
    from sklearn.decomposition import PCA  # takes seconds to import

    flat = rows.x.reshape(len(rows.x), -1) * np.float64(scale)
    fitted = PCA(svd_solver="covariance_eigh").fit(flat)
    # Rounding leaves some variance in directions along which nothing varies.
    smallest = fitted.explained_variance_[0] * flat.shape[1] * np.finfo(np.float64).eps
    variances = np.where(fitted.explained_variance_ > smallest, fitted.explained_variance_, 1.0)
    return Components(fitted.mean_, np.asarray(fitted.components_), np.sqrt(variances))


def first_components(components: Components, count: int) -> Components:
    """The first of them."""
    return Components(components.mean, components.directions[:count], components.deviations[:count])


def project(x: np.ndarray, components: Components, *, scale: float = 1.0) -> np.ndarray:
    """x (n, ...), multiplied by `scale` and flat, as whitened components (n, k) float32."""
    flat = x.reshape(len(x), -1) * np.float32(scale)
    mean, directions, deviations = (array.astype(np.float32) for array in components)
    return (flat - mean[None]) @ directions.T / deviations[None]


def restore(z: np.ndarray, components: Components) -> np.ndarray:
    """The numbers (n, d) float32 that have the components z (n, k), and none of the others."""
    mean, directions, deviations = (array.astype(np.float32) for array in components)
    return (z * deviations[None]) @ directions + mean[None]


def check_pca(count: object, num_rows: int, num_columns: int) -> None:
    """Raise InputError unless so many components can be had of training rows (num_rows, num_columns)."""
    most = min(num_rows, num_columns)
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= most:
        raise InputError(
            f"`pca` must be a whole number from 1 to {most}, for {num_rows} training rows of {num_columns} "
            f"numbers; got {count!r}."
        )


def components_text(components: Components) -> str:
    """The arrays as float32 in base64, for `DataInfo.projection`."""
    return base64.b64encode(np.concatenate([a.ravel() for a in components]).astype("<f4").tobytes()).decode()


def components_of(info: DataInfo) -> Components:
    """The projection that made the columns of a set.

    Raises:
      InputError: it has none.
    """
    if not info.projection:
        raise InputError(f"`{info.name}` was loaded without `pca`: it has no projection.")
    numbers = np.frombuffer(base64.b64decode(info.projection), "<f4").astype(np.float32)
    d, k = int(np.prod(info.source_shape)), info.input_shape[0]
    mean, directions, deviations = np.split(numbers, [d, d + k * d])
    return Components(mean, directions.reshape(k, d), deviations)
