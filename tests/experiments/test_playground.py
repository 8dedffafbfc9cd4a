"""What `experiments/playground.py` reads out of its results, on arrays whose answer is seen."""

import runpy

import numpy as np
import pytest
import xarray as xr

from jaxnn.discover import experiment_files


@pytest.fixture(scope="module")
def playground():
    return runpy.run_path(str(experiment_files()["playground"]))


def test_epochs_to_reach_is_the_first_and_none_where_never(playground):
    losses = xr.DataArray(
        [[[0.5, 0.001, 0.2]], [[0.0005, 0.3, 0.3]], [[0.1, 0.1, np.nan]]],
        {"activation": ["relu", "tanh", "sigmoid"], "seed": [0], "epoch": [5, 10, 15]},
    )
    np.testing.assert_array_equal(playground["epochs_to_reach"](losses, 0.001).values, [[10], [5], [np.nan]])


def test_soonest_asks_for_all_seeds(playground):
    coords = {"activation": ["relu", "tanh"], "hidden": ["5-5", "10-10"], "seed": [0, 1]}
    epochs = xr.DataArray([[[5, np.nan], [40, 60]], [[30, 50], [90, 95]]], coords)
    assert playground["soonest"](epochs) == "soonest tanh 5-5, after 40 epochs on average"
    assert playground["soonest"](epochs * np.nan) == "no shape with all its seeds"


def test_strength_of_a_feature_is_the_norm_of_its_weights(playground):
    kernel = np.array([[[3.0, 4.0], [0.0, 0.0], [0.0, -2.0]]])  # one seed, three features, two units
    np.testing.assert_allclose(playground["feature_strengths"]({"layers_1": {"kernel": kernel}}), [[5, 0, 2]])


def test_penalties_are_playgrounds(playground):
    # Playground adds rate * 0.01 * w for L2, the derivative of 0.01 w^2 / 2; ours adds rate * 2 l2 w.
    assert 2 * playground["PENALTIES"]["L2"]["l2"] == 0.01
    assert playground["PENALTIES"]["L1"]["l1"] == 0.01


def test_losses_are_read_after_the_epochs_of_each_problem(playground):
    epochs = list(range(2, 701, 2))
    losses = xr.DataArray(
        np.tile(np.array(epochs, float), (2, 1, 1)),
        {"problem": ["spiral", "circle"], "seed": [0], "epoch": epochs},
    )
    assert playground["after_epochs"](losses).transpose("problem", "seed").values.tolist() == [[700], [306]]
    assert playground["after_epochs"](losses.sel(epoch=slice(2, 70))).values.ravel().tolist() == [70, 30]
