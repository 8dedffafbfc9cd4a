"""Gradients of single examples and of inputs; the oracle is jax.grad of one example at a time."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnn import backprop, losses, models
from jaxnn.errors import InputError

_jit = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})


def test_dense_gradients_sum_to_the_batch_gradient_and_have_the_norms_claimed():
    rng = np.random.default_rng(0)
    x, y_bar, kernel = (jnp.asarray(rng.normal(size=shape), jnp.float32) for shape in ((5, 4), (5, 3), (4, 3)))
    kernels, biases = backprop.dense_grads(x, y_bar)
    _, kernel_bar, bias_bar = backprop.dense_bwd((x, kernel), y_bar)
    np.testing.assert_allclose(kernels.sum(0), kernel_bar, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(biases.sum(0), bias_bar, rtol=1e-5, atol=1e-6)
    of_kernel, of_bias = backprop.dense_squared_norms(x, y_bar)
    np.testing.assert_allclose(of_kernel, (kernels**2).sum((1, 2)), rtol=1e-5)
    np.testing.assert_allclose(of_bias, (biases**2).sum(1), rtol=1e-5)


@pytest.mark.parametrize(
    ("size", "options"),
    [
        (2, {}),  # few places: by products of places x places
        (2, {"groups": 2}),
        (9, {"strides": (2, 1), "padding": "VALID"}),  # many places: by the gradients of a block
        (9, {"groups": 2, "dilation": (1, 2)}),
    ],
)
def test_convolution_gradients_and_norms(size, options):
    rng = np.random.default_rng(0)
    channels = 4 // options.get("groups", 1)
    x = jnp.asarray(rng.normal(size=(3, size, size, 4)), jnp.float32)
    kernel = jnp.asarray(rng.normal(size=(2, 2, channels, 6)), jnp.float32)

    def both(x, kernel):
        y, residuals = backprop.conv2d_fwd(x, kernel, **options)
        return y, backprop.conv2d_grads(residuals, jnp.sin(y)), backprop.conv2d_squared_norms(residuals, jnp.sin(y))

    def one(x, kernel):
        y, vjp = jax.vjp(lambda kernel: backprop.conv2d_fwd(x[None], kernel, **options)[0], kernel)
        return vjp(jnp.sin(y))[0]

    _, grads, norms = _jit(both)(x, kernel)
    wanted = _jit(lambda x, kernel: jax.lax.map(lambda image: one(image, kernel), x))(x, kernel)
    np.testing.assert_allclose(grads, wanted, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(norms, (wanted**2).sum((1, 2, 3, 4)), rtol=1e-4)


def network():
    model = models.cnn(
        ("conv:4:3:2", "batchnorm", "gelu", "avgpool", "conv:3:2", "relu", "dropout:0.5", "dense:5"), 3
    )
    x = jax.random.normal(jax.random.key(0), (4, 12, 12, 1))
    variables = _jit(model.init)(jax.random.key(1), x)
    stats = jax.tree.map(lambda leaf: leaf + 0.5, variables["batch_stats"])  # not the neutral 0 and 1
    return model, {"params": variables["params"], "batch_stats": stats}, x, jnp.asarray([0, 2, 1, 2])


def test_norms_of_a_whole_network():
    model, variables, x, y = network()
    loss = losses.softmax_cross_entropy

    def one(x, y):
        of_params = lambda params: loss(model.apply({**variables, "params": params}, x[None]), y[None])[0]
        return jax.tree.reduce(
            jnp.add, jax.tree.map(lambda g: (g**2).sum(), jax.grad(of_params)(variables["params"]))
        )

    wanted = jnp.sqrt(_jit(jax.vmap(one))(x, y))
    np.testing.assert_allclose(_jit(backprop.gradient_norms(model, loss))(variables, x, y), wanted, rtol=1e-4)


def test_norms_without_bias_are_smaller():
    model = models.network([models.Dense(2, use_bias=False)])
    kernel = {"params": {"layers_0": {"kernel": jnp.ones((3, 2))}}}
    x = jnp.eye(2, 3)
    norms = backprop.gradient_norms(model, losses.squared_error)(kernel, x, jnp.zeros((2, 2)))
    np.testing.assert_allclose(norms, jnp.full(2, 2**0.5), rtol=1e-6)  # x is a unit vector, y_bar is (1, 1)


def test_input_gradient_of_each_example():
    model, variables, x, y = network()
    loss = losses.softmax_cross_entropy
    one = jax.grad(lambda x, y: loss(model.apply(variables, x[None]), y[None])[0])
    wanted = _jit(jax.vmap(one))(x, y)
    found = _jit(backprop.input_gradient(model, loss))(variables, x, y)
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-6)


def test_rows_that_do_not_fit_are_named():
    with pytest.raises(InputError, match=r"`dense_squared_norms` needs .*`x` \(2, 3\), `y_bar` \(3, 3\)"):
        backprop.dense_squared_norms(jnp.ones((2, 3)), jnp.ones((3, 3)))
