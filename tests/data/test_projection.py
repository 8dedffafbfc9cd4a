"""Principal components against scikit-learn's PCA, and on their way through files."""

import dataclasses
import json

import numpy as np
import pytest
from sklearn.decomposition import PCA

from jaxnn.data import (
    DataInfo,
    components_of,
    from_arrays,
    load,
    merge,
    prepare_inputs,
    principal_components,
    project,
    restore,
)
from jaxnn.data import projection as projection_module
from jaxnn.errors import InputError
from jaxnn.saved.inputs import read_any_inputs
from jaxnn.study.reading import read_value


@pytest.fixture(scope="module")
def plain():
    return load("digits")


@pytest.fixture(scope="module")
def projected():
    return load("digits", pca=10)


def flat(x):
    return x.reshape(len(x), -1) / 16


def test_components_are_sklearns_whitened_ones_of_the_training_rows(plain, projected):
    """Its full SVD in float64; the sign of a component is nobody's."""
    oracle = PCA(10, whiten=True, svd_solver="full").fit(flat(plain.train.x))
    for name in ("train", "validation", "test"):
        expected = oracle.transform(flat(getattr(plain, name).x))
        found = getattr(projected, name).x
        assert (found.dtype, found.shape) == (np.float32, expected.shape)
        signs = np.sign((found * expected).sum(0))
        np.testing.assert_allclose(found * signs, expected, atol=1e-4)
        np.testing.assert_array_equal(getattr(projected, name).y, getattr(plain, name).y)
    np.testing.assert_allclose(projected.train.x.std(0, ddof=1), 1, rtol=1e-4)


def test_the_way_back_is_sklearns(plain, projected):
    oracle = PCA(10, svd_solver="full").fit(flat(plain.train.x))
    expected = oracle.inverse_transform(oracle.transform(flat(plain.test.x)))
    np.testing.assert_allclose(restore(projected.test.x, components_of(projected.info)), expected, atol=1e-5)


def test_all_components_lose_nothing_even_where_pixels_never_vary(plain):
    """Three of the 64 pixels of the digits are always 0: 61 directions vary."""
    components = principal_components(plain.train.x, scale=1 / 16)
    assert (components.deviations == 1).sum() == 3
    z = project(plain.train.x, components, scale=1 / 16)
    assert np.abs(z).max() < 30
    np.testing.assert_allclose(restore(z, components), flat(plain.train.x), atol=1e-5)


def test_new_inputs_are_projected_as_the_training_rows_were(plain, projected, tmp_path):
    """From an array, an .npy file and a table; after the data's description went through JSON."""
    text = json.dumps(dataclasses.asdict(projected.info))
    info = read_value("data", json.loads(text), DataInfo)
    assert info == projected.info
    np.testing.assert_array_equal(prepare_inputs(plain.test.x, info), projected.test.x)
    np.save(tmp_path / "new.npy", plain.test.x)
    rows = plain.test.x.reshape(-1, 64)
    np.savetxt(tmp_path / "new.csv", rows, fmt="%d", delimiter=",")
    for file in ("new.npy", "new.csv"):
        np.testing.assert_allclose(read_any_inputs(tmp_path / file, info), projected.test.x, atol=1e-6)
    np.save(tmp_path / "few.npy", rows[:, :10])
    with pytest.raises(InputError, match="must hold inputs of `digits`, 64 numbers each"):
        read_any_inputs(tmp_path / "few.npy", info)


def test_a_table_is_mapped_standardised_and_then_projected(tmp_path):
    options = {"num_examples": 90, "features": ("x1", "x2", "x1x2"), "standardize": True}
    whole, data = load("moons", **options), load("moons", **options, pca=2)
    oracle = PCA(2, whiten=True).fit(whole.train.x)
    signs = np.sign((oracle.transform(whole.train.x) * data.train.x).sum(0))
    np.testing.assert_allclose(data.test.x * signs, oracle.transform(whole.test.x), atol=1e-4)
    points = load("moons", num_examples=90).test.x
    np.testing.assert_allclose(prepare_inputs(points, data.info), data.test.x, atol=1e-5)


def test_columns_keep_their_names_and_order_before_a_projection(tmp_path):
    x = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    (tmp_path / "train.csv").write_text(
        "a,b,c,label\n" + "\n".join(",".join(map(str, [*row, i % 2])) for i, row in enumerate(x))
    )
    info = load("csv", path=tmp_path / "train.csv", pca=2).info
    assert info.feature_names == ("component 1", "component 2")
    (tmp_path / "new.csv").write_text("b,a,c\n1,2,3\n4,5,6\n")
    with pytest.raises(InputError, match="column 0 must be `a`; got `b`"):
        read_any_inputs(tmp_path / "new.csv", info)
    (tmp_path / "new.csv").write_text("a,b,c\n1,2,3\n4,5,6\n")
    assert read_any_inputs(tmp_path / "new.csv", info).shape == (2, 2)


def test_hashes_are_of_what_was_projected(plain, projected):
    """The same on every machine, whatever its linear algebra rounds to."""
    assert projected.info.sha256 == plain.info.sha256


def test_merging_keeps_the_projection(projected):
    both = merge(projected)
    np.testing.assert_array_equal(both.train.x, np.concatenate([projected.train.x, projected.validation.x]))
    assert both.info.projection == projected.info.projection
    assert both.info.sha256["train.y"] != projected.info.sha256["train.y"]


def test_one_decomposition_serves_every_number_of_components():
    projection_module._decompose.cache_clear()
    for count in (2, 5, 20):
        load("digits", pca=count, data_seed=7)
    assert projection_module._decompose.cache_info().misses == 1
    load("digits", pca=2, data_seed=8)
    assert projection_module._decompose.cache_info().misses == 2


@pytest.mark.parametrize("count", [0, 65, 2.0, True])
def test_a_number_of_components_that_cannot_be_had(count):
    with pytest.raises(InputError, match="`pca` must be a whole number from 1 to 64, for 1079 training rows of 64"):
        load("digits", pca=count)


def test_a_set_without_a_projection_has_no_components(plain):
    with pytest.raises(InputError, match="`digits` was loaded without `pca`"):
        components_of(plain.info)
    few = from_arrays(np.random.default_rng(0).normal(size=(9, 4)), np.arange(9) % 2)
    assert few.info.projection == ""
