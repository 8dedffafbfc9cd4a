"""What docs/gradients.md claims: its formulas against jax.grad, its code as it stands."""

import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnn.backprop.check import DIFFERENCES_TOLERANCE, FLOAT32_TOLERANCE, FLOAT64_TOLERANCE, SMALLEST_SLOPE

TEXT = (Path(__file__).parents[2] / "docs" / "gradients.md").read_text()


def test_code_of_the_document_runs():
    blocks = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    (complete,) = [block for block in blocks if block.startswith("import")]
    exec(complete, {})


def test_tolerances_of_the_document():
    table = TEXT[TEXT.index("| check | passes if |") :]
    written = [float(number) for number in re.findall(r"(?:below|slope) ([\d.e-]+\d)", table)]
    assert written == [
        FLOAT64_TOLERANCE,
        FLOAT64_TOLERANCE,
        FLOAT32_TOLERANCE,
        DIFFERENCES_TOLERANCE,
        SMALLEST_SLOPE,
    ]


@pytest.fixture(autouse=True)
def in_float64():
    with jax.enable_x64(True):
        yield


def test_three_layers_written_out():
    rng = np.random.default_rng(0)
    x, w1, w2, w3, delta3 = (jnp.asarray(rng.normal(size=s)) for s in ((5, 2), (2, 3), (3, 4), (4, 2), (5, 2)))
    loss = lambda w1: jnp.vdot(delta3, jnp.tanh(jnp.tanh(x @ w1) @ w2) @ w3)
    z1 = x @ w1
    z2 = jnp.tanh(z1) @ w2
    slope = lambda z: 1 - jnp.tanh(z) ** 2
    np.testing.assert_allclose(
        x.T @ (((delta3 @ w3.T * slope(z2)) @ w2.T) * slope(z1)), jax.grad(loss)(w1), rtol=1e-10
    )


def test_autoencoder_of_relus():
    rng = np.random.default_rng(1)
    x, w, u = (jnp.asarray(rng.uniform(-1, 1, size=s)) for s in ((1, 6), (6, 3), (3, 6)))
    b, c = jnp.asarray(rng.normal(size=3)), jnp.asarray(rng.normal(size=6))

    def loss(w, b, u, c):
        h = jax.nn.relu(x @ w + b[None])
        return ((jax.nn.relu(h @ u + c[None]) - x) ** 2).mean()

    z = x @ w + b[None]
    h = jax.nn.relu(z)
    out = h @ u + c[None]
    out_bar = 2 / 6 * (jax.nn.relu(out) - x) * (out > 0)
    z_bar = (z > 0) * (out_bar @ u.T)
    assert 0 < (out > 0).sum() < 6  # some pixels are dead, some alive
    wanted = jax.grad(loss, (0, 1, 2, 3))(w, b, u, c)
    for found, true in zip((x.T @ z_bar, z_bar[0], h.T @ out_bar, out_bar[0]), wanted, strict=True):
        np.testing.assert_allclose(found, true, rtol=1e-10, atol=1e-15)


def test_linear_network_of_two_layers_collapses():
    w1, w2, w3, w4, w5, w6 = w = jnp.asarray(np.random.default_rng(2).normal(size=6))
    beta = lambda w: jnp.stack([w[0] * w[4] + w[1] * w[5], w[2] * w[4] + w[3] * w[5]])
    x = jnp.asarray([[0.3, -1.2]])
    network = x @ jnp.stack([jnp.stack([w1, w2]), jnp.stack([w3, w4])]) @ jnp.stack([w5, w6])
    np.testing.assert_allclose(x @ beta(w), network, rtol=1e-12)
    b1, b2 = beta_bar = jnp.asarray([0.7, -0.4])
    grad = jax.vjp(beta, w)[1](beta_bar)[0]
    np.testing.assert_allclose(grad[jnp.asarray([0, 4])], [w5 * b1, w1 * b1 + w3 * b2], rtol=1e-12)
    np.testing.assert_array_equal(jax.vjp(beta, 0 * w)[1](beta_bar)[0], 0 * w)  # a saddle at zero


def test_sigmoid_under_squared_error_hardly_learns_when_wrong_and_certain():
    squared = lambda z, t: (jax.nn.sigmoid(z) - t) ** 2
    z = jnp.asarray(-8.0)
    p = jax.nn.sigmoid(z)
    np.testing.assert_allclose(jax.grad(squared)(z, 1.0), 2 * (p - 1) * p * (1 - p), rtol=1e-12)
    assert abs(jax.grad(squared)(z, 1.0)) < 1e-3
