"""Curvature of a multi-layer perceptron by hand: Hessian, Gauss-Newton and Fisher matrices times a vector.

Each costs about two gradients and holds no matrix.  The networks are those of Flatten, Dense and elementwise
Activation layers; the objective is the mean loss of a batch.  A vector has the structure of `params`.

Notation: v = (V, c) is the direction for (W, b), and R{a} the derivative of a as the parameters move along v
(Pearlmutter 1994, "Fast exact multiplication by the Hessian").
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxnn.backprop.network import loss_pair
from jaxnn.backprop.pairs import ACTIVATIONS, LOSSES
from jaxnn.backprop.passes import backward, forward
from jaxnn.errors import InputError, unknown
from jaxnn.losses import LossFunction
from jaxnn.models.layers import EVALUATION, Activation, Dense, Flatten
from jaxnn.models.network import Network
from jaxnn.types import Params

Product = Callable[[Params, jax.Array, jax.Array, Params], Params]


class _Tangent(NamedTuple):
    """The input of a layer and R{input}."""

    x: jax.Array
    r_x: jax.Array


def hessian_vector_product(model: Network, loss: LossFunction) -> Product:
    """product(params, x, y, v) -> H v, with H the Hessian of the mean loss, exactly.

    R{.} is applied to every line of the backward pass.  For y = x W + b and a = f(z):

        forward     R{y} = R{x} W + x V + c                R{a} = f'(z) R{z}
        loss        R{z_bar} = (d^2 L / dz^2) R{z}
        backward    R{z_bar} = f''(z) R{z} a_bar + f'(z) R{a_bar}
                    R{W_bar} = R{x}^T y_bar + x^T R{y_bar}      R{b_bar} = sum R{y_bar}
                    R{x_bar} = R{y_bar} W^T + y_bar V^T

    and (R{W_bar}, R{b_bar}) is H v.  Where f has a kink, f'' is 0, as autodiff has it.

    Raises:
        InputError: a layer, an activation or a loss outside the tables of this module.
    """
    _check(model)
    pair, loss_hessian = loss_pair(loss), _loss_hessian(loss)

    def product(params: Params, x: jax.Array, y: jax.Array, v: Params) -> Params:
        tangents, outputs, r_outputs = _tangents(model.layers, params, v, x)
        losses, residuals = pair.fwd(outputs, y)
        z_bar = pair.bwd(residuals, jnp.full_like(losses, 1 / losses.size))[0]
        r_z_bar = loss_hessian(outputs, y, r_outputs) / losses.size
        return _second_backward(model.layers, params, v, tangents, z_bar, r_z_bar)

    return product


def gauss_newton_vector_product(model: Network, loss: LossFunction) -> Product:
    """product(params, x, y, v) -> G v with the generalised Gauss-Newton matrix G = J^T (d^2 L / dz^2) J.

    J is the Jacobian of the outputs z; J v is R{z} of the forward pass, J^T is the backward pass.  G drops the
    term of H with f'' and is positive semi-definite.  Source: Schraudolph 2002; Martens 2010.

    Raises:
        InputError: a layer, an activation or a loss outside the tables of this module.
    """
    _check(model)
    loss_hessian = _loss_hessian(loss)

    def product(params: Params, x: jax.Array, y: jax.Array, v: Params) -> Params:
        _, outputs, r_outputs = _tangents(model.layers, params, v, x)
        return _pull_back(model.layers, params, x, loss_hessian(outputs, y, r_outputs) / len(x))

    return product


def fisher_vector_product(model: Network) -> Product:
    """product(params, x, y, v) -> F v with the Fisher matrix of a softmax classifier; y is not used.

        F = (1/N) sum_i sum_k p_ik g_ik g_ik^T,    g_ik = J_i^T (p_i - e_k),

    the second moment of the gradient over labels that the model itself would draw, computed as this sum: for each
    class k its weight p_ik, the slope (p_i - e_k) . (J v)_i, and the direction p_i - e_k.  It equals the
    Gauss-Newton matrix of softmax cross-entropy, since sum_k p_k (p - e_k)(p - e_k)^T = diag(p) - p p^T.
    Source: Amari 1998; Martens 2020, section 9.

    Raises:
        InputError: a layer or an activation outside the tables of this module.
    """
    _check(model)

    def product(params: Params, x: jax.Array, y: jax.Array, v: Params) -> Params:
        _, logits, r_logits = _tangents(model.layers, params, v, x)
        p = jax.nn.softmax(logits)
        errors = p[:, None, :] - jnp.eye(p.shape[1], dtype=p.dtype)[None]  # (batch, drawn class, classes)
        slopes = (errors * r_logits[:, None, :]).sum(axis=2)
        return _pull_back(model.layers, params, x, ((p * slopes)[:, :, None] * errors).sum(axis=1) / len(x))

    return product


def _tangents(
    layers: Sequence[nn.Module], params: Params, v: Params, x: jax.Array
) -> tuple[list[_Tangent], jax.Array, jax.Array]:
    """The forward pass and R{.} of it: the input of every layer with its R, the outputs z and R{z}."""
    tangents, r_x = [], jnp.zeros_like(x)
    for position, layer in enumerate(layers):
        tangents.append(_Tangent(x, r_x))
        if isinstance(layer, Dense):
            layer_params, direction = params[f"layers_{position}"], v[f"layers_{position}"]
            r_x = r_x @ layer_params["kernel"] + x @ direction["kernel"]
            x = x @ layer_params["kernel"]
            if layer.use_bias:
                x, r_x = x + layer_params["bias"][None], r_x + direction["bias"][None]
        elif isinstance(layer, Activation):
            r_x = _slope(layer, x) * r_x
            x = ACTIVATIONS[layer.function].fwd(x)[0]
        else:
            x, r_x = (array.reshape(len(array), math.prod(array.shape[1:])) for array in (x, r_x))
    return tangents, x, r_x


def _second_backward(
    layers: Sequence[nn.Module],
    params: Params,
    v: Params,
    tangents: list[_Tangent],
    y_bar: jax.Array,
    r_y_bar: jax.Array,
) -> Params:
    """R{.} of the backward pass: the R of the cotangents of all parameters."""
    product = {}
    for position, layer in reversed(list(enumerate(layers))):
        x, r_x = tangents[position]
        if isinstance(layer, Dense):
            name = f"layers_{position}"
            kernel, direction = params[name]["kernel"], v[name]["kernel"]
            bias = {"bias": r_y_bar.sum(axis=0)} if layer.use_bias else {}
            product[name] = {"kernel": r_x.T @ y_bar + x.T @ r_y_bar, **bias}
            r_y_bar = r_y_bar @ kernel.T + y_bar @ direction.T
            y_bar = y_bar @ kernel.T
        elif isinstance(layer, Activation):
            slope = _slope(layer, x)
            r_y_bar = _SECOND_DERIVATIVES[layer.function](x) * r_x * y_bar + slope * r_y_bar
            y_bar = slope * y_bar
        else:
            y_bar, r_y_bar = (array.reshape(x.shape) for array in (y_bar, r_y_bar))
    return dict(reversed(product.items()))


def _pull_back(layers: Sequence[nn.Module], params: Params, x: jax.Array, z_bar: jax.Array) -> Params:
    """J^T z_bar, the ordinary backward pass."""
    return backward(forward(layers, params, {}, x, EVALUATION).layers, z_bar)[1]


def _slope(layer: Activation, x: jax.Array) -> jax.Array:
    """f'(x), from the pair of f."""
    pair = ACTIVATIONS[layer.function]
    return pair.bwd(pair.fwd(x)[1], jnp.ones_like(x))[0]


def _tanh_second(x):
    y = jnp.tanh(x)
    return -2 * y * (1 - y * y)


def _sigmoid_second(x):
    y = jax.nn.sigmoid(x)
    return y * (1 - y) * (1 - 2 * y)


def _softplus_second(x):
    y = jax.nn.sigmoid(x)
    return y * (1 - y)


def _silu_second(x):
    s = jax.nn.sigmoid(x)
    return s * (1 - s) * (2 + x * (1 - 2 * s))


def _gelu_second(x):
    # From f' = Phi + x phi with phi' = -x phi: f'' = phi + phi - x^2 phi.
    return (2 - x * x) * jnp.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def _elu_second(x):
    return jnp.where(x > 0, 0, jnp.exp(jnp.minimum(x, 0)))


_SECOND_DERIVATIVES: Mapping[str, Callable[[jax.Array], jax.Array]] = {
    "identity": jnp.zeros_like,
    "relu": jnp.zeros_like,
    "leaky_relu": jnp.zeros_like,
    "elu": _elu_second,
    "gelu": _gelu_second,
    "silu": _silu_second,
    "softplus": _softplus_second,
    "sigmoid": _sigmoid_second,
    "tanh": _tanh_second,
}


def _softmax_hessian(z, y, u):
    """(sum of t) (diag(p) - p p^T) u, row by row; the targets t of a label, or of a distribution, sum to 1."""
    p = jax.nn.softmax(z)
    hessian = p * (u - (p * u).sum(axis=1, keepdims=True))
    return hessian if jnp.issubdtype(y.dtype, jnp.integer) else y.sum(axis=1, keepdims=True) * hessian


def _sigmoid_hessian(z, y, u):
    """p (1 - p) u / K."""
    p = jax.nn.sigmoid(z)
    return p * (1 - p) * u / z.shape[1]


# (outputs z, targets y, vector u) -> (d^2 L / dz^2) u for each example
_LOSS_HESSIANS: Mapping[Any, Callable[[jax.Array, jax.Array, jax.Array], jax.Array]] = {
    LOSSES["softmax_cross_entropy"]: _softmax_hessian,
    LOSSES["sigmoid_cross_entropy"]: _sigmoid_hessian,
    LOSSES["squared_error"]: lambda z, y, u: 2 * u / z.shape[1],
    LOSSES["half_squared_error"]: lambda z, y, u: u / z.shape[1],
}


def _loss_hessian(loss: LossFunction) -> Callable[[jax.Array, jax.Array, jax.Array], jax.Array]:
    pair = loss_pair(loss)
    if pair not in _LOSS_HESSIANS:
        known = [name for name, known in LOSSES.items() if known in _LOSS_HESSIANS]
        raise unknown("loss with a Hessian", getattr(loss, "__name__", repr(loss)), known)
    return _LOSS_HESSIANS[pair]


def _check(model: Network) -> None:
    for position, layer in enumerate(model.layers):
        if type(layer) not in (Flatten, Dense, Activation):
            raise InputError(
                f"layer {position} of the network, `{type(layer).__name__}`, has no curvature product; "
                "the networks that have one are made of `Flatten`, `Dense` and `Activation`."
            )
        if isinstance(layer, Activation) and layer.function not in _SECOND_DERIVATIVES:
            raise unknown("activation with a second derivative", layer.function, _SECOND_DERIVATIVES)
