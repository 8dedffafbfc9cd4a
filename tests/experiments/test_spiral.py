"""The parts of the error in `experiments/spiral.py`, against NumPy's variance and cases worked by hand."""

import runpy

import numpy as np
import pytest

from jaxnn.discover import experiment_files


@pytest.fixture(scope="module")
def decompose():
    return runpy.run_path(str(experiment_files()["spiral"]))["decompose"]


def test_parts_sum_to_the_score(decompose):
    rng = np.random.default_rng(0)
    shares, labels = rng.dirichlet(np.ones(3), size=(4, 5, 7)), rng.integers(3, size=7)
    parts = decompose(shares, labels)
    score = np.mean([((p - np.eye(3)[labels]) ** 2).sum(-1).mean() for p in shares.reshape(20, 7, 3)])
    assert parts.score == pytest.approx(score)
    assert parts.bias + parts.data_variance + parts.seed_variance == pytest.approx(score)
    assert parts.seed_variance == pytest.approx(shares.var(1).mean(0).sum(-1).mean())
    assert parts.data_variance == pytest.approx(shares.mean(1).var(0).sum(-1).mean())


def test_each_part_alone(decompose):
    sure, labels = np.array([[1.0, 0.0]]), np.array([0])
    right, wrong = sure, sure[:, ::-1]
    assert decompose(np.array([[wrong, wrong], [wrong, wrong]]), labels) == (2, 2, 0, 0)
    # Half of them wrong: the mean is (1/2, 1/2), at a squared distance of 1/2 from the label and from each.
    assert decompose(np.array([[right, right], [wrong, wrong]]), labels) == (1, 0.5, 0.5, 0)
    assert decompose(np.array([[right, wrong], [right, wrong]]), labels) == (1, 0.5, 0, 0.5)
