"""Splits and folds by their promises: exact, disjoint, complete, stratified, reproducible."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxnn.data import kfold_indices, split_indices
from jaxnn.errors import InputError

seeds = st.integers(-(2**70), 2**70)
label_arrays = st.lists(st.integers(0, 6), min_size=4, max_size=200).map(np.array)


@st.composite
def labels_and_counts(draw):
    y = draw(label_arrays)
    test = draw(st.integers(0, len(y) - 1))
    return y, draw(st.integers(0, len(y) - 1 - test)), test


@given(labels_and_counts(), seeds)
def test_counts_are_exact_and_every_row_is_used_once(case, seed):
    y, validation, test = case
    split = split_indices(y, validation=validation, test=test, seed=seed)
    assert [len(rows) for rows in split] == [len(y) - validation - test, validation, test]
    np.testing.assert_array_equal(np.sort(np.concatenate(split)), np.arange(len(y)))


@given(labels_and_counts(), seeds)
def test_each_class_is_within_one_row_of_its_share(case, seed):
    """The share of class c in a draw of m rows out of n is m * n_c / n; the validation draw is from the rest."""
    y, validation, test = case
    split = split_indices(y, validation=validation, test=test, seed=seed)

    def assert_within_one(drawn, pool):
        of_drawn, of_pool = (np.bincount(y[rows], minlength=7) for rows in (drawn, pool))
        assert np.all(np.abs(of_drawn - len(drawn) * of_pool / len(pool)) < 1)

    assert_within_one(split.test, np.arange(len(y)))
    assert_within_one(split.validation, np.concatenate([split.train, split.validation]))


@given(labels_and_counts(), seeds)
def test_the_same_seed_gives_the_same_rows(case, seed):
    y, validation, test = case
    first, second = (split_indices(y, validation=validation, test=test, seed=seed) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def test_other_seeds_give_other_rows():
    """Seeds that a careless derivation would merge: signs, and differences of powers of two."""
    y = np.arange(1000) % 10
    drawn = {
        tuple(split_indices(y, validation=100, test=100, seed=s).test) for s in (0, 1, -1, 2**32, 2**32 + 1, 2**64)
    }
    assert len(drawn) == 6


def test_test_rows_depend_on_neither_the_validation_size_nor_the_training_size():
    y = np.arange(100) % 3
    one = split_indices(y, validation=10, test=20, seed=5)
    other = split_indices(y, validation=40, test=20, train=7, seed=5)
    np.testing.assert_array_equal(one.test, other.test)


def test_shares_are_of_all_rows():
    split = split_indices(np.zeros(1797, int), validation=0.2, test=0.1, seed=0)
    assert [len(rows) for rows in split] == [1797 - 359 - 180, 359, 180]


def test_a_limited_training_set_is_a_stratified_part_of_the_whole_one():
    y = np.repeat([0, 1, 2], [50, 30, 20])
    split = split_indices(y, validation=10, test=10, train=40, seed=1)
    whole = split_indices(y, validation=10, test=10, seed=1)
    assert set(split.train) <= set(whole.train)
    np.testing.assert_array_equal(np.bincount(y[split.train]), [20, 12, 8])


def test_every_row_is_as_likely_as_any_other():
    """Binomial: over 400 seeds a row is in a test set of a quarter 100 times, deviation sqrt(400 * 3/16) = 8.7."""
    y = np.repeat([0, 1], [40, 40])
    times = np.zeros(80)
    for seed in range(400):
        times[split_indices(y, validation=0, test=20, seed=seed).test] += 1
    assert np.abs(times - 100).max() < 5 * 8.7
    assert times.std() > 4  # and not by dealing them out in turn


def test_real_targets_are_divided_without_classes():
    split = split_indices(np.linspace(0, 1, 50)[:, None], validation=10, test=5, seed=3)
    assert [len(rows) for rows in split] == [35, 10, 5]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"validation": 60, "test": 40}, r"`validation` and `test` must leave training rows: 60 \+ 40 of 100 rows"),
        ({"validation": 101, "test": 0}, "`validation` must be a count from 0 to the 100 rows there are; got 101"),
        ({"validation": 0, "test": -1}, "`test` must be a count from 0 .* got -1"),
        (
            {"validation": 1.5, "test": 0},
            r"`validation` must be a count \(an int\) or a share in \[0, 1\); got 1.5",
        ),
        ({"validation": float("nan"), "test": 0}, "got nan"),
        ({"validation": True, "test": 0}, "got True"),
        ({"validation": "10", "test": 0}, "got '10'"),
        (
            {"validation": 0.001, "test": 0},
            "`validation` must be at least one row: a share of 0.001 of 100 rows is 0",
        ),
        ({"validation": 0.9, "test": 0.1}, "leave training rows"),
        (
            {"validation": 10, "test": 10, "train": 81},
            "`train` must be a count from 1 to the 80 rows there are; got 81",
        ),
        ({"validation": 10, "test": 10, "train": 0}, "`train` must be a count from 1"),
        ({"validation": 10, "test": 10, "seed": 1.0}, "`seed` must be an integer; got 1.0"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        split_indices(np.zeros(100, int), **options)


@given(label_arrays, st.data(), seeds)
def test_folds_are_balanced_and_cover_every_row_once(y, data, seed):
    num_folds = data.draw(st.integers(2, len(y)))
    folds = kfold_indices(y, num_folds=num_folds, seed=seed)
    np.testing.assert_array_equal(np.sort(np.concatenate([held for _, held in folds])), np.arange(len(y)))
    for train, held in folds:
        np.testing.assert_array_equal(np.sort(np.concatenate([train, held])), np.arange(len(y)))
    sizes = np.array([len(held) for _, held in folds])
    of_class = np.array([np.bincount(y[held], minlength=7) for _, held in folds])
    assert np.ptp(sizes) <= 1
    assert np.ptp(of_class, axis=0).max() <= 1


@pytest.mark.parametrize("num_folds", [1, 11, 2.0, True])
def test_an_impossible_number_of_folds_is_refused(num_folds):
    with pytest.raises(InputError, match="`num_folds` must be an integer from 2 to the number of rows, 10"):
        kfold_indices(np.zeros(10, int), num_folds=num_folds)
