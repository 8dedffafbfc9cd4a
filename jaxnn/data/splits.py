"""Random, seeded, stratified divisions of a set's rows."""

from typing import NamedTuple

import numpy as np

from jaxnn.errors import InputError


class SplitIndices(NamedTuple):
    """Row numbers (int64) of each split, in random order."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def split_indices(
    y: np.ndarray, *, validation: int | float, test: int | float, train: int | None = None, seed: int = 0
) -> SplitIndices:
    """Divide the rows of a set at random, each class in proportion.

    The test rows are drawn first, then the validation rows from what is left, so the test rows depend on
    neither `validation` nor `train`.  Each draw takes within one row of each class's share; the counts are exact.

    Args:
      y: (n,) integer class labels, or (n, k) float targets (then the draw is not stratified).
      validation: rows of the validation set: a count (int), or a share of n in [0, 1) (float).
      test: rows of the test set, likewise.
      train: keep only this many training rows, a stratified part; None keeps all that are left.
      seed: any integer; the same seed gives the same rows.

    Returns:
      Disjoint row numbers; with `train=None` every row is in exactly one split.

    Raises:
      InputError: the counts do not fit into n, or leave no training row.
    """
    n = len(y)
    num_test, num_validation = row_count("test", test, n), row_count("validation", validation, n)
    left = n - num_test - num_validation
    if left < 1:
        raise InputError(
            f"`validation` and `test` must leave training rows: {num_validation} + {num_test} of {n} rows "
            f"leave {max(left, 0)}; ask for fewer."
        )
    if train is not None:
        train = row_count("train", train, left, low=1)
    rng = np.random.default_rng(seed_sequence(seed, stream=1))
    classes = _classes(y)
    test_rows, rest = take_stratified(classes, np.arange(n), num_test, rng)
    validation_rows, rest = take_stratified(classes, rest, num_validation, rng)
    train_rows = rest if train is None else take_stratified(classes, rest, train, rng)[0]
    return SplitIndices(train_rows, validation_rows, test_rows)


def subset_indices(y: np.ndarray, name: str, size: int | float, *, seed: int) -> np.ndarray:
    """Row numbers of a stratified random part of a set; `size` is a count (int) or a share (float)."""
    rng = np.random.default_rng(seed_sequence(seed, stream=2))
    return take_stratified(_classes(y), np.arange(len(y)), row_count(name, size, len(y)), rng)[0]


def kfold_indices(y: np.ndarray, *, num_folds: int, seed: int = 0) -> list[tuple[np.ndarray, np.ndarray]]:
    """Divide the rows of a set into folds for cross-validation, each class in proportion.

    Args:
      y: (n,) integer class labels, or (n, k) float targets (then the folds are not stratified).
      num_folds: number of folds, 2 to n.
      seed: any integer.

    Returns:
      For each fold its (training, validation) row numbers.  Every row is in one fold's validation part; the
      folds' sizes, and the rows of each class in them, differ by at most one.

    Raises:
      InputError: `num_folds` is not an integer in 2..n.
    """
    n = len(y)
    if not _is_int(num_folds) or not 2 <= num_folds <= n:
        raise InputError(f"`num_folds` must be an integer from 2 to the number of rows, {n}; got {num_folds!r}.")
    rows = np.random.default_rng(seed_sequence(seed, stream=3)).permutation(n)
    by_class = rows[np.argsort(_classes(y)[rows], kind="stable")]
    # Dealing the rows out class after class, like cards, balances the classes and the sizes at once.
    folds = [by_class[start::num_folds] for start in range(num_folds)]
    return [(np.concatenate(folds[:i] + folds[i + 1 :]), fold) for i, fold in enumerate(folds)]


def take_stratified(
    classes: np.ndarray, rows: np.ndarray, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw `count` of `rows` at random, in proportion to their classes; (drawn, left), both in random order.

    Class c gives floor(count * n_c / n) rows, and the rows still missing come one each from the classes
    with the largest remainders (Hamilton's method), so each class is within one row of its share.
    """
    rows = rng.permutation(rows)
    if count == 0:
        return rows[:0], rows
    labels = classes[rows]
    sizes = np.bincount(labels)
    shares, remainders = np.divmod(count * sizes, len(rows))
    shares[np.argsort(-remainders, kind="stable")[: count - shares.sum()]] += 1
    by_class = np.argsort(labels, kind="stable")
    place_in_class = np.arange(len(rows)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    drawn = np.empty(len(rows), bool)
    drawn[by_class] = place_in_class < np.repeat(shares, sizes)
    return rows[drawn], rows[~drawn]


def row_count(name: str, size: int | float, n: int, *, low: int = 0) -> int:
    """The number of rows that a count (int) or a share of n rows (float, in [0, 1)) asks for."""
    if _is_int(size):
        if not low <= size <= n:
            raise InputError(
                f"`{name}` must be a count from {low} to the {n} rows there are; got {size}: ask for fewer, or "
                f"leave it to its default (`--{name} none`)."
            )
        return int(size)
    if not isinstance(size, float | np.floating) or not 0 <= size < 1:
        raise InputError(f"`{name}` must be a count (an int) or a share in [0, 1); got {size!r}.")
    count = round(float(size) * n)
    if count < low or (size > 0 and count == 0):
        raise InputError(
            f"`{name}` must be at least one row: a share of {size} of {n} rows is {count}; give a count, or 0 for "
            f"none."
        )
    return count


def seed_sequence(seed: int, *, stream: int) -> np.random.SeedSequence:
    """Entropy of any integer seed, negative and huge ones too; each use has its own independent stream."""
    if not _is_int(seed):
        raise InputError(f"`seed` must be an integer; got {seed!r}.")
    return np.random.SeedSequence(abs(int(seed)), spawn_key=(int(seed < 0), stream))


def _is_int(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _classes(y: np.ndarray) -> np.ndarray:
    """(n,) small non-negative integers to stratify by: one class in all when the targets are real numbers."""
    return y.astype(np.int64) if np.issubdtype(y.dtype, np.integer) else np.zeros(len(y), np.int64)
