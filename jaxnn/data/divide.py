"""Which rows of a source are for training, which validate and which test."""

from typing import Literal

import numpy as np

from jaxnn.data.config import DataConfig
from jaxnn.data.splits import kfold_indices, split_indices, subset_indices
from jaxnn.data.types import Source, Split
from jaxnn.errors import InputError

Size = int | float


def divide(source: Source, config: DataConfig, validation: Size, test: Size) -> tuple[Split, Split, Split]:
    """Train, validation and test: the official splits (or parts of them), else drawn from the training rows."""
    folds = _check_folds(config)
    if config.resplit:
        validation = validation if source.validation is None else len(source.validation.y)
        test = test if source.test is None else len(source.test.y)
        source = _pool(source)
    if folds is not None:
        return _divide_in_folds(source, config, test, *folds)
    rows = split_indices(
        source.train.y,
        validation=_drawn(source.validation, config.validation, validation),
        test=_drawn(source.test, config.test, test),
        train=config.train,
        seed=config.data_seed,
    )
    return (
        _take(source.train, rows.train),
        _part(source.validation, "validation", config) or _take(source.train, rows.validation),
        _part(source.test, "test", config) or _take(source.train, rows.test),
    )


def _divide_in_folds(
    source: Source, config: DataConfig, test: Size, folds: int, fold: int
) -> tuple[Split, Split, Split]:
    """The test set as without folds, and of all other rows one fold for validation and the others for training."""
    drawn = _drawn(source.test, config.test, test)
    rows = split_indices(source.train.y, validation=0, test=drawn, seed=config.data_seed)
    test_split = _part(source.test, "test", config) or _take(source.train, rows.test)
    pool = _pool(source._replace(train=_take(source.train, rows.train), test=None)).train
    train, validation = kfold_indices(pool.y, num_folds=folds, seed=config.data_seed)[fold]
    if config.train is not None:
        train = train[subset_indices(pool.y[train], "train", config.train, seed=config.data_seed)]
    return _take(pool, train), _take(pool, validation), test_split


def _check_folds(config: DataConfig) -> tuple[int, int] | None:
    """How many folds and which one, or None; InputError for those that do not go together, or with `validation`."""
    folds, fold = config.folds, config.fold
    if folds is None:
        if fold is not None:
            raise InputError(f"`fold` is one of `folds`: say how many; got fold {fold!r} of none.")
        return None
    if not isinstance(folds, int) or isinstance(folds, bool) or folds < 2:
        raise InputError(f"`folds` must be a whole number of 2 or more; got {folds!r}.")
    if not isinstance(fold, int) or isinstance(fold, bool) or not 0 <= fold < folds:
        raise InputError(f"`fold` must say which of the {folds} folds validates, 0 to {folds - 1}; got {fold!r}.")
    if config.validation is not None:
        raise InputError(
            f"`validation` must be left out with `folds`, whose parts are the validation sets; got "
            f"{config.validation!r}."
        )
    return folds, fold


def _drawn(official: Split | None, size: Size | None, default: Size) -> Size:
    """How many of the training rows a split takes: none where it has official rows of its own."""
    if official is not None:
        return 0
    return default if size is None else size


def _part(official: Split | None, name: Literal["validation", "test"], config: DataConfig) -> Split | None:
    """The official split, or the part of it that was asked for; never mixed with the training rows."""
    size = getattr(config, name)
    if official is None or size is None:
        return official
    return _take(official, subset_indices(official.y, name, size, seed=config.data_seed))


def _pool(source: Source) -> Source:
    parts = [part for part in (source.train, source.validation, source.test) if part is not None]
    train = Split(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))
    return source._replace(train=train, validation=None, test=None)


def _take(split: Split, rows: np.ndarray) -> Split:
    return Split(split.x[rows], split.y[rows])
