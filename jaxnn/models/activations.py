"""Activation functions by name, each with the derivative convention of its kink.

relu'(0) = 0, as `jax.nn.relu` has it (`jnp.maximum(x, 0)` would give 1/2); leaky_relu'(0) = 1, the slope of its
positive side; elu has no kink.  `gelu` is the exact one, x * Phi(x); `gelu_tanh` is the approximation that
`jax.nn.gelu` gives unasked.
"""

import functools
from collections.abc import Callable

import jax

from jaxnn.errors import unknown

ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "identity": lambda x: x,
    "relu": jax.nn.relu,
    "leaky_relu": jax.nn.leaky_relu,
    "elu": jax.nn.elu,
    "gelu": functools.partial(jax.nn.gelu, approximate=False),
    "gelu_tanh": functools.partial(jax.nn.gelu, approximate=True),
    "silu": jax.nn.silu,
    "softplus": jax.nn.softplus,
    "sigmoid": jax.nn.sigmoid,
    "tanh": jax.nn.tanh,
    "softmax": jax.nn.softmax,
}


def activation_function(name: str) -> Callable[[jax.Array], jax.Array]:
    """The activation called `name`: (..., units) -> (..., units).  Raises InputError for an unknown name."""
    if name not in ACTIVATIONS:
        raise unknown("activation", name, ACTIVATIONS)
    return ACTIVATIONS[name]
