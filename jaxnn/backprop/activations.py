"""Activations: elementwise functions, and the softmax over the last axis.

For an elementwise y = f(x) the Jacobian is diagonal, so the backward pass is x_bar = y_bar * f'(x); each
docstring gives f' and what is kept to compute it.  x and y have any shape; y_bar and x_bar have it too.
At a kink, where no derivative exists, the convention is that of `jax.nn`.
"""

import math

import jax
import jax.numpy as jnp
from jax.scipy.special import erfc

from jaxnn.kernels.checks import check_fit, check_floating


def identity_fwd(x: jax.Array):
    """y = x."""
    check_floating("identity", {"x": x})
    return x, None


def identity_bwd(residuals, y_bar: jax.Array):
    """f' = 1."""
    return (y_bar,)


def relu_fwd(x: jax.Array):
    """y = max(x, 0).  Kept: where x > 0."""
    check_floating("relu", {"x": x})
    return jnp.maximum(x, 0), x > 0


def relu_bwd(positive, y_bar: jax.Array):
    """f' = 1 for x > 0, else 0; at the kink f'(0) = 0 (autodiff of `jnp.maximum(x, 0)` would give 1/2)."""
    return (jnp.where(positive, y_bar, 0),)


def leaky_relu_fwd(x: jax.Array, *, negative_slope: float = 0.01):
    """y = x for x >= 0, else negative_slope * x.  Kept: f'(x)."""
    check_floating("leaky_relu", {"x": x})
    slope = jnp.where(x >= 0, 1, negative_slope).astype(x.dtype)
    return x * slope, slope


def leaky_relu_bwd(slope, y_bar: jax.Array):
    """f' = 1 for x >= 0, else negative_slope; at the kink f'(0) = 1.  Source: Maas et al. 2013."""
    return (y_bar * slope,)


def elu_fwd(x: jax.Array, *, alpha: float = 1.0):
    """y = x for x > 0, else alpha (e^x - 1).  Kept: f'(x)."""
    check_floating("elu", {"x": x})
    below = jnp.minimum(x, 0)  # keeps e^x finite where it is not used
    y = jnp.where(x > 0, x, alpha * jnp.expm1(below))
    return y, jnp.where(x > 0, 1, alpha * jnp.exp(below))


def elu_bwd(slope, y_bar: jax.Array):
    """f' = 1 for x > 0, else alpha e^x; f'(0) = alpha: no kink for alpha = 1.  Source: Clevert et al. 2016."""
    return (y_bar * slope,)


def gelu_fwd(x: jax.Array):
    """y = x Phi(x), with Phi the standard normal distribution function (the exact form).  Kept: x."""
    check_floating("gelu", {"x": x})
    return x * _normal_cdf(x), x


def gelu_bwd(x, y_bar: jax.Array):
    """f' = Phi(x) + x phi(x) with the density phi = Phi'.  Source: Hendrycks and Gimpel 2016."""
    density = jnp.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    return (y_bar * (_normal_cdf(x) + x * density),)


def gelu_tanh_fwd(x: jax.Array):
    """y = x (1 + tanh u) / 2 with u = sqrt(2 / pi) (x + 0.044715 x^3): `jax.nn.gelu` unasked.  Kept: x."""
    check_floating("gelu_tanh", {"x": x})
    u = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    return x * (1 + jnp.tanh(u)) / 2, x


def gelu_tanh_bwd(x, y_bar: jax.Array):
    """f' = (1 + t) / 2 + x (1 - t^2) u' / 2 with t = tanh u and u' = sqrt(2 / pi) (1 + 3 * 0.044715 x^2)."""
    t = jnp.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))
    u_prime = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x**2)
    return (y_bar * ((1 + t) / 2 + x * (1 - t * t) * u_prime / 2),)


def silu_fwd(x: jax.Array):
    """y = x s(x) with the sigmoid s, also called swish.  Kept: x."""
    check_floating("silu", {"x": x})
    return x * jax.nn.sigmoid(x), x


def silu_bwd(x, y_bar: jax.Array):
    """f' = s + x s (1 - s) = s (1 + x (1 - s)).  Source: Elfwing, Uchibe and Doya 2018."""
    s = jax.nn.sigmoid(x)
    return (y_bar * s * (1 + x * (1 - s)),)


def softplus_fwd(x: jax.Array):
    """y = log(1 + e^x), without overflow.  Kept: x."""
    check_floating("softplus", {"x": x})
    return jnp.logaddexp(x, 0), x


def softplus_bwd(x, y_bar: jax.Array):
    """f' = e^x / (1 + e^x), the sigmoid."""
    return (y_bar * jax.nn.sigmoid(x),)


def sigmoid_fwd(x: jax.Array):
    """y = 1 / (1 + e^-x).  Kept: y."""
    check_floating("sigmoid", {"x": x})
    y = jax.nn.sigmoid(x)
    return y, y


def sigmoid_bwd(y, y_bar: jax.Array):
    """f' = e^-x / (1 + e^-x)^2 = y (1 - y)."""
    return (y_bar * y * (1 - y),)


def tanh_fwd(x: jax.Array):
    """y = tanh x.  Kept: y."""
    check_floating("tanh", {"x": x})
    y = jnp.tanh(x)
    return y, y


def tanh_bwd(y, y_bar: jax.Array):
    """f' = 1 / cosh^2 x = 1 - y^2."""
    return (y_bar * (1 - y * y),)


def softmax_fwd(x: jax.Array):
    """y_k = e^x_k / sum_l e^x_l over the last axis.  x (..., classes).  Kept: y."""
    _check_classes("softmax", x)
    y = jax.nn.softmax(x)
    return y, y


def softmax_bwd(y, y_bar: jax.Array):
    """From dy_k / dx_l = y_k (1[k = l] - y_l):  x_bar_l = y_l (y_bar_l - sum_k y_bar_k y_k).

    Matrix form, for one row: J = diag(y) - y y^T is symmetric, x_bar = J y_bar.  Rows of x_bar sum to 0,
    since adding a constant to x changes nothing.
    """
    return (y * (y_bar - (y_bar * y).sum(axis=-1, keepdims=True)),)


def log_softmax_fwd(x: jax.Array):
    """y_k = x_k - log sum_l e^x_l over the last axis.  x (..., classes).  Kept: y."""
    _check_classes("log_softmax", x)
    y = jax.nn.log_softmax(x)
    return y, y


def log_softmax_bwd(y, y_bar: jax.Array):
    """From dy_k / dx_l = 1[k = l] - e^y_l:  x_bar_l = y_bar_l - e^y_l sum_k y_bar_k.

    Matrix form, for one row: J = I - 1 p^T with p = e^y, x_bar = J^T y_bar = y_bar - p (1^T y_bar).
    """
    return (y_bar - jnp.exp(y) * y_bar.sum(axis=-1, keepdims=True),)


def _normal_cdf(x: jax.Array) -> jax.Array:
    return erfc(-x / math.sqrt(2)) / 2  # erfc keeps the digits that 1 + erf loses on the left


def _check_classes(layer: str, x: jax.Array) -> None:
    check_floating(layer, {"x": x})
    check_fit(layer, x.ndim >= 1, "x (..., classes)", {"x": x})
