"""The units that bend the boundary in `experiments/trials_2d.py`, counted by hand."""

import runpy

import numpy as np

from jaxnn.discover import experiment_files


def test_units_that_are_on_for_some_points_only():
    count_bends = runpy.run_path(str(experiment_files()["trials_2d"]))["count_bends"]
    x = np.array([[-1.0, 0.0], [1.0, 0.0]])
    # Two seeds of three units: x1 > 0 for one point; x1 + 2 for both; x1 - 2 for none.
    kernel = np.array([[[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]]] * 2)
    bias = np.array([[0.0, 2.0, -2.0], [0.5, -0.5, 0.0]])
    np.testing.assert_array_equal(count_bends({"kernel": kernel, "bias": bias}, x), [1, 3])
