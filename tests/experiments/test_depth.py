"""What `experiments/depth.py` counts, on maps whose regions are counted by eye."""

import runpy

import numpy as np
import pytest
import xarray as xr

from jaxnn.discover import experiment_files


@pytest.fixture(scope="module")
def depth():
    return runpy.run_path(str(experiment_files()["depth"]))


@pytest.mark.parametrize(
    ("rows", "examples", "expected"),
    [
        (["000", "000"], [(0, 0), (1, 2)], 1),
        (["001", "011"], [(0, 0), (1, 2)], 2),
        (["010", "101"], [(0, 0), (0, 1), (0, 2), (1, 1)], 2),  # corners touch
        (["1111", "1001", "1021", "1111"], [(0, 0), (1, 1), (2, 2)], 3),
        (["1111", "1001", "1021", "1111"], [(0, 0), (1, 1)], 2),  # nobody is in the region of class 2
        (["10001"], [(0, 0), (0, 4), (0, 1)], 3),
    ],
)
def test_count_regions(depth, rows, examples, expected):
    cells = tuple(np.transpose(examples))
    assert depth["count_regions"](np.array([list(map(int, row)) for row in rows]), cells) == expected


def test_examples_are_in_the_nearest_cell(depth):
    assert depth["nearest"](np.linspace(-1, 1, 5), np.array([-1.0, -0.3, -0.2, 1.0])).tolist() == [0, 1, 2, 4]


def test_claims_are_counted_by_setting(depth):
    regions = xr.DataArray([[2, 2, 3], [1, 2, 1]], {"activation": ["tanh", "relu"], "seed": [0, 1, 2]})
    assert depth["islands"](regions, 2).endswith("classes: activation tanh: 1 of 3.")
    assert depth["no_boundary"](regions).endswith("points: activation relu: 2 of 3.")
    rise = xr.DataArray([[0.1, 0.1, 0.11], [0.0, 0.1, 0.0]], regions.coords)
    # 0.1033 +- 0.0143 (t of 2 degrees of freedom: 4.303) is above 0; 0.0333 +- 0.1434 is not.
    assert depth["overfits"](rise).endswith("in: activation tanh (+0.103).")
