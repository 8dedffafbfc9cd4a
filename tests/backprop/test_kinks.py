"""Where no derivative exists: the conventions, and extreme inputs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnn import backprop, losses
from jaxnn.backprop.pairs import ACTIVATIONS, LOSSES
from jaxnn.models import activation_function


@pytest.mark.parametrize(("name", "slope"), [("relu", 0.0), ("leaky_relu", 1.0), ("elu", 1.0)])
def test_slope_at_zero(name, slope):
    """The convention is also that of the function the models apply: autodiff of it is the oracle."""
    fwd, bwd = ACTIVATIONS[name]
    zeros = jnp.asarray([0.0, -0.0])
    (x_bar,) = bwd(fwd(zeros)[1], jnp.ones(2))
    np.testing.assert_array_equal(x_bar, [slope, slope])
    np.testing.assert_array_equal(jax.vmap(jax.grad(activation_function(name)))(zeros), [slope, slope])


@pytest.mark.parametrize(
    ("name", "errors", "slopes"),
    [
        ("absolute_error", [0.0, 1.0, -1.0], [0.0, 1.0, -1.0]),
        ("huber", [1.0, -1.0, 0.0, 1.5, -1.5], [1.0, -1.0, 0.0, 1.0, -1.0]),
        ("squared_error", [0.0], [0.0]),
    ],
)
def test_slope_of_losses_at_their_kinks(name, errors, slopes):
    fwd, bwd = LOSSES[name]
    outputs, targets = jnp.asarray(errors)[:, None], jnp.zeros((len(errors), 1))
    outputs_bar, targets_bar = bwd(fwd(outputs, targets)[1], jnp.ones(len(errors)))
    np.testing.assert_array_equal(outputs_bar[:, 0], slopes)
    np.testing.assert_array_equal(targets_bar[:, 0], -np.asarray(slopes))
    autodiff = jax.grad(lambda y: losses.loss_function(name)(y, targets).sum())(outputs)
    np.testing.assert_array_equal(autodiff[:, 0], slopes)


@pytest.mark.parametrize("pair", ["l1", "activity_l1"])
def test_penalties_let_a_zero_rest(pair):
    fwd, bwd = backprop.pair(pair)
    (x_bar,) = bwd(fwd(jnp.asarray([0.0, 2.0, -2.0]))[1], jnp.asarray(3.0))
    batch = 3 if pair == "activity_l1" else 1
    np.testing.assert_allclose(x_bar, np.asarray([0.0, 3.0, -3.0]) / batch)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_activations_stay_finite_far_out(name):
    fwd, bwd = ACTIVATIONS[name]
    x = jnp.asarray([[-1e4, -100.0, 100.0, 1e4]])
    y, residuals = fwd(x)
    (x_bar,) = bwd(residuals, jnp.ones_like(y))
    assert jnp.isfinite(y).all()
    assert jnp.isfinite(x_bar).all()


@pytest.mark.parametrize("name", ["softmax_cross_entropy", "sigmoid_cross_entropy"])
def test_losses_stay_finite_and_right_for_huge_logits(name):
    """By hand: for logits (1e4, -1e4) and label 1 the softmax loss is 2e4 and its gradient (1, -1)."""
    fwd, bwd = LOSSES[name]
    logits = jnp.asarray([[1e4, -1e4]])
    loss, residuals = fwd(logits, jnp.asarray([1]))
    (logits_bar, labels_bar) = bwd(residuals, jnp.ones(1))
    half = 2 if name == "sigmoid_cross_entropy" else 1  # the mean over two outputs
    np.testing.assert_allclose(loss, [2e4 / half])
    np.testing.assert_allclose(logits_bar, [[1 / half, -1 / half]])
    assert labels_bar is None


def test_attention_without_any_key_is_uniform_and_its_scores_get_no_gradient():
    query, key, value = (jax.random.normal(jax.random.key(i), (2, 3)) for i in range(3))
    y, residuals = backprop.attention_fwd(query, key, value, jnp.zeros((2, 2), bool))
    np.testing.assert_allclose(y, jnp.broadcast_to(value.mean(axis=0)[None], (2, 3)), rtol=1e-6)
    query_bar, key_bar, value_bar, _ = backprop.attention_bwd(residuals, jnp.ones((2, 3)))
    assert not query_bar.any()
    assert not key_bar.any()
    np.testing.assert_allclose(value_bar, jnp.ones((2, 3)))
