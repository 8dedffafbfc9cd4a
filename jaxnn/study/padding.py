"""Which settings of a study train padded to one shape: small networks, dearer to compile than to train."""

import dataclasses
from collections.abc import Hashable, Sequence

from jaxnn.models import Activation, Dense, Flatten, Network, padded_mlp, summary_rows
from jaxnn.population import Recipe

# A padded network trains at the speed of the largest.  Up to this many floating-point operations a step, that costs
# less over a whole run than compiling a program for every shape (measured: scripts/bench --case padding).
PAD_BELOW_FLOPS = 200_000


def pad_recipes(recipes: Sequence[Recipe], shapes: Sequence[tuple], *, allowed: Sequence[bool]) -> list[Recipe]:
    """The recipe that each setting trains by: a padded one where it shares its program with other shapes.

    A padded network is exact, so which recipe it is shows in nothing but the time.

    Args:
        recipes: of each setting its own.
        shapes: of each the shapes of its data, those of the training inputs (num_examples, ...) first.
        allowed: whether each may be padded.
    """
    groups: dict[Hashable, list[int]] = {}
    for position, recipe in enumerate(recipes):
        if allowed[position] and is_plain_mlp(recipe.model) and recipe.gradients == "autodiff":
            *_, activation, output = recipe.model.layers
            rest = dataclasses.replace(recipe, model=Network(()))
            key = (rest, activation, output.features, shapes[position])
            groups.setdefault(key, []).append(position)
    padded = list(recipes)
    for positions in groups.values():
        networks = list(dict.fromkeys(recipes[position].model for position in positions))
        num_examples, *input_shape = shapes[positions[0]][0][0]
        batch_size = recipes[positions[0]].run.batch_size or num_examples
        small, network = _largest_common(networks, batch_size, input_shape)
        for position in positions:
            if len(small) > 1 and recipes[position].model in small:
                padded[position] = dataclasses.replace(recipes[position], model=network)
    return padded


def is_plain_mlp(network: Network) -> bool:
    """Whether a network is Dense and activation in turn, then Dense, with one hidden layer at least.

    Not softmax as an activation: its units depend on one another.
    """
    first, *layers = network.layers
    pairs = list(zip(layers[:-1:2], layers[1::2], strict=False))
    return (
        isinstance(first, Flatten)
        and len(layers) == 2 * len(pairs) + 1 > 1
        and all(isinstance(layer, Dense) and layer.use_bias for layer in layers[::2])
        and len(set(layers[1::2])) == 1
        and all(isinstance(layer, Activation) and layer.function != "softmax" for layer in layers[1::2])
    )


def hidden_units(network: Network) -> tuple[int, ...]:
    """The units of the hidden layers of a plain mlp."""
    return tuple(layer.features for layer in network.layers[1:-1:2])


def _largest_common(
    networks: Sequence[Network], batch_size: int, input_shape: Sequence[int]
) -> tuple[list[Network], Network]:
    """As many networks, the smallest first, as fit in one of at most PAD_BELOW_FLOPS a step; and that one."""

    def step_flops(network: Network) -> int:
        return batch_size * sum(row.flops for row in summary_rows(network, input_shape))

    ordered = sorted(networks, key=step_flops)
    while len(ordered) > 1 and step_flops(_common_network(ordered)) > PAD_BELOW_FLOPS:
        ordered.pop()
    return ordered, _common_network(ordered)


def _common_network(networks: Sequence[Network]) -> Network:
    *_, activation, output = networks[0].layers
    hidden = [hidden_units(network) for network in networks]
    return padded_mlp(hidden, output.features, activation=activation.function)
