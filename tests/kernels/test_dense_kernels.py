"""The products of a dense layer in all their forms; the oracle is NumPy in float64."""

import jax
import numpy as np
import pytest

from jaxnn.kernels.dense import matmul, matmul_transposed, transposed_matmul

pytestmark = pytest.mark.usefixtures("backend", "float64")

# Tiny in both ways, square, tall and narrow, tall, wide: every form there is.
SHAPES = [(1, 1), (2, 5), (5, 2), (8, 8), (9, 9), (8, 200), (200, 8), (50, 12), (200, 51), (12, 50), (90, 80)]
# A batch of 33 is not of few rows, which makes a difference to kernels that are not small.
CASES = [(7, m, n) for m, n in SHAPES] + [(33, m, n) for m, n in SHAPES if m * n > 1024]


def draw(*shapes, seed=0):
    """Normal arrays in float64."""
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape) for shape in shapes]


def assert_close(found, wanted):
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)


def test_each_backend_has_its_form(backend):
    """Without this, tests of a form that is never chosen would pass."""
    traced = str(jax.make_jaxpr(transposed_matmul)(*draw((7, 90), (7, 80))))
    assert ("optimization_barrier" in traced) == (backend == "cpu")


@pytest.mark.parametrize(("batch", "m", "n"), [*CASES, *((few, m, n) for few in (0, 1) for m, n in SHAPES)])
def test_products_of_every_form(batch, m, n):
    x, kernel, y_bar = draw((batch, m), (m, n), (batch, n))
    products = lambda x, kernel, y_bar: (
        matmul(x, kernel),
        matmul_transposed(y_bar, kernel),
        transposed_matmul(x, y_bar),
    )
    y, x_bar, kernel_bar = jax.jit(products)(x, kernel, y_bar)
    assert_close(y, x @ kernel)
    assert_close(x_bar, y_bar @ kernel.T)
    assert_close(kernel_bar, x.T @ y_bar)


@pytest.mark.parametrize(("batch", "m", "n"), CASES)
def test_derivatives_in_both_modes(batch, m, n):
    """d(xK) = dx K + x dK; cotangents y_bar K^T and x^T y_bar."""
    x, kernel, x_dot, kernel_dot, y_bar = draw((batch, m), (m, n), (batch, m), (m, n), (batch, n))

    @jax.jit
    def derivatives(x, kernel, x_dot, kernel_dot, y_bar):
        of_x = jax.jvp(lambda x: matmul(x, kernel), (x,), (x_dot,))[1]
        of_kernel = jax.jvp(lambda kernel: matmul(x, kernel), (kernel,), (kernel_dot,))[1]
        return (
            jax.jvp(matmul, (x, kernel), (x_dot, kernel_dot)),
            of_x,
            of_kernel,
            jax.vjp(matmul, x, kernel)[1](y_bar),
        )

    (y, y_dot), of_x, of_kernel, (x_bar, kernel_bar) = derivatives(x, kernel, x_dot, kernel_dot, y_bar)
    assert_close(y, x @ kernel)
    assert_close(y_dot, x_dot @ kernel + x @ kernel_dot)
    assert_close(of_x, x_dot @ kernel)
    assert_close(of_kernel, x @ kernel_dot)
    assert_close(x_bar, y_bar @ kernel.T)
    assert_close(kernel_bar, x.T @ y_bar)


@pytest.mark.parametrize(("batch", "m", "n"), CASES)
def test_second_derivatives_in_both_orders(batch, m, n):
    """The gradient of |xK|^2 / 2 is (x K K^T, x^T x K), and its derivative along (U, V) by the rule of products."""
    x, kernel, u, v = draw((batch, m), (m, n), (batch, m), (m, n))
    grad = jax.grad(lambda x, kernel: (matmul(x, kernel) ** 2).sum() / 2, argnums=(0, 1))
    inner = lambda x, kernel: sum((g * along).sum() for g, along in zip(grad(x, kernel), (u, v), strict=True))
    along_x = u @ kernel @ kernel.T + x @ (v @ kernel.T + kernel @ v.T)
    along_kernel = (u.T @ x + x.T @ u) @ kernel + x.T @ x @ v
    both_orders = lambda x, kernel: (
        jax.jvp(grad, (x, kernel), (u, v))[1],
        jax.grad(inner, argnums=(0, 1))(x, kernel),
    )
    for found in jax.jit(both_orders)(x, kernel):
        assert_close(found[0], along_x)
        assert_close(found[1], along_kernel)


@pytest.mark.parametrize(("batch", "m", "n"), CASES)
def test_a_population_has_the_gradients_of_its_members(batch, m, n):
    x, kernels, y_bars = draw((batch, m), (3, m, n), (3, batch, n))
    gradients = lambda kernel, y_bar: jax.vjp(matmul, x, kernel)[1](y_bar)
    by_hand = lambda kernel, y_bar: (matmul_transposed(y_bar, kernel), transposed_matmul(x, y_bar))
    for both in (gradients, by_hand):
        x_bars, kernel_bars = jax.jit(jax.vmap(both))(kernels, y_bars)
        assert_close(x_bars, np.einsum("zbn,zmn->zbm", y_bars, kernels))
        assert_close(kernel_bars, np.einsum("bm,zbn->zmn", x, y_bars))
