"""The matrix products of a dense layer, in the form that is fast at its size."""

import jax
import jax.numpy as jnp

# A matrix product costs a library call each; in a two-dimensional study that call is dearer than its arithmetic,
# while a sum of a few products fuses with its neighbours.  Measured on CPU: scripts/bench, "2-D".
FEW = 8
SMALL = 1024


def matmul(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """x @ kernel for x (batch, m) and kernel (m, n); a sum of outer products or a few dot products when tiny.

    The result is the same up to the order of summation.
    """
    m, n = kernel.shape
    if m * n > SMALL or min(m, n) > FEW:
        return x @ kernel
    if m <= n:
        return sum((x[:, i, None] * kernel[None, i] for i in range(1, m)), x[:, :1] * kernel[:1])
    return jnp.stack([(x * kernel[None, :, j]).sum(1) for j in range(n)], axis=1)


def transposed_matmul(x: jax.Array, y_bar: jax.Array) -> jax.Array:
    """x^T @ y_bar for x (batch, m) and y_bar (batch, n), the gradient of a kernel (m, n); sums over rows when tiny.

    The result is the same up to the order of summation.
    """
    m, n = x.shape[1], y_bar.shape[1]
    if m * n > SMALL or min(m, n) > FEW:
        return x.T @ y_bar
    if m <= n:
        return jnp.stack([(x[:, i, None] * y_bar).sum(0) for i in range(m)])
    return jnp.stack([(x * y_bar[:, j, None]).sum(0) for j in range(n)], axis=1)
