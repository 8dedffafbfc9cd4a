"""Cross-validation: what scikit-learn's StratifiedKFold promises, asked of `folds` and `fold`."""

import numpy as np
import pytest

from jaxnn.data import load
from jaxnn.errors import InputError


@pytest.fixture(scope="module")
def folds():
    return [load("digits", folds=5, fold=fold) for fold in range(5)]


def rows_of(split):
    """Images as sortable rows; the digits hold no image twice."""
    return {x.tobytes() for x in split.x}


def test_every_row_validates_once_and_trains_otherwise(folds):
    validation = [rows_of(one.validation) for one in folds]
    pool = set().union(*validation)
    assert sum(map(len, validation)) == len(pool) == sum(len(one.validation.y) for one in folds)
    for one in folds:
        assert rows_of(one.train) == pool - rows_of(one.validation)
        assert len(one.train.y) + len(one.validation.y) == len(pool)


def test_folds_hold_every_class_alike(folds):
    """Numbers of rows, and of each class, differ by at most one between the folds."""
    counts = np.array([np.bincount(one.validation.y, minlength=10) for one in folds])
    assert np.ptp(counts, axis=0).max() <= 1
    assert np.ptp(counts.sum(1)) <= 1


def test_the_test_set_is_the_one_without_folds(folds):
    without = load("digits")
    for one in folds:
        assert rows_of(one.test) == rows_of(without.test)
        assert not rows_of(one.train) & rows_of(one.test)


def test_fewer_training_rows_leave_the_folds_as_they_are(folds):
    few = load("digits", folds=5, fold=2, train=100)
    assert rows_of(few.validation) == rows_of(folds[2].validation)
    assert rows_of(few.train) < rows_of(folds[2].train)
    assert np.bincount(few.train.y).tolist() == [10] * 10


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"folds": 5}, r"`fold` must say which of the 5 folds validates, 0 to 4; got None"),
        ({"folds": 5, "fold": 5}, "0 to 4; got 5"),
        ({"folds": 5, "fold": True}, "0 to 4; got True"),
        ({"folds": 1, "fold": 0}, "`folds` must be a whole number of 2 or more; got 1"),
        ({"fold": 1}, "`fold` is one of `folds`"),
        ({"folds": 5, "fold": 0, "validation": 0.1}, "`validation` must be left out with `folds`"),
        ({"folds": 2000, "fold": 0}, "from 2 to the number of rows"),
    ],
)
def test_folds_that_make_no_sense(options, message):
    with pytest.raises(InputError, match=message):
        load("digits", **options)
