"""Whole networks by hand; the oracle is jax.value_and_grad of the objective that training differentiates.

The layers of the models have hand-derived VJPs within; here JAX's own operations stand in their places, so that
autodiff shares nothing with what it is compared to.
"""

import functools
import math

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from jaxnn import backprop, losses, models
from jaxnn.backprop.check_model import check_model, model_examples
from jaxnn.backprop.passes import backward, forward
from jaxnn.backprop.point import largest_error
from jaxnn.errors import InputError
from jaxnn.optim import make_optimizer, make_schedule, resolve_hparams
from jaxnn.train import autodiff_value_and_grad, init_state, make_train_step
from jaxnn.types import Batch, Hparams

_jit = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})


def plain_conv2d(x, kernel, *, strides, padding):
    return lax.conv_general_dilated(x, kernel, strides, padding, dimension_numbers=("NHWC", "HWIO", "NHWC"))


def plain_window(x, start, operation, window, strides, padding):
    padding = padding if isinstance(padding, str) else ((0, 0), *padding, (0, 0))
    return lax.reduce_window(x, start, operation, (1, *window, 1), (1, *strides, 1), padding)


def plain_max_pool(x, window, *, strides, padding):
    return plain_window(x, -jnp.inf, lax.max, window, strides, padding)


def plain_avg_pool(x, window, *, strides, padding, count_padding):
    total = plain_window(x, 0.0, lax.add, window, strides, padding)
    cells = plain_window(jnp.ones_like(x), 0.0, lax.add, window, strides, padding)
    return total / (math.prod(window) if count_padding else cells)


def plain_batch_norm(x, scale, bias, epsilon):
    axes = tuple(range(x.ndim - 1))
    mean, var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    scale, bias = scale.reshape(mean.shape), bias.reshape(mean.shape)
    return (x - mean) / jnp.sqrt(var + epsilon) * scale + bias, mean.ravel(), var.ravel()


@pytest.fixture(autouse=True)
def plain_layers(monkeypatch):
    plain = {
        "matmul": jnp.matmul,
        "conv2d": plain_conv2d,
        "max_pool": plain_max_pool,
        "avg_pool": plain_avg_pool,
        "batch_norm": plain_batch_norm,
    }
    for name, function in plain.items():
        monkeypatch.setattr(f"jaxnn.models.layers.{name}", function)


def in_double(tree):
    return jax.tree.map(lambda a: jnp.asarray(a, jnp.float64) if jnp.issubdtype(a.dtype, jnp.floating) else a, tree)


def both_ways(model, loss, batch, hparams):
    """(objective, (metrics, batch_stats)) and the gradients, by hand and by autodiff, in float64."""
    variables = _jit(model.init)(jax.random.key(0), batch.x)
    with jax.enable_x64(True):
        params, stats, batch = in_double((variables["params"], variables.get("batch_stats", {}), batch))
        arguments = (params, stats, batch, jax.random.key(1), hparams)
        ways = (backprop.value_and_grad, autodiff_value_and_grad)
        return [jax.tree.map(np.asarray, _jit(way(model, loss))(*arguments)) for way in ways]


def assert_equal_ways(by_hand, by_autodiff):
    assert jax.tree.structure(by_hand) == jax.tree.structure(by_autodiff)
    for (path, found), wanted in zip(
        jax.tree_util.tree_leaves_with_path(by_hand[0]), jax.tree.leaves(by_autodiff[0]), strict=True
    ):
        assert found.dtype == wanted.dtype, path
        np.testing.assert_allclose(found, wanted, rtol=1e-12, err_msg=str(path))
    assert largest_error(jax.tree.leaves(by_hand[1]), jax.tree.leaves(by_autodiff[1])) < 1e-10


@pytest.mark.parametrize("name", model_examples())
def test_every_kind_of_network_agrees_with_autodiff(name):
    """Objective, metrics, moved batch statistics and gradients; all penalties, smoothing and dropout among them."""
    example = model_examples()[name]()
    assert_equal_ways(*both_ways(example.model, example.loss, example.batch, example.hparams))


@pytest.mark.parametrize("name", losses.LOSSES)
def test_every_loss_agrees_with_autodiff(name):
    num_outputs = 1 if name in losses.ONE_LOGIT else 3
    layers = [
        models.Conv(3, (2, 3), strides=(2, 1), padding=((1, 0), (0, 2)), use_bias=False),
        models.Activation("leaky_relu"),
        models.AvgPool((2, 2), strides=(1, 1), padding="SAME", count_padding=True),
        models.Flatten(),
        models.Dense(4, use_bias=False),
        models.Dropout(0.25),
        models.Activation("softmax"),
        models.Dense(num_outputs),
    ]
    x = jax.random.normal(jax.random.key(2), (5, 6, 5, 2))
    batch = Batch(x, jnp.asarray([0, 2, 1, 2, 1]) % max(2, num_outputs))
    hparams = Hparams(activity_l1=0.1, l1=0.01)
    assert_equal_ways(*both_ways(models.network(layers), losses.LOSSES[name], batch, hparams))


def test_a_run_by_hand_follows_the_run_by_autodiff():
    """100 steps of Adam with batch norm, dropout and smoothing: they part by rounding error only."""
    model = models.mlp((8, 8), 3, activation="tanh", batch_norm=True, dropout=True)
    schedule = make_schedule("constant", total_steps=100, steps_per_epoch=10)
    optimizer = make_optimizer("adam", schedule)
    hparams = resolve_hparams(
        Hparams(learning_rate=0.01, dropout_rate=0.2, label_smoothing=0.1), optimizer="adam", schedule="constant"
    )
    x = jax.random.normal(jax.random.key(0), (32, 2))
    batch = Batch(x, (x[:, 0] * x[:, 1] > 0).astype(jnp.int32))
    with jax.enable_x64(True):
        batch = in_double(batch)
        start = in_double(init_state(model, optimizer, jax.random.key(1), batch.x, hparams))

        def run(value_and_grad):
            step = make_train_step(model, losses.softmax_cross_entropy, optimizer, value_and_grad=value_and_grad)
            steps = lambda state, _: step(state, batch, jax.random.key(2), hparams)
            return jax.jit(lambda state: jax.lax.scan(steps, state, length=100))(start)

        (by_hand, metrics), (by_autodiff, _) = run(backprop.value_and_grad), run(autodiff_value_and_grad)
        assert metrics["loss"][-1] < metrics["loss"][0]
        leaves = zip(jax.tree.leaves(by_hand), jax.tree.leaves(by_autodiff), strict=True)
        # Adam divides a gradient that is 0 by its own size, so only what moves is compared.
        for found, wanted in leaves:
            np.testing.assert_allclose(found, wanted, rtol=1e-8, atol=1e-8)


def test_a_population_is_its_members_one_by_one():
    model = models.cnn(("conv:3:3", "batchnorm", "relu", "maxpool", "dropout"), 3)
    grad_fn = backprop.value_and_grad(model, losses.softmax_cross_entropy)
    batch = Batch(jax.random.normal(jax.random.key(0), (4, 6, 6, 1)), jnp.asarray([0, 1, 2, 1]))
    variables = jax.vmap(model.init, (0, None))(jax.random.split(jax.random.key(1), 3), batch.x)
    keys = jax.random.split(jax.random.key(2), 3)
    numbers = {"l2": [0.0, 0.1, 0.2], "dropout_rate": [0.1, 0.5, 0.3], "learning_rate": [1.0, 1.0, 1.0]}
    hparams = Hparams(**{name: jnp.asarray(values) for name, values in numbers.items()})

    def member(params, stats, key, hparams):
        return grad_fn(params, stats, batch, key, hparams)

    arguments = (variables["params"], variables["batch_stats"], keys, hparams)
    together = _jit(jax.vmap(member))(*arguments)
    alone = _jit(lambda *members: jax.lax.map(lambda one: member(*one), members))(*arguments)
    assert jax.tree.structure(together) == jax.tree.structure(alone)
    # The gradient of the bias before the batch norm is 0, in float32 to seven digits of the others.
    assert largest_error(jax.tree.leaves(together[1]), jax.tree.leaves(alone[1]), zero=1e-5) < 1e-5


def test_dropout_by_hand_drops_the_units_that_the_model_drops():
    model = models.network([models.Dropout(0.5)])
    x = jnp.ones((4, 5))
    key = jax.random.key(3)
    passes = forward(model.layers, {}, {}, x, models.Mode(train=True, key=key))
    np.testing.assert_array_equal(passes.outputs, model.apply({}, x, models.Mode(train=True, key=key)))
    x_bar, _ = backward(passes.layers, x)
    np.testing.assert_array_equal(x_bar, passes.outputs)  # ones through a diagonal matrix, either way


def test_own_loss_as_a_pair():
    """A loss of the user's own, -log of the probability of class 0, given as its pair."""

    def fwd(outputs, targets):
        log_p = jax.nn.log_softmax(outputs)
        return -log_p[:, 0], log_p

    def bwd(log_p, losses_bar):
        return losses_bar[:, None] * (jnp.exp(log_p) - jnp.eye(log_p.shape[1])[:1]), None

    model = models.mlp((3,), 4)
    batch = Batch(jnp.ones((2, 2)), jnp.zeros((2, 4)))
    params = model.init(jax.random.key(0), batch.x)["params"]
    _, grads = backprop.value_and_grad(model, backprop.Pair(fwd, bwd))(
        params, {}, batch, jax.random.key(0), Hparams()
    )
    wanted = jax.grad(lambda params: fwd(model.apply({"params": params}, batch.x), None)[0].mean())(params)
    assert largest_error(jax.tree.leaves(grads), jax.tree.leaves(wanted)) < 1e-6


def test_layers_and_losses_without_a_pair_are_named():
    with pytest.raises(
        InputError, match=r"layer 1 of the network, `LayerNorm`, has no hand-derived pair.*`Dense`, `Conv`"
    ):
        backprop.value_and_grad(models.network([models.Dense(2), nn.LayerNorm()]), losses.squared_error)
    with pytest.raises(InputError, match=r"the loss `mine` has no hand-derived pair.*`huber`.*Give `backprop.Pair"):
        backprop.value_and_grad(models.linear(2), mine)


def mine(outputs, targets):
    return (outputs - targets).sum(axis=1)


def test_shapes_that_do_not_fit_name_the_layer():
    model = models.network([models.Dense(3), models.Dense(2)])
    params = {name: {"kernel": jnp.ones((4, 3)), "bias": jnp.ones(3)} for name in ("layers_0", "layers_1")}
    grad_fn = backprop.value_and_grad(model, losses.squared_error)
    with pytest.raises(
        InputError, match=r"layer 1 of the network, Dense: `dense` needs .* `x` \(2, 3\), `kernel` \(4, 3\)"
    ):
        grad_fn(params, {}, Batch(jnp.ones((2, 4)), jnp.ones((2, 3))), jax.random.key(0), Hparams())


def test_check_model_accuses_a_network_that_is_wrong(monkeypatch):
    """One layer's backward pass is damaged: the whole must fail."""
    assert check_model("linear").verdict == "pass"
    monkeypatch.setattr("jaxnn.backprop.passes.dense_bwd", without_bias_gradient)
    result = check_model("linear")
    assert result.verdict == "fail"
    assert "jax.vjp in float64" in result.reason


def without_bias_gradient(residuals, y_bar):
    x_bar, kernel_bar, bias_bar = backprop.dense_bwd(residuals, y_bar)
    return x_bar, kernel_bar, 0 * bias_bar
