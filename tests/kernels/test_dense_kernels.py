"""The products of a dense layer in all their forms; the oracle is NumPy in float64."""

import jax
import numpy as np
import pytest

from jaxnn.kernels.dense import matmul, transposed_matmul


@pytest.mark.parametrize(("m", "n"), [(1, 1), (2, 5), (5, 2), (8, 8), (9, 9), (8, 200), (200, 8)])
@pytest.mark.parametrize("batch", [0, 1, 7])
def test_products_of_every_form(batch, m, n):
    """Sums of products where m or n is at most 8 and m n at most 1024, else a matrix product."""
    rng = np.random.default_rng(0)
    x, kernel, y_bar = (rng.normal(size=shape) for shape in ((batch, m), (m, n), (batch, n)))
    with jax.enable_x64(True):
        y, kernel_bar = jax.jit(lambda x, kernel, y_bar: (matmul(x, kernel), transposed_matmul(x, y_bar)))(
            x, kernel, y_bar
        )
        np.testing.assert_allclose(y, x @ kernel, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(kernel_bar, x.T @ y_bar, rtol=1e-12, atol=1e-12)
