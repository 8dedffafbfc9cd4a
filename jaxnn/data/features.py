"""What is computed from the columns of a float table before training: feature maps and standardisation."""

from collections.abc import Callable, Sequence

import numpy as np

from jaxnn.errors import InputError, unknown

# Spelt so that no shell treats a character of them specially.
FEATURES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "x1": lambda x1, x2: x1,
    "x2": lambda x1, x2: x2,
    "x1sq": lambda x1, x2: x1**2,
    "x2sq": lambda x1, x2: x2**2,
    "x1x2": lambda x1, x2: x1 * x2,
    "sinx1": lambda x1, x2: np.sin(x1),
    "sinx2": lambda x1, x2: np.sin(x2),
}


def map_features(x: np.ndarray, features: Sequence[str]) -> np.ndarray:
    """The chosen functions of a 2-D point, the seven inputs of TensorFlow Playground, as columns.

    Args:
      x: (n, 2) float.
      features: names out of `FEATURES`, each once: x1, x2, x1sq (x1^2), x2sq (x2^2), x1x2 (x1 * x2),
        sinx1 (sin x1), sinx2 (sin x2).

    Returns:
      (n, len(features)) of the dtype of x, in the order of the names.

    Raises:
      InputError: an unknown or repeated name, or x is not (n, 2).
    """
    check_features(features)
    if x.ndim != 2 or x.shape[1] != 2:
        raise InputError(f"`features` must be applied to 2-D points, of shape (n, 2); got {x.shape}: leave it out.")
    x1, x2 = x[:, 0], x[:, 1]
    with np.errstate(over="ignore"):  # an overflow is found, and placed, by the checks that follow
        return np.stack([FEATURES[name](x1, x2) for name in features], axis=1).astype(x.dtype, copy=False)


def check_features(features: Sequence[str]) -> None:
    """Raise InputError unless the names are known, differ, and are at least one."""
    if isinstance(features, str) or len(features) == 0:
        raise InputError(f"`features` must be a sequence of one or more names; got {features!r}.")
    for name in features:
        if name not in FEATURES:
            raise unknown("feature", name, FEATURES)
        if list(features).count(name) > 1:
            raise InputError(
                f"`features` must name each feature once; got `{name}` {list(features).count(name)} times."
            )


def column_moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of each column of (n, k), both (k,) float64; a constant column gets deviation 1."""
    mean, std = x.mean(axis=0, dtype=np.float64), x.std(axis=0, dtype=np.float64)
    return mean, np.where(std > 0, std, 1.0)


def standardize(x: np.ndarray, mean: Sequence[float] | np.ndarray, std: Sequence[float] | np.ndarray) -> np.ndarray:
    """(x - mean) / std by column: (n, k) float32 -> (n, k) float32."""
    return ((x - np.asarray(mean)[None]) / np.asarray(std)[None]).astype(np.float32)
