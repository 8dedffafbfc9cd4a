"""Batch norm and sums over channels; the oracles are NumPy in float64 and JAX's autodiff of the plain formula."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnn.kernels.channels import channel_sums, spread
from jaxnn.kernels.norm import batch_norm

pytestmark = pytest.mark.usefixtures("backend", "float64")

SHAPES = [(7, 3), (2, 4, 5, 3), (1, 1, 1, 2)]
EPSILON = 0.05


def draw(*shapes, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape) for shape in shapes]


def plain(x, scale, bias):
    """The definition, for autodiff."""
    axes = tuple(range(x.ndim - 1))
    mean, var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    scale, bias = scale.reshape(mean.shape), bias.reshape(mean.shape)
    return (x - mean) / jnp.sqrt(var + EPSILON) * scale + bias, mean.ravel(), var.ravel()


def ours(x, scale, bias):
    return batch_norm(x, scale, bias, EPSILON)


def assert_close(found, wanted):
    jax.tree.map(lambda f, w: np.testing.assert_allclose(f, w, rtol=1e-11, atol=1e-12), found, wanted)


def test_each_backend_has_its_form(backend):
    """Without this, tests of a form that is never chosen would pass."""
    assert ("optimization_barrier" in str(jax.make_jaxpr(channel_sums)(*draw((7, 3))))) == (backend == "cpu")


@pytest.mark.parametrize("shape", SHAPES)
def test_sums_and_their_transpose(shape):
    x, values = draw(shape, shape[-1:])

    @jax.jit
    def both(x, values):
        sums, sums_vjp = jax.vjp(channel_sums, x)
        repeated, spread_vjp = jax.vjp(lambda values: spread(values, shape), values)
        return sums, sums_vjp(values), repeated, spread_vjp(x)

    sums, (sums_bar,), repeated, (spread_bar,) = both(x, values)
    assert_close(sums, x.reshape(-1, shape[-1]).sum(0))
    assert_close(sums_bar, np.broadcast_to(values, shape))
    assert_close(repeated, np.broadcast_to(values, shape))
    assert_close(spread_bar, x.reshape(-1, shape[-1]).sum(0))


@pytest.mark.parametrize("shape", SHAPES)
def test_value_and_derivatives_in_both_modes(shape):
    """All three outputs, also where a loss reads the mean and the variance."""
    primals, tangents = draw(shape, shape[-1:], shape[-1:]), draw(shape, shape[-1:], shape[-1:], seed=1)
    cotangents = tuple(draw(shape, shape[-1:], shape[-1:], seed=2))

    @functools.partial(jax.jit, static_argnums=0)
    def derivatives(function, primals, tangents, cotangents):
        y, vjp = jax.vjp(function, *primals)
        return jax.jvp(function, primals, tangents), y, vjp(cotangents)

    assert_close(*(derivatives(function, primals, tangents, cotangents) for function in (ours, plain)))


def test_second_derivatives():
    x, scale, bias, along = draw((6, 2), (2,), (2,), (6, 2))

    @functools.partial(jax.jit, static_argnums=0)
    def curvature(function, x):
        grad = jax.grad(lambda x: (function(x, scale, bias)[0] ** 3).sum())
        return jax.jvp(grad, (x,), (along,))[1], jax.grad(lambda x: (grad(x) * along).sum())(x)

    assert_close(*(curvature(function, x) for function in (ours, plain)))


def test_population_agrees_with_one_by_one():
    """A population vmaps every argument."""
    args = draw((3, 2, 4, 5, 3), (3, 3), (3, 3))
    found, alone = jax.jit(jax.vmap(ours))(*args), jax.jit(plain)
    for member in range(3):
        assert_close([a[member] for a in found], list(alone(*(a[member] for a in args))))


def test_two_sums_make_the_gradient():
    """Of a loss that reads y alone: two sums for the statistics, two for the gradient, and no more."""
    x, scale, bias = draw((2, 4, 5, 3), (3,), (3,))
    grads = jax.grad(lambda *args: (ours(*args)[0] ** 3).mean(), (0, 1, 2))
    jaxpr = str(jax.make_jaxpr(grads)(x, scale, bias))
    assert jaxpr.count("reduce_sum[axes=(0,)") == 4
