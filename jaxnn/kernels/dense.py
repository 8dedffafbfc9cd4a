"""The matrix products of a dense layer, in the form that is fast at its size."""

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_derivatives import SymbolicZero

# A matrix product costs a library call each; in a two-dimensional study that call is dearer than its arithmetic,
# while a sum of a few products fuses with its neighbours.  Where m and n are both few, every product is such sums.
# Where one of them is, only a product that adds up few terms is: adding up many is slower than the library on CPU.
# By processor time 2-100-2 takes 35% less so and 2-100-100-2 9%; 2-8-2 would take 30% more.  To see what a case
# takes: scripts/bench --case 2-D.
FEW = 8
SMALL = 1024

# On CPU XLA's library is slow where an operand comes transposed, as one does in both cotangents of a product.
# In the kernel's x^T y_bar, x^T is worth a copy; where the kernel has few columns and more rows, (y_bar^T x)^T is
# faster still, with y_bar^T copied: twice as fast for 784 by 10, three times for 100 by 2.
# In the inputs' y_bar K^T it is the kernel that comes transposed, in (K y_bar^T)^T the batch, which is faster while
# either is small.
# Measured: scripts/bench, "2-D" and "Fashion-MNIST".
NARROW = 50
TALL = 1.5
FEW_ROWS = 32
SMALL_KERNEL = 1024


def matmul(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """x @ kernel for x (batch, m) and kernel (m, n); as sums where few terms are added up.

    The result is the same up to the order of summation.  Derivatives of every order and mode go through it; its
    cotangents are products in the forms of `matmul_transposed` and `transposed_matmul`.
    """
    m, n = kernel.shape
    if _is_tiny(m, n):
        return _outer_products(x, kernel) if m <= n else _dot_products(x, kernel)
    return _matmul(x, kernel) if jax.default_backend() == "cpu" else x @ kernel


def matmul_transposed(y_bar: jax.Array, kernel: jax.Array) -> jax.Array:
    """y_bar @ kernel^T for y_bar (batch, n) and kernel (m, n), the cotangent of x (batch, m).

    The result is the same up to the order of summation.
    """
    m, n = kernel.shape
    if _is_tiny(m, n) or _is_short(n, m) or jax.default_backend() != "cpu" or not _is_swapped(len(y_bar), m, n):
        return matmul(y_bar, kernel.T)
    return _copied(kernel @ y_bar.T).T


def transposed_matmul(x: jax.Array, y_bar: jax.Array) -> jax.Array:
    """x^T @ y_bar for x (batch, m) and y_bar (batch, n), the gradient of a kernel (m, n); sums over rows when tiny.

    The result is the same up to the order of summation.
    """
    m, n = x.shape[1], y_bar.shape[1]
    if _is_tiny(m, n):
        if m <= n:
            return jnp.stack([(x[:, i, None] * y_bar).sum(0) for i in range(m)])
        return jnp.stack([(x * y_bar[:, j, None]).sum(0) for j in range(n)], axis=1)
    if jax.default_backend() != "cpu":
        return x.T @ y_bar
    return _copied(_copied(y_bar.T) @ x).T if _is_narrow(m, n) else _copied(x.T) @ y_bar


def _is_tiny(m: int, n: int) -> bool:
    """Whether all products are sums; an accelerator starts fewer operations with them, however many the terms."""
    few = max(m, n) if jax.default_backend() == "cpu" else min(m, n)
    return few <= FEW and m * n <= SMALL


def _is_short(num_terms: int, num_sums: int) -> bool:
    return num_terms <= FEW and num_terms * num_sums <= SMALL


def _is_narrow(m: int, n: int) -> bool:
    return n <= NARROW and m >= TALL * n


def _is_swapped(batch: int, m: int, n: int) -> bool:
    """Whether the cotangent of the inputs is (K y_bar^T)^T."""
    return batch <= FEW_ROWS or m * n <= SMALL_KERNEL


def _copied(x: jax.Array) -> jax.Array:
    """x as an array of its own: the compiler may not fold its transposition back into a product."""
    return lax.optimization_barrier(x)


def _outer_products(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """x @ kernel as a sum over the m columns of x."""
    return sum((x[:, i, None] * kernel[None, i] for i in range(1, kernel.shape[0])), x[:, :1] * kernel[:1])


def _dot_products(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """x @ kernel as n sums; the transpose of it with respect to x is a sum of outer products."""
    return jnp.stack([(x * kernel[None, :, j]).sum(1) for j in range(kernel.shape[1])], axis=1)


def _product(x: jax.Array, kernel: jax.Array) -> jax.Array:
    return _outer_products(x, kernel) if _is_short(*kernel.shape) else x @ kernel


@jax.custom_jvp
def _matmul(x: jax.Array, kernel: jax.Array) -> jax.Array:
    return _product(x, kernel)


def _matmul_jvp(primals, tangents):
    """y_dot = x_dot K + x K_dot, each in a form whose transpose is fast: `_inputs_term`, `_kernel_term`."""
    (x, kernel), (x_dot, kernel_dot) = primals, tangents
    y = _product(x, kernel)
    terms = []
    if not isinstance(x_dot, SymbolicZero):
        terms.append(_inputs_term(x_dot, kernel))
    if not isinstance(kernel_dot, SymbolicZero):
        terms.append(_kernel_term(x, kernel_dot))
    return y, sum(terms[1:], terms[0])


def _inputs_term(x_dot: jax.Array, kernel: jax.Array) -> jax.Array:
    """x_dot K; its transpose is that of `matmul_transposed`."""
    m, n = kernel.shape
    if _is_short(n, m):
        return _dot_products(x_dot, kernel)
    if _is_swapped(len(x_dot), m, n):
        return lax.dot_general(kernel, _copied(x_dot.T), (((0,), (0,)), ((), ()))).T
    return x_dot @ kernel


def _kernel_term(x: jax.Array, kernel_dot: jax.Array) -> jax.Array:
    """x K_dot; its transpose is that of `transposed_matmul`."""
    if _is_narrow(*kernel_dot.shape):
        return _copied(lax.dot_general(_copied(kernel_dot.T), x, (((1,), (1,)), ((), ())))).T
    return lax.dot_general(_copied(x.T), kernel_dot, (((0,), (0,)), ((), ())))


_matmul.defjvp(_matmul_jvp, symbolic_zeros=True)
