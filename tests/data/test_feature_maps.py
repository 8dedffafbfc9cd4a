"""Feature maps and standardisation, against each formula in Python and against float64 NumPy."""

import math

import numpy as np
import pytest

from jaxnn.data import FEATURES, load, map_features
from jaxnn.errors import InputError

ALL = ("x1", "x2", "x1sq", "x2sq", "x1x2", "sinx1", "sinx2")


def test_each_column_is_the_formula_of_its_name():
    x = np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)
    mapped = map_features(x, ALL)
    assert mapped.dtype == np.float32
    for (a, b), row in zip(x.tolist(), mapped.tolist(), strict=True):
        assert row == pytest.approx([a, b, a * a, b * b, a * b, math.sin(a), math.sin(b)], rel=1e-6)


def test_every_feature_is_spelt_without_a_character_that_a_shell_expands():
    assert set(FEATURES) == set(ALL)
    assert all(name.isalnum() for name in FEATURES)


def test_columns_come_in_the_order_asked_for():
    x = np.array([[2.0, 3.0]], np.float32)
    np.testing.assert_array_equal(map_features(x, ("x2", "x1sq", "x1")), [[3.0, 4.0, 2.0]])


def test_a_set_loads_with_its_features():
    plain, mapped = load("circle"), load("circle", features=("x1sq", "x2sq"))
    np.testing.assert_array_equal(mapped.test.x, plain.test.x**2)
    np.testing.assert_array_equal(mapped.test.y, plain.test.y)
    assert mapped.info.input_shape == (2,)
    assert mapped.info.feature_names == mapped.info.features == ("x1sq", "x2sq")


def test_standardising_uses_the_training_rows_alone():
    """Oracle: (x - mean) / std in float64, both of the training rows of the plain set."""
    plain, scaled = load("blobs", data_seed=3), load("blobs", data_seed=3, standardize=True)
    train = plain.train.x.astype(np.float64)
    mean, std = train.mean(axis=0), train.std(axis=0)
    for name in ("train", "validation", "test"):
        expected = (getattr(plain, name).x - mean) / std
        np.testing.assert_allclose(getattr(scaled, name).x, expected, atol=1e-6)
        assert getattr(scaled, name).x.dtype == np.float32
    np.testing.assert_allclose(scaled.info.feature_mean, mean)
    np.testing.assert_allclose(scaled.info.feature_std, std)


def test_features_are_mapped_before_they_are_standardised():
    data = load("gauss", features=("x1sq", "x1x2"), standardize=True)
    np.testing.assert_allclose(data.train.x.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(data.train.x.std(axis=0), 1, atol=1e-5)


def test_a_constant_column_becomes_zeros(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("".join(f"{i},7.5,{i % 2}\n" for i in range(10)))
    data = load("csv", path=path, standardize=True, validation=0, test=0)
    np.testing.assert_array_equal(data.train.x[:, 1], np.zeros(10))
    assert data.info.feature_std[1] == 1


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("moons", {"features": ("sin_x1",)}, "`sin_x1` is not a known feature: did you mean `sinx1`"),
        ("moons", {"features": ("x1", "x2", "x1")}, "`features` must name each feature once; got `x1` 2 times"),
        ("moons", {"features": "x1"}, "`features` must be a sequence of one or more names; got 'x1'"),
        ("digits", {"features": ("x1",)}, "`features` must be left out for `digits`"),
        ("digits", {"standardize": True}, "`standardize` must be left out for `digits`"),
    ],
)
def test_features_that_do_not_fit_are_refused(name, options, message):
    with pytest.raises(InputError, match=message):
        load(name, **options)
