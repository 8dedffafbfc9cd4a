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
    ("rows", "expected"),
    [
        (["000", "000"], 1),
        (["001", "011"], 2),
        (["010", "101"], 6),  # corners do not touch
        (["1111", "1001", "1021", "1111"], 3),
    ],
)
def test_count_regions(depth, rows, expected):
    assert depth["count_regions"](np.array([list(map(int, row)) for row in rows])) == expected


def test_claims_are_counted_by_setting(depth):
    regions = xr.DataArray([[2, 2, 3], [1, 2, 1]], {"activation": ["tanh", "relu"], "seed": [0, 1, 2]})
    assert depth["islands"](regions, 2).endswith("classes: activation tanh: 1 of 3.")
    assert depth["no_boundary"](regions).endswith("all: activation relu: 2 of 3.")
    rise = xr.DataArray([[0.1, 0.1, 0.11], [0.0, 0.1, 0.0]], regions.coords)
    # 0.1033 +- 0.0143 (t of 2 degrees of freedom: 4.303) is above 0; 0.0333 +- 0.1434 is not.
    assert depth["overfits"](rise).endswith("in: activation tanh (+0.103).")
