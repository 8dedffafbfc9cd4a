"""A network is a list of layers: one Flax module whose `layers` is a tuple, read by everything else."""

from collections import Counter
from typing import Any

import flax.linen as nn
import jax

from jaxnn.errors import InputError
from jaxnn.models.layers import EVALUATION, Activation, Dropout, Mode


class Network(nn.Module):
    """Layers applied one after another.

    `model.init(key, x)` gives `variables` ({"params": ...}, with "batch_stats" where a layer has some), under
    "layers_0", "layers_1", ... by position; `model.apply(variables, x)` gives the outputs for a batch x.
    """

    layers: tuple[nn.Module, ...]

    def __call__(self, x: jax.Array, mode: Mode = EVALUATION) -> jax.Array:
        for position in range(len(self.layers)):
            x = self._apply_layer(position, x, mode)
        return x

    def record(self, x: jax.Array, mode: Mode = EVALUATION) -> dict[str, jax.Array]:
        """The output of every layer, by its name in `layer_names`, in order; see `record` for the pure function."""
        outputs = {}
        for position, name in enumerate(layer_names(self)):
            outputs[name] = x = self._apply_layer(position, x, mode)
        return outputs

    def _apply_layer(self, position: int, x: jax.Array, mode: Mode) -> jax.Array:
        layer = self.layers[position]
        if isinstance(layer, Dropout) and mode.key is not None:
            mode = mode._replace(key=jax.random.fold_in(mode.key, position))
        try:
            return layer(x, mode)
        except InputError as error:
            raise InputError(f"layer {position} of the network, {_describe(layer)}: {error}") from None


def _describe(layer: nn.Module) -> str:
    return f"{type(layer).__name__}({getattr(layer, 'function', getattr(layer, 'features', ''))})"


def layer_names(model: Network) -> tuple[str, ...]:
    """A readable name for each layer: its kind and its count among its kind, such as "dense_2" or "relu_1"."""
    counts: Counter[str] = Counter()
    names = []
    for layer in model.layers:
        kind = layer.function if isinstance(layer, Activation) else type(layer).__name__.lower()
        counts[kind] += 1
        names.append(f"{kind}_{counts[kind]}")
    return tuple(names)


def record(model: Network, variables, x: jax.Array, mode: Mode = EVALUATION) -> dict[str, jax.Array]:
    """The output of every layer for a batch x, by layer name, in one call.

    The output of a Dense, Conv or BatchNorm that an Activation follows is that activation's net input; the output
    of an Activation is the activation itself.

    Args:
        model: a network.
        variables: what `model.init` or training gave.
        x: (batch, *input_shape), floating point.
        mode: evaluation unless told otherwise.

    Returns:
        dict: layer name -> (batch, ...) array.
    """
    mutable = ["batch_stats"] if mode.train else False
    outputs: Any = model.apply(variables, x, mode, method="record", mutable=mutable)
    return outputs[0] if mode.train else outputs


def activations_of(model: Network, outputs: dict[str, jax.Array]) -> list[jax.Array]:
    """The activations that a penalty on them counts, among the `outputs` that `record` gave."""
    names = layer_names(model)
    return [outputs[names[position]] for position in penalized_positions(model)]


def penalized_positions(model: Network) -> tuple[int, ...]:
    """Where the activations are that an activity penalty counts."""
    layers = enumerate(model.layers)
    return tuple(position for position, layer in layers if isinstance(layer, Activation) and layer.penalized)
