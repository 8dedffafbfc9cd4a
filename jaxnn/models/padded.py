"""One network in which smaller ones fit: multi-layer perceptrons of several widths and depths as one shape.

A padded unit gives 0, so nothing flows through it in either direction and its weights stay 0; a padded layer hands
on what it is given.  What is computed is therefore the small network, to the last bits of its sums, and networks
that differ in their hidden layers can share a compiled program.
"""

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxnn.kernels.dense import matmul
from jaxnn.models.activations import activation_function
from jaxnn.models.layers import EVALUATION, Dense, Flatten, Mode
from jaxnn.models.network import Network

Variables = dict[str, Any]


class PaddedBlock(nn.Module):
    """A hidden layer, Dense and activation, of which only some units are there, or none.

    y = mask * f(x @ kernel + bias), or y = x where `passes` is 1.  x (batch, m) -> y (batch, features); an optional
    block has m = features.  `mask` (features,) and `passes` () are state of the network, set by
    `pad_variables`; the parameters start at 0 and are set there too.
    """

    features: int
    activation: str
    optional: bool = False  # whether there are networks without this layer

    @nn.compact
    def __call__(self, x: jax.Array, mode: Mode = EVALUATION) -> jax.Array:
        zeros = nn.initializers.zeros_init()
        kernel = self.param("kernel", zeros, (x.shape[-1], self.features))
        bias = self.param("bias", zeros, (self.features,))
        mask = self.variable("batch_stats", "mask", jnp.ones, (self.features,)).value
        y = mask[None] * activation_function(self.activation)(
            padded_net_inputs({"kernel": kernel, "bias": bias}, x)
        )
        if not self.optional:
            return y
        passes = self.variable("batch_stats", "passes", jnp.zeros, ()).value
        return jnp.where(passes == 1, x, y)


def padded_net_inputs(params: Variables, x: jax.Array) -> jax.Array:
    """The net inputs of a padded block with these parameters: x (batch, m) -> (batch, features)."""
    return matmul(x, params["kernel"]) + params["bias"][None]


def present_units(model: Network, batch_stats: Variables) -> list[tuple[jax.Array | None, jax.Array | None]]:
    """Which inputs of every layer, and which of its units, are there: (m,) and (features,) booleans; None: all.

    Args:
        model: a network; only of a padded one some are not there.
        batch_stats: of one member.  What is said of a layer that it passes has no meaning.
    """
    present: list[tuple[jax.Array | None, jax.Array | None]] = []
    given: Any = None  # the first block is never optional
    for position, layer in enumerate(model.layers):
        units = None
        if isinstance(layer, PaddedBlock):
            state = batch_stats[f"layers_{position}"]
            units = state["mask"] == 1
        present.append((given, units))
        if units is not None:
            given = jnp.where(state["passes"] == 1, given, units) if layer.optional else units
    return present


def padded_mlp(hidden: Sequence[Sequence[int]], num_outputs: int, *, activation: str) -> Network:
    """The smallest padded network that `mlp(widths, num_outputs)` fits in for each of the `hidden` widths.

    Args:
        hidden: the units of the hidden layers of each network, at least one layer each.
        num_outputs: units of the last layer.
        activation: name of the hidden activation; not softmax, whose units depend on one another.
    """
    depths = [len(widths) for widths in hidden]
    if len(set(depths)) == 1:
        units = [max(at_depth) for at_depth in zip(*hidden, strict=True)]
    else:  # a layer that is passed must give as much as it takes
        units = [max(max(widths) for widths in hidden)] * max(depths)
    blocks = [
        PaddedBlock(features, activation, optional=position >= min(depths))
        for position, features in enumerate(units)
    ]
    return Network((Flatten(), *blocks, Dense(num_outputs)))


def pad_variables(params: Any, hidden: Sequence[int], padded: Network, shapes: Any) -> Variables:
    """The variables of `mlp(hidden, ...)` as those of a padded network.

    Args:
        params: of the small network, each leaf (members, ...).
        hidden: its widths.
        padded: from `padded_mlp`.
        shapes: variables of the padded network for one member, of which only the shapes are used.

    Returns:
        {"params", "batch_stats"} of NumPy arrays (members, ...).
    """
    num_members = len(jax.tree.leaves(params)[0])
    variables = jax.tree.map(lambda leaf: np.zeros((num_members, *leaf.shape), leaf.dtype), shapes)
    for small, large in _positions(len(hidden), len(padded.layers) - 1):
        for name, values in params[small].items():
            target = variables["params"][large][name]
            target[tuple(map(slice, values.shape))] = values
    for position, block in enumerate(padded.layers[1:-1]):
        state = variables["batch_stats"][f"layers_{position + 1}"]
        state["mask"][:, : hidden[position] if position < len(hidden) else block.features] = 1
        if block.optional:
            state["passes"][:] = position >= len(hidden)
    return variables


def trim_params(params: Any, hidden: Sequence[int]) -> Any:
    """The parameters of `mlp(hidden, ...)` out of those of a padded network; every leaf (members, ...)."""
    trimmed, num_inputs = {}, None
    for (small, large), units in zip(_positions(len(hidden), len(params)), (*hidden, None), strict=True):
        layer = params[large]
        trimmed[small] = {"kernel": layer["kernel"][:, :num_inputs, :units], "bias": layer["bias"][:, :units]}
        num_inputs = units
    return trimmed


def _positions(depth: int, padded_layers: int) -> list[tuple[str, str]]:
    """The layers with parameters: their names in an mlp of `depth` hidden layers, and in the padded network."""
    # An mlp is Flatten, then Dense and Activation in turn; a padded network is Flatten, blocks, Dense.
    small = [f"layers_{1 + 2 * position}" for position in range(depth + 1)]
    large = [f"layers_{1 + position}" for position in range(depth)] + [f"layers_{padded_layers}"]
    return list(zip(small, large, strict=True))
