"""Data that JAX would take in silence, or fail on late, is refused with a sentence that says where it is."""

import dataclasses

import numpy as np
import pytest

from jaxnn.data import Split, check_data, check_labels, from_arrays, load
from jaxnn.errors import InputError

X = np.arange(40, dtype=np.float64).reshape(20, 2)
Y = np.arange(20) % 2


def with_value(array, place, value):
    array = np.array(array, float)
    array[place] = value
    return array


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (with_value(X, (3, 1), np.nan), r"`x` must be finite: 1 of its 40 values .* \(nan\) in row 3, column 1"),
        (with_value(X, ([7, 5], [0, 1]), np.inf), r"2 of its 40 values .* \(inf\) in row 5, column 1 \(`b`\)"),
        (with_value(X, (0, 0), -np.inf), r"\(-inf\) in row 0, column 0 \(`a`\)"),
        (with_value(np.zeros((20, 2, 2, 1)), (4, 1, 0, 0), np.nan), r"in row 4, position \(1, 0, 0\)"),
        (X[:0], r"`x` must be \(n, ...\) with at least one row and one column; got the shape \(0, 2\)"),
        (X[:, :0], r"got the shape \(20, 0\)"),
        (X[:, 0], r"got the shape \(20,\)"),
        (
            with_value(X, (2, 0), 1e39),
            r"1 of its 40 values .* \(inf\) in row 2, column 0",
        ),
        (X.astype(str), "`x` must hold numbers; got <U32"),
        (X.astype(object), "`x` must hold numbers; got object"),
        (X * 1j, "`x` must hold numbers; got complex128"),
    ],
)
def test_inputs_that_cannot_be_used(x, message):
    with pytest.raises(InputError, match=message):
        from_arrays(x, Y, feature_names=("a", "b"))


@pytest.mark.parametrize(
    ("y", "options", "message"),
    [
        (
            with_value(Y, 6, -1),
            {},
            r"`y` must be in 0..1, for 2 classes: 1 of its 20 labels are not, the first \(-1.0\) in row 6",
        ),
        (np.where(Y == 1, 3, 0), {"num_classes": 3}, r"in 0..2, for 3 classes: 10 .* the first \(3\) in row 1"),
        (with_value(Y, 4, 0.5), {}, r"`y` must be whole numbers: 1 .* the first \(0.5\) in row 4"),
        (with_value(Y, 9, np.nan), {}, r"`y` must be finite: 1 .* \(nan\) in row 9"),
        (Y[:19], {}, "`y` must have one entry for each row of x, 20; got 19"),
        (Y[:0], {}, "got 0"),
        (np.int64(3), {}, "got 0"),
        (Y[:, None], {}, r"`y` must be one label a row, of shape \(20,\); got \(20, 1\)"),
        (Y.astype(str), {}, "`y` must hold whole numbers, the class labels; got <U"),
        (
            Y,
            {"class_names": ("a", "b", "c"), "num_classes": 2},
            "`class_names` must be 2 names, one a class; got 3",
        ),
        (Y, {"task": "clustering"}, "`clustering` is not a known task"),
        (Y, {"scale": 0.0}, r"`scale` must be a finite number in \(0, inf\)"),
        (with_value(Y, 2, np.nan), {"task": "regression"}, r"`y` must be finite: 1 .* in row 2"),
        (with_value(Y, 3, -1e40), {"task": "regression"}, r"`y` must be finite: 1 .* \(-inf\) in row 3"),
        (np.zeros((20, 2, 2)), {"task": "regression"}, r"one row of targets an example, of shape \(n, k\)"),
        (np.zeros((19, 2)), {"task": "regression"}, "one entry for each row of x, 20; got 19"),
    ],
)
def test_targets_that_cannot_be_used(y, options, message):
    with pytest.raises(InputError, match=message):
        from_arrays(X, y, **options)


def test_arrays_become_a_set():
    data = from_arrays(X, Y.astype(float), name="mine", class_names=("no", "yes"), validation=4, test=2, seed=1)
    assert data.info.num_classes == data.info.num_outputs == 2
    assert data.train.x.dtype == np.float32
    assert data.train.y.dtype == np.int32
    rows = np.concatenate([s.x for s in (data.train, data.validation, data.test)])
    labels = np.concatenate([s.y for s in (data.train, data.validation, data.test)])
    order = np.argsort(rows[:, 0])
    np.testing.assert_array_equal(rows[order], X)
    np.testing.assert_array_equal(labels[order], Y)


def test_targets_get_a_column_and_images_keep_their_bytes():
    images = np.arange(20 * 16, dtype=np.uint8).reshape(20, 4, 4, 1)
    data = from_arrays(images, np.linspace(0, 1, 20), task="regression", scale=1 / 255)
    assert data.train.x.dtype == np.uint8
    assert data.train.y.shape == (12, 1)
    assert (data.info.num_classes, data.info.num_outputs) == (None, 1)


def test_a_single_label_stays_a_single_row_check():
    """The largest label decides the number of classes: label 2 alone makes three of them."""
    assert from_arrays(X, np.full(20, 2)).info.num_classes == 3


@pytest.mark.parametrize(
    ("split", "changed", "message"),
    [
        ("train", lambda s: Split(s.x[:0], s.y[:0]), "`train` must have at least one row; got 0"),
        ("test", lambda s: Split(s.x, s.y + 2), r"`test.y` must be in 0..2"),
        ("validation", lambda s: Split(s.x, s.y[1:]), "`validation.y` must have one entry for each row"),
        ("validation", lambda s: Split(s.x[:, :1], s.y), r"`validation.x` must have the shape \(n, 2\) of `blobs`"),
    ],
)
def test_hand_made_data_are_checked_split_by_split(split, changed, message):
    data = load("blobs")
    check_data(data)
    broken = dataclasses.replace(data, **{split: changed(getattr(data, split))})
    with pytest.raises(InputError, match=message):
        check_data(broken)


def test_labels_of_every_whole_type_pass():
    for kind in (np.int32, np.uint8, np.float32, np.int64):
        check_labels(np.array([0, 2, 1], kind), num_rows=3, num_classes=3)
