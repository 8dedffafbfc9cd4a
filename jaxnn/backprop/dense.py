"""Dense layers: the product with a kernel, the bias, and both at once.

The products are `matmul(a, b)`, a b, `matmul_transposed(a, b)`, a b^T, and `transposed_matmul(a, b)`, a^T b, in the
forms that are fast at their sizes.
"""

import jax

from jaxnn.kernels.channels import channel_sums
from jaxnn.kernels.checks import check_fit, check_floating
from jaxnn.kernels.dense import matmul, matmul_transposed, transposed_matmul


def dense_fwd(x: jax.Array, kernel: jax.Array, bias: jax.Array):
    """y = x @ kernel + bias.  x (batch, m), kernel (m, n), bias (n,) -> y (batch, n)."""
    _check_dense("dense", x, kernel)
    arrays = {"kernel": kernel, "bias": bias}
    check_floating("dense", arrays)
    check_fit("dense", bias.shape == kernel.shape[1:], "a bias (n,) for a kernel (m, n)", arrays)
    return matmul(x, kernel) + bias[None], (x, kernel)


def dense_bwd(residuals, y_bar: jax.Array):
    """Cotangents of (x, kernel, bias): from y_ij = sum_k x_ik W_kj + b_j,

        dL/dx_ik = sum_j y_bar_ij W_kj        x_bar = y_bar W^T      (batch, m)
        dL/dW_kj = sum_i x_ik y_bar_ij        W_bar = x^T y_bar      (m, n)
        dL/db_j  = sum_i y_bar_ij             b_bar = y_bar^T 1      (n,)

    Source: Rumelhart, Hinton and Williams 1986; Bishop, "Pattern Recognition and Machine Learning", 5.3.
    """
    x, kernel = residuals
    return matmul_transposed(y_bar, kernel), transposed_matmul(x, y_bar), y_bar.sum(axis=0)


def linear_fwd(x: jax.Array, kernel: jax.Array):
    """y = x @ kernel: a dense layer without its bias.  x (batch, m), kernel (m, n) -> y (batch, n)."""
    _check_dense("linear", x, kernel)
    return matmul(x, kernel), (x, kernel)


def linear_bwd(residuals, y_bar: jax.Array):
    """Cotangents of (x, kernel): x_bar = y_bar W^T, W_bar = x^T y_bar, as in `dense_bwd`."""
    x, kernel = residuals
    return matmul_transposed(y_bar, kernel), transposed_matmul(x, y_bar)


def bias_fwd(x: jax.Array, bias: jax.Array):
    """y = x + bias along the last axis.  x (..., n), bias (n,) -> y (..., n); after a convolution, say."""
    arrays = {"x": x, "bias": bias}
    check_floating("bias", arrays)
    check_fit("bias", bias.shape == x.shape[-1:], "a bias (n,) for x (..., n)", arrays)
    return x + bias[(None,) * (x.ndim - 1)], None


def bias_bwd(residuals, y_bar: jax.Array):
    """Cotangents of (x, bias): y_..j = x_..j + b_j, hence x_bar = y_bar and b_bar_j = sum_... y_bar_..j."""
    return y_bar, channel_sums(y_bar)


def _check_dense(layer: str, x: jax.Array, kernel: jax.Array) -> None:
    arrays = {"x": x, "kernel": kernel}
    check_floating(layer, arrays)
    fits = x.ndim == 2 and kernel.ndim == 2 and x.shape[1] == kernel.shape[0]
    check_fit(layer, fits, "x (batch, m) and a kernel (m, n)", arrays)
