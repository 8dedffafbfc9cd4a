"""Generated 2-D sets: two-moons and blobs as scikit-learn draws them, spirals, and TensorFlow Playground's.

The Playground sets follow the formulas of https://github.com/tensorflow/playground/blob/master/src/dataset.ts,
where `noise` is the percentage on its slider, 0 to 50.  Except for `gauss`, the noise moves a point only while
its label is decided, so it mislabels points near the border instead of blurring them.  Label -1 of the
Playground is class 0 here, label 1 is class 1; of an odd number of points the class drawn first has one more.
"""

import numpy as np

from jaxnn.data.config import DataConfig
from jaxnn.data.splits import seed_sequence
from jaxnn.data.types import Source, Split
from jaxnn.errors import InputError, check_number

_PLAYGROUND = "as drawn by TensorFlow Playground (playground.tensorflow.org, src/dataset.ts)"


def moons(config: DataConfig) -> Source:
    """Two interleaving half circles: the very points of `sklearn.datasets.make_moons(random_state=seed)`."""
    n, noise = _num_examples(config, 500, low=2), _noise(config, 0.2)
    outer, inner = n // 2, n - n // 2
    t_outer, t_inner = np.linspace(0, np.pi, outer), np.linspace(0, np.pi, inner)
    upper = np.stack([np.cos(t_outer), np.sin(t_outer)], axis=1)
    lower = np.stack([1 - np.cos(t_inner), 1 - np.sin(t_inner) - 0.5], axis=1)
    x, y = np.concatenate([upper, lower]), np.repeat([0, 1], [outer, inner])
    rng = _sklearn_rng(config.data_seed)
    order = np.arange(n)
    rng.shuffle(order)
    x, y = x[order], y[order]
    x += rng.normal(scale=noise, size=x.shape)
    return _classes(
        x, y, ("upper", "lower"), f"Two moons of {n} points, noise {noise:g}, as scikit-learn draws them."
    )


def blobs(config: DataConfig) -> Source:
    """Gaussian clouds, one a class: the very points of `sklearn.datasets.make_blobs(random_state=seed)`."""
    num_classes = _count("num_classes", config.num_classes, 3, low=2)
    n, noise = _num_examples(config, 500, low=num_classes), _noise(config, 1.0)
    rng = _sklearn_rng(config.data_seed)
    centers = rng.uniform(-10, 10, size=(num_classes, 2))
    sizes = [n // num_classes + (k < n % num_classes) for k in range(num_classes)]
    x = np.concatenate(
        [rng.normal(loc=c, scale=noise, size=(size, 2)) for c, size in zip(centers, sizes, strict=True)]
    )
    order = np.arange(n)
    rng.shuffle(order)
    names = tuple(map(str, range(num_classes)))
    origin = f"{num_classes} Gaussian blobs of {n} points in all, deviation {noise:g}, as scikit-learn draws them."
    return _classes(x[order], np.repeat(range(num_classes), sizes)[order], names, origin)


def spiral_k(config: DataConfig) -> Source:
    """K spiral arms about the origin, after Stanford's cs231n notes (neural-networks-case-study).

    Arm j has radii r = 0..1 at angles 2 pi j / K + 4 r + noise * normal.  (The notes start arm j at 4 j
    radians, which is nearly the same for three arms and lets arms collide for others.)
    """
    num_arms = _count("num_arms", config.num_arms, 3, low=2)
    n, noise = _num_examples(config, 500, low=num_arms), _noise(config, 0.2)
    rng = _rng(config.data_seed)
    arm = np.sort(np.arange(n) % num_arms)
    r = np.concatenate([np.linspace(0, 1, size) for size in np.bincount(arm)])
    t = 2 * np.pi * arm / num_arms + 4 * r + noise * rng.standard_normal(n)
    names = tuple(map(str, range(num_arms)))
    origin = f"{num_arms} spiral arms of {n} points in all, noise {noise:g} rad, after the cs231n course notes."
    return _classes(np.stack([r * np.sin(t), r * np.cos(t)], axis=1), arm, names, origin)


def circle(config: DataConfig) -> Source:
    """A disc of radius 2.5 (class 1) inside a ring from 3.5 to 5 (class 0)."""
    n, noise, rng = _playground(config, 500)
    inside, outside = _halves(n)
    r = np.concatenate([rng.uniform(0, 2.5, inside), rng.uniform(3.5, 5, outside)])
    angle = rng.uniform(0, 2 * np.pi, n)
    x = np.stack([r * np.sin(angle), r * np.cos(angle)], axis=1)
    moved = x + noise * rng.uniform(-5, 5, x.shape)
    return _signs(x, np.where(np.hypot(*moved.T) < 2.5, 1, -1), "Circle", config)


def gauss(config: DataConfig) -> Source:
    """Two Gaussian clouds about (2, 2) (class 1) and (-2, -2) (class 0), of variance 0.5 to 4 as noise grows."""
    n, noise, rng = _playground(config, 500)
    label = np.repeat([1, -1], _halves(n))
    variance = 0.5 + 3.5 * noise / 0.5
    x = 2.0 * label[:, None] + np.sqrt(variance) * rng.standard_normal((n, 2))
    return _signs(x, label, "Two Gaussians", config)


def xor(config: DataConfig) -> Source:
    """A square cut in quadrants, class 1 where x1 x2 >= 0, with a gap of 0.3 on either side of both axes."""
    n, noise, rng = _playground(config, 500)
    x = rng.uniform(-5, 5, (n, 2))
    x += np.where(x > 0, 0.3, -0.3)
    moved = x + noise * rng.uniform(-5, 5, x.shape)
    return _signs(x, np.where(moved[:, 0] * moved[:, 1] >= 0, 1, -1), "Exclusive or", config)


def spiral(config: DataConfig) -> Source:
    """Two spiral arms: point i of the n in an arm has radius 5 i/n at angle 3.5 pi i/n, the second arm half a
    turn on; here the noise does move the points, by up to 1 a unit of noise."""
    n, noise, rng = _playground(config, 500)
    halves = _halves(n)
    share = np.concatenate([np.arange(half) / half for half in halves])
    label = np.repeat([1, -1], halves)
    t = 3.5 * np.pi * share + np.where(label > 0, 0, np.pi)
    x = 5 * share[:, None] * np.stack([np.sin(t), np.cos(t)], axis=1)
    return _signs(x + noise * rng.uniform(-1, 1, x.shape), label, "Two spirals", config)


def plane(config: DataConfig) -> Source:
    """Regression of y = (x1 + x2) / 10 on the square of side 12."""
    x, moved = _square(config)
    return _targets(x, moved.sum(axis=1) / 10, "Plane", config)


def multi_gauss(config: DataConfig) -> Source:
    """Regression of six cones of height +1 or -1 and radius 2 on the square of side 12."""
    x, moved = _square(config)
    centers = np.array([(-4, 2.5), (0, 2.5), (4, 2.5), (-4, -2.5), (0, -2.5), (4, -2.5)])
    signs = np.array([1, -1, 1, -1, 1, -1])
    distance = np.linalg.norm(moved[:, None] - centers[None], axis=2)
    cones = signs[None] * np.clip(1 - distance / 2, 0, 1)
    highest = np.argmax(np.abs(cones), axis=1)
    return _targets(x, cones[np.arange(len(x)), highest], "Six cones (multi-gauss)", config)


def _playground(config: DataConfig, num_examples: int) -> tuple[int, float, np.random.Generator]:
    """Number of points, noise as a fraction, and the generator of a Playground set."""
    noise = _noise(config, 0.0, high=50)
    return _num_examples(config, num_examples, low=2), noise / 100, _rng(config.data_seed)


def _square(config: DataConfig) -> tuple[np.ndarray, np.ndarray]:
    """Uniform points on [-6, 6]^2, and the same points moved by the noise."""
    n, noise, rng = _playground(config, 1200)
    x = rng.uniform(-6, 6, (n, 2))
    return x, x + noise * rng.uniform(-6, 6, x.shape)


def _halves(n: int) -> tuple[int, int]:
    return n - n // 2, n // 2


def _signs(x: np.ndarray, label: np.ndarray, what: str, config: DataConfig) -> Source:
    return _classes(x, label > 0, ("-1", "1"), _playground_origin(what, len(x), config))


def _targets(x: np.ndarray, y: np.ndarray, what: str, config: DataConfig) -> Source:
    split = Split(x.astype(np.float32), y[:, None].astype(np.float32))
    origin = _playground_origin(what, len(x), config)
    return Source(split, origin, feature_names=("x1", "x2"), task="regression")


def _classes(x: np.ndarray, y: np.ndarray, class_names: tuple[str, ...], origin: str) -> Source:
    return Source(Split(x.astype(np.float32), y.astype(np.int32)), origin, class_names, ("x1", "x2"))


def _playground_origin(what: str, n: int, config: DataConfig) -> str:
    return f"{what}, {n} points, noise {config.noise or 0:g} of 50, {_PLAYGROUND}."


def _rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed_sequence(seed, stream=0))


def _sklearn_rng(seed: int) -> np.random.RandomState:
    """The generator scikit-learn makes of `random_state=seed`, for any integer: it takes 0..2**32-1 only."""
    seed_sequence(seed, stream=0)
    return np.random.RandomState(int(seed) % 2**32)


def _num_examples(config: DataConfig, default: int, *, low: int) -> int:
    return _count("num_examples", config.num_examples, default, low=low)


def _count(name: str, value: int | None, default: int, *, low: int) -> int:
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < low:
        raise InputError(f"`{name}` must be an integer of at least {low}; got {value!r}.")
    return int(value)


def _noise(config: DataConfig, default: float, *, high: float = np.inf) -> float:
    if config.noise is None:
        return default
    if isinstance(config.noise, bool) or not isinstance(config.noise, int | float | np.number):
        raise InputError(f"`noise` must be a number; got {config.noise!r}.")
    check_number("noise", config.noise, low=0, high=high)
    return float(config.noise)
