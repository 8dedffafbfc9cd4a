"""What `experiments/linear_nets.py` multiplies out and compares with.

Oracles: the network itself on random inputs, scikit-learn's linear regression, and derivatives worked by hand.
"""

import math
import runpy

import jax
import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from jaxnn.data import from_arrays
from jaxnn.discover import experiment_files
from jaxnn.models import mlp


@pytest.fixture(scope="module")
def linear_nets():
    return runpy.run_path(str(experiment_files()["linear_nets"]))


def test_collapsed_weights_compute_what_the_network_does(linear_nets):
    model, x = (
        mlp((3, 4), 2, activation="identity"),
        np.random.default_rng(0).normal(size=(5, 2)).astype(np.float32),
    )
    params = model.init(jax.random.key(0), x)["params"]
    for position, layer in enumerate(params.values()):  # biases start at 0, and 0 would hide them
        layer["bias"] += position + 1.0
    coefficients, intercepts = linear_nets["collapse"](model, jax.tree.map(lambda leaf: leaf[None], params))
    assert coefficients.shape == (1, 2, 2)
    np.testing.assert_allclose(x @ coefficients[0] + intercepts[0], model.apply({"params": params}, x), rtol=1e-5)


def test_closed_form_is_scikit_learns(linear_nets):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(50, 2))
    y = x @ [2.0, -1.0] + 0.5 + rng.normal(size=50)
    data = from_arrays(x, y, task="regression")
    fitted = LinearRegression().fit(data.train.x.astype(np.float64), data.train.y[:, 0])
    np.testing.assert_allclose(
        linear_nets["least_squares"](data), [*fitted.coef_, fitted.intercept_], rtol=1e-6, atol=1e-8
    )


@pytest.mark.parametrize("z", [-5.0, 0.0, 2.0])
def test_gradients_of_both_losses(linear_nets, z):
    # Of softplus(z) - z: sigmoid(z) - 1.  Of (tanh z - 1)^2 / 2: (tanh z - 1) (1 - tanh^2 z).
    gradient = linear_nets["gradient"]
    assert gradient("binary_cross_entropy", z) == pytest.approx(1 / (1 + math.exp(-z)) - 1, rel=1e-5)
    expected = (math.tanh(z) - 1) / math.cosh(z) ** 2
    assert gradient("tanh_squared_error", z) == pytest.approx(expected, rel=1e-3)
