"""The options of loading a set, as one frozen record: the configuration of studies and the flags of the shell."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from jaxnn.data.types import Task


@dataclass(frozen=True)
class DataConfig:
    """Which data, and how they are divided.  None means: what is usual for the set (see `jaxnn data NAME`)."""

    dataset: str = "digits"
    """Name of the set; `jaxnn list` shows them all."""
    data_dir: str | None = None
    """Folder of the official files; default: $JAXNN_DATA_DIR, else jaxnn's folder in the user's cache."""
    validation: int | float | None = None
    """Validation rows: a count, or a share; of the official validation set where there is one; 0 for none."""
    test: int | float | None = None
    """Test rows: a count, or a share; of the official test set where there is one; 0 for none."""
    train: int | None = None
    """Train on this many rows only (a stratified part); default: all that are left."""
    resplit: bool = False
    """Pool the official splits of a set and draw all of them at random."""
    folds: int | None = None
    """Cross-validation: divide all training and validation rows into so many stratified parts, one of which
    validates; the test set stays as it is."""
    fold: int | None = None
    """Which of the `folds` validates, from 0."""
    data_seed: int = 0
    """Seed of the random splits, and of the points of a generated set; any integer."""
    num_examples: int | None = None
    """Points of a generated set, all splits together."""
    noise: float | None = None
    """Noise of a generated set: 0 to 50 for circle, gauss, xor, spiral, plane and multi_gauss (as the
    slider of TensorFlow Playground); standard deviation of the points for moons and blobs, of the angle in
    radians for spiral_k."""
    num_arms: int | None = None
    """Arms, and classes, of spiral_k."""
    num_classes: int | None = None
    """Classes of blobs."""
    path: str | None = None
    """The table to read, for csv."""
    label: str | int | None = None
    """Label column of a csv table, by name or by index from 0 (negative: from the end); default: the column
    named "label", or the last one of a table without a header."""
    task: Task | None = None
    """What the label column of a csv table is; default: classification."""
    features: tuple[str, ...] = ()
    """Feature maps of a 2-D set, out of x1 x2 x1sq x2sq x1x2 sinx1 sinx2; default: x1 x2."""
    standardize: bool = False
    """Shift and scale each column of a float table to mean 0 and deviation 1 on the training rows."""
    pca: int | None = None
    """Replace the inputs by so many principal components of the training rows, each of deviation 1 there."""


def moved_to(config: DataConfig, data_dir: str) -> DataConfig:
    """The same data, whose files are in another folder now."""
    path = None if config.path is None else str(Path(data_dir) / Path(config.path).name)
    return dataclasses.replace(config, data_dir=None if path else data_dir, path=path)
