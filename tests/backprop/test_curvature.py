"""Curvature products; oracles: forward over reverse by JAX, explicit matrices, and what holds of any of them."""

import functools

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnn import backprop, losses, models
from jaxnn.errors import InputError

SMOOTH = (
    losses.softmax_cross_entropy,
    losses.sigmoid_cross_entropy,
    losses.squared_error,
    losses.half_squared_error,
)
ACTIVATIONS = ("identity", "relu", "leaky_relu", "elu", "gelu", "silu", "softplus", "sigmoid", "tanh")
_jit = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})


@pytest.fixture(autouse=True)
def in_float64():
    with jax.enable_x64(True):
        yield


def problem(activation="tanh", hidden=(5, 4)):
    """A model, its parameters, a batch, and two directions."""
    rng = np.random.default_rng(0)
    model = models.mlp(hidden, 3, activation=activation)
    x, y = jnp.asarray(rng.normal(size=(6, 4))), jnp.asarray(rng.integers(0, 3, 6))
    draw = lambda tree: jax.tree.map(lambda leaf: jnp.asarray(rng.normal(size=leaf.shape)), tree)
    params = draw(jax.eval_shape(model.init, jax.random.key(0), x)["params"])
    return model, params, x, y, draw(params), draw(params)


def inner(a, b):
    return float(sum(jax.tree.leaves(jax.tree.map(jnp.vdot, a, b))))


def assert_close(found, wanted):
    assert jax.tree.structure(found) == jax.tree.structure(wanted)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-13), found, wanted)


def autodiff_products(model, loss, params, x, y, v):
    """H v as a derivative of the gradient; G v as J^T (Hessian of the loss) J v."""
    outputs = lambda params: model.apply({"params": params}, x)
    mean_loss = lambda z: loss(z, y).mean()
    hessian = jax.jvp(jax.grad(lambda params: mean_loss(outputs(params))), (params,), (v,))[1]
    z, r_z = jax.jvp(outputs, (params,), (v,))
    of_loss = jax.jvp(jax.grad(mean_loss), (z,), (r_z,))[1]
    return hessian, jax.vjp(outputs, params)[1](of_loss)[0]


def assert_products_agree(model, loss, params, x, y, v):
    hessian, gauss_newton = _jit(functools.partial(autodiff_products, model, loss))(params, x, y, v)
    assert_close(_jit(backprop.hessian_vector_product(model, loss))(params, x, y, v), hessian)
    assert_close(_jit(backprop.gauss_newton_vector_product(model, loss))(params, x, y, v), gauss_newton)


@pytest.mark.parametrize("loss", SMOOTH, ids=lambda loss: loss.__name__)
def test_products_for_every_loss(loss):
    model, params, x, y, v, _ = problem()
    assert_products_agree(model, loss, params, x, y, v)


def test_products_for_targets_that_do_not_sum_to_1():
    """The loss is defined for them, and the targets are a factor of its Hessian."""
    model, params, x, _, v, _ = problem()
    targets = jnp.asarray(np.random.default_rng(2).uniform(0, 2, (len(x), 3)))
    assert_products_agree(model, losses.softmax_cross_entropy, params, x, targets, v)


def test_products_for_every_activation():
    """One network with all of them, and a layer without a bias."""
    layers = [layer for name in ACTIVATIONS for layer in (models.Dense(4), models.Activation(name))]
    model = models.network([*layers, models.Dense(3, use_bias=False)])
    _, _, x, y, _, _ = problem()
    rng = np.random.default_rng(1)
    draw = lambda leaf: jnp.asarray(rng.normal(size=leaf.shape))
    shapes = jax.eval_shape(model.init, jax.random.key(0), x)["params"]
    params, v = jax.tree.map(draw, shapes), jax.tree.map(draw, shapes)
    assert_products_agree(model, losses.softmax_cross_entropy, params, x, y, v)


def test_hessian_is_symmetric():
    model, params, x, y, v, w = problem()
    product = _jit(backprop.hessian_vector_product(model, losses.softmax_cross_entropy))
    assert inner(w, product(params, x, y, v)) == pytest.approx(inner(v, product(params, x, y, w)), rel=1e-10)


def test_gauss_newton_is_positive_and_equals_fisher_for_softmax():
    model, params, x, y, v, _ = problem("relu")
    gauss_newton = _jit(backprop.gauss_newton_vector_product(model, losses.softmax_cross_entropy))(params, x, y, v)
    fisher = _jit(backprop.fisher_vector_product(model))(params, x, y, v)
    assert inner(v, gauss_newton) > 0
    assert_close(fisher, gauss_newton)


def test_fisher_is_the_second_moment_of_gradients_over_drawn_labels():
    """The matrix itself, from jax.grad of log p_k for every example and class."""
    model, params, x, y, v, _ = problem(hidden=(2,))
    flat, unflatten = jax.flatten_util.ravel_pytree(params)
    log_p = lambda flat, x: jax.nn.log_softmax(model.apply({"params": unflatten(flat)}, x[None])[0])

    @_jit
    def matrix(flat, x):
        grads = jax.vmap(jax.jacrev(log_p), (None, 0))(flat, x)  # (batch, classes, parameters)
        weights = jnp.exp(jax.vmap(log_p, (None, 0))(flat, x)) / len(x)
        return jnp.einsum("bk,bki,bkj->ij", weights, grads, grads)

    wanted = unflatten(matrix(flat, x) @ jax.flatten_util.ravel_pytree(v)[0])
    assert_close(_jit(backprop.fisher_vector_product(model))(params, x, y, v), wanted)


def test_network_without_hidden_layer_has_a_hessian_equal_to_its_gauss_newton():
    """The outputs are linear in the parameters, so the term with their second derivative is 0."""
    model, params, x, y, v, _ = problem(hidden=())
    loss = losses.softmax_cross_entropy
    hessian = _jit(backprop.hessian_vector_product(model, loss))(params, x, y, v)
    assert_close(hessian, _jit(backprop.gauss_newton_vector_product(model, loss))(params, x, y, v))


def test_what_has_no_curvature_product_is_named():
    with pytest.raises(InputError, match=r"layer 1 of the network, `Conv`, has no curvature product"):
        backprop.fisher_vector_product(models.network([models.Flatten(), models.Conv(2)]))
    with pytest.raises(InputError, match="`softmax` is not a known activation with a second derivative"):
        backprop.fisher_vector_product(models.mlp((2,), 2, activation="softmax"))
    with pytest.raises(InputError, match="`huber` is not a known loss with a Hessian"):
        backprop.gauss_newton_vector_product(models.linear(2), losses.huber)
