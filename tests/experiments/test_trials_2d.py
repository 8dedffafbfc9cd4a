"""The units that bend the boundary in `experiments/trials_2d.py`, counted by hand."""

import runpy

import numpy as np
import xarray as xr

from jaxnn.discover import experiment_files


def test_units_that_are_on_for_some_points_only():
    count_bends = runpy.run_path(str(experiment_files()["trials_2d"]))["count_bends"]
    x = np.array([[-1.0, 0.0], [1.0, 0.0]])
    # Two seeds of three units: x1 > 0 for one point; x1 + 2 for both; x1 - 2 for none.
    kernel = np.array([[[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]]] * 2)
    bias = np.array([[0.0, 2.0, -2.0], [0.5, -0.5, 0.0]])
    np.testing.assert_array_equal(count_bends({"kernel": kernel, "bias": bias}, x), [1, 3])


def test_note_on_where_the_trials_end():
    ending_note = runpy.run_path(str(experiment_files()["trials_2d"]))["ending_note"]
    epochs = list(range(10, 110, 10))
    losses = np.full((1, 2, 10), 0.5)
    losses[0, :, -1] = 0.4, 0.2  # after 0.5 at the record before: a fall of 20% and of 60%
    accuracy = np.full((1, 2, 10), 0.5)
    accuracy[0, :, -1] = 0.8, 0.9
    dims = ("hidden", "seed", "epoch")
    results = xr.Dataset(
        {"train_loss": (dims, losses), "val_accuracy": (dims, accuracy)},
        {"hidden": ["2"], "seed": [0, 1], "epoch": epochs},
    ).assign(diverged_at=(("hidden", "seed"), [[-1, -1]]), best_epoch=(("hidden", "seed"), [[100, 100]]))
    note = ending_note(results, 2)
    assert "0.200 to 0.400" in note
    assert "-1.00" in note
    assert "40.0%" in note
