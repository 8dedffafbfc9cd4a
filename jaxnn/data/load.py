"""Every set by its name."""

from collections.abc import Callable
from dataclasses import fields
from os import PathLike, fspath
from typing import NamedTuple

from jaxnn.data import generated
from jaxnn.data.assemble import assemble
from jaxnn.data.config import DataConfig
from jaxnn.data.digits import digits
from jaxnn.data.divide import Size
from jaxnn.data.image_sets import mnist_like
from jaxnn.data.tabular import TWO_D, csv_table, two_d
from jaxnn.data.types import Data, Source, Task
from jaxnn.errors import InputError, unknown


class _Entry(NamedTuple):
    """A set: what it is, how it is read, which of the special options it takes, its usual splits."""

    description: str
    read: Callable[[DataConfig], Source]
    options: tuple[str, ...] = ()
    validation: Size = 0.2
    test: Size = 0.2


# Options that any set takes; each of the others must be listed by the sets that it means something to.
_COMMON = ("dataset", "data_dir", "validation", "test", "train", "data_seed", "folds", "fold", "pca")
_TABLE = ("features", "standardize")
_DRAWN = ("num_examples", "noise", *_TABLE)

_SETS = {
    "digits": _Entry("handwritten digits, 1,797 images of 8x8, bundled", digits),
    "mnist": _Entry("handwritten digits, 70,000 images of 28x28", mnist_like, ("resplit",), validation=10_000),
    "fashion_mnist": _Entry(
        "articles of clothing, 70,000 images of 28x28", mnist_like, ("resplit",), validation=20_000
    ),
    "moons": _Entry("two interleaving half circles (2-D)", generated.moons, _DRAWN),
    "blobs": _Entry("Gaussian clouds, one a class (2-D)", generated.blobs, (*_DRAWN, "num_classes")),
    "circle": _Entry("a disc inside a ring (2-D, Playground)", generated.circle, _DRAWN),
    "gauss": _Entry("two Gaussian clouds (2-D, Playground)", generated.gauss, _DRAWN),
    "xor": _Entry("a square cut in quadrants (2-D, Playground)", generated.xor, _DRAWN),
    "spiral": _Entry("two spiral arms (2-D, Playground)", generated.spiral, _DRAWN),
    "spiral_k": _Entry("K spiral arms (2-D)", generated.spiral_k, (*_DRAWN, "num_arms")),
    "csv": _Entry("a table of your own: a label column and numbers", csv_table, ("path", "label", "task", *_TABLE)),
    "plane": _Entry("a tilted plane (2-D regression, Playground)", generated.plane, _DRAWN),
    "multi_gauss": _Entry("six hills and valleys (2-D regression, Playground)", generated.multi_gauss, _DRAWN),
}
_SETS |= {
    f"two_d/{name}": _Entry(
        f"2-D set {name} of a course assignment",
        two_d,
        ("resplit", *_TABLE) if has_validation else _TABLE,
        # The four points of exclusive or are all there is: a split would leave out what is to be learnt.
        validation=0 if name == "Xor" else 0.2,
        test=0 if name == "Xor" else 0.2,
    )
    for name, has_validation in TWO_D.items()
}


def available() -> dict[str, str]:
    """Every set that can be loaded: its name and what it is, in a line."""
    return {name: entry.description for name, entry in _SETS.items()}


def load(
    name: str,
    *,
    data_dir: str | PathLike[str] | None = None,
    validation: int | float | None = None,
    test: int | float | None = None,
    train: int | None = None,
    resplit: bool = False,
    folds: int | None = None,
    fold: int | None = None,
    data_seed: int = 0,
    num_examples: int | None = None,
    noise: float | None = None,
    num_arms: int | None = None,
    num_classes: int | None = None,
    path: str | PathLike[str] | None = None,
    label: str | int | None = None,
    task: Task | None = None,
    features: tuple[str, ...] = (),
    standardize: bool = False,
    pca: int | None = None,
) -> Data:
    """Load a set by its name: `load_config(DataConfig(name, ...))`, with the options spelt out.

    Args:
      name: one of `available()`.
      data_dir: folder of the official files; default $JAXNN_DATA_DIR, else jaxnn's folder in the user's cache.
      validation: validation rows, a count (int) or a share (float), of the official validation set where there is
        one; 0 for none.
      test: test rows, likewise.
      train: train on this many rows only, a stratified part.
      resplit: pool the official splits and draw all of them at random.
      folds: divide all training and validation rows into so many stratified parts, one of which validates.
      fold: which of them, from 0.
      data_seed: seed of the splits and of generated points, any integer.
      num_examples: points of a generated set, all splits together.
      noise: noise of a generated set, in the units that `DataConfig` gives.
      num_arms: arms of spiral_k.
      num_classes: classes of blobs.
      path: the table to read, for csv.
      label: label column of a csv table, by name or index.
      task: what the label column of a csv table is, "classification" or "regression".
      features: feature maps of a 2-D set (see `map_features`).
      standardize: bring each column of a float table to mean 0 and deviation 1, measured on the training rows.
      pca: replace the inputs by so many whitened principal components of the training rows.

    Returns:
      The three splits and what is known of them.

    Raises:
      InputError: an unknown name, an option that the set does not take, or data that fail a check.
    """
    return load_config(
        DataConfig(
            dataset=name,
            data_dir=None if data_dir is None else fspath(data_dir),
            validation=validation,
            test=test,
            train=train,
            resplit=resplit,
            folds=folds,
            fold=fold,
            data_seed=data_seed,
            num_examples=num_examples,
            noise=noise,
            num_arms=num_arms,
            num_classes=num_classes,
            path=None if path is None else fspath(path),
            label=label,
            task=task,
            features=features,
            standardize=standardize,
            pca=pca,
        )
    )


def load_config(config: DataConfig) -> Data:
    """Load the set that a configuration describes.  See `load`."""
    if config.dataset not in _SETS:
        raise unknown("dataset", config.dataset, _SETS)
    entry = _SETS[config.dataset]
    _check_options(config, entry)
    return assemble(entry.read(config), config, validation=entry.validation, test=entry.test)


def _check_options(config: DataConfig, entry: _Entry) -> None:
    """Refuse, rather than ignore, an option that means nothing to the set."""
    if not isinstance(config.data_seed, int) or isinstance(config.data_seed, bool):
        raise InputError(f"`data_seed` must be an integer; got {config.data_seed!r}.")
    given = {f.name: getattr(config, f.name) for f in fields(config) if getattr(config, f.name) != f.default}
    foreign = {name: value for name, value in given.items() if name not in (*_COMMON, *entry.options)}
    if foreign:
        name, value = next(iter(foreign.items()))
        takers = [f"`{dataset}`" for dataset, other in _SETS.items() if name in other.options]
        # Whoever did not give it has it from a preset, and perhaps others with it.
        none = (f"--{f.replace('_', '-')} {'false' if v is True else 'none'}" for f, v in foreign.items())
        raise InputError(
            f"`{name}` must be left out for `{config.dataset}`, which has no such option; got {value!r}. "
            f"It is for {', '.join(takers)}. What a preset gives is left out by `{' '.join(none)}`."
        )
