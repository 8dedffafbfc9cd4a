"""What is looked at in a network that is about to take a step, and the function that looks."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxnn.losses import LossFunction
from jaxnn.models import (
    Activation,
    AvgPool,
    BatchNorm,
    Conv,
    Dense,
    MaxPool,
    Mode,
    Network,
    PaddedBlock,
    layer_names,
    padded_net_inputs,
    present_units,
    record,
)
from jaxnn.monitor.statistics import NUM_BINS, STATISTICS, Description, Tensor, describe, is_saturated, tree_norm
from jaxnn.train import GradFn, autodiff_value_and_grad, step_inputs
from jaxnn.types import Batch, Hparams, Params, TrainState

# What the parameters of a layer, and the outputs of each kind of layer, are called in a record.
PARAMETERS = {"kernel": "weights", "scale": "scales", "bias": "biases"}
OUTPUTS = {
    Dense: ("net_inputs",),
    Conv: ("net_inputs",),
    BatchNorm: ("net_inputs",),
    Activation: ("activations",),
    PaddedBlock: ("net_inputs", "activations"),
    MaxPool: ("pooled",),
    AvgPool: ("pooled",),
}


class Sample(NamedTuple):
    """The inside of one network before one step.

    taken: whether there is anything: False for a network that nobody watches, or that does not train any more.
    gradient_norm: of all gradients together, before any clipping.
    update_ratio: the norm of all updates over that of all parameters.
    tensors: the descriptions of the tensors that `tensor_names` names, along a leading axis.
    """

    taken: jax.Array
    gradient_norm: jax.Array
    update_ratio: jax.Array
    tensors: Description


# probe(state, batch, key, hparams) -> Sample, with the arguments of a training step
Probe = Callable[[TrainState, Batch, jax.Array, Hparams], Sample]


def tensor_names(model: Network, params: Params) -> tuple[str, ...]:
    """The tensors of a `Sample` in order: "dense_1/weights", "dense_1/weights_gradient", ..., "relu_1/activations".

    Args:
        model: a network; what is sampled of a layer that a padded one passes has no meaning.
        params: its parameters, or their shapes.
    """
    names = []
    for position, (layer, name) in enumerate(zip(model.layers, layer_names(model), strict=True)):
        for word in [PARAMETERS[parameter] for parameter in PARAMETERS if parameter in _own(params, position)]:
            names += [f"{name}/{word}", f"{name}/{word}_gradient", f"{name}/{word}_update"]
        names += [f"{name}/{word}" for word in OUTPUTS.get(type(layer), ())]
    return tuple(names)


def positions_in_padded(own_names: Sequence[str], names: Sequence[str]) -> list[int]:
    """Where in a `Sample` of a padded network the tensors are of a smaller one in it.

    Args:
        own_names: of the smaller network, from `tensor_names`.
        names: of the padded one.
    """
    layers, words = zip(*(name.split("/") for name in names), strict=True)
    num_last = layers.count(layers[-1])
    # Its layers are the first ones, then come those that are passed, then the outputs of both.
    positions = [*range(len(own_names) - num_last), *range(len(names) - num_last, len(names))]
    assert [words[position] for position in positions] == [name.split("/")[1] for name in own_names]
    return positions


def sample_shapes(model: Network, params: Params) -> Sample:
    """Shapes and dtypes of what a probe of this network gives.

    Args:
        model: a network.
        params: its parameters, or their shapes.
    """
    num_tensors, shape = len(tensor_names(model, params)), jax.ShapeDtypeStruct
    number: Any = shape((), jnp.float32)
    statistics: Any = shape((num_tensors, len(STATISTICS)), jnp.float32)
    counts: Any = shape((num_tensors, NUM_BINS), jnp.int32)
    taken: Any = shape((), jnp.bool)
    return Sample(taken, number, number, Description(statistics, counts))


def make_probe(
    model: Network,
    loss: LossFunction,
    optimizer: Callable[[Hparams], optax.GradientTransformation],
    *,
    value_and_grad: Callable[[Network, LossFunction], GradFn] = autodiff_value_and_grad,
) -> Probe:
    """probe(state, batch, key, hparams) -> Sample, pure: what a training step with these arguments is about to do.

    It computes the step's gradients and updates once more, so that the step itself need not know of it and stays
    the same program.  Arguments as for `make_train_step`.
    """
    grad_fn = value_and_grad(model, loss)

    def probe(state, batch, key, hparams):
        batch, dropout_key = step_inputs(state, batch, key, hparams)
        _, grads = grad_fn(state.params, state.batch_stats, batch, dropout_key, hparams)
        updates, _ = optimizer(hparams).update(grads, state.opt_state, state.params)
        mode = Mode(train=True, dropout_rate=hparams.dropout_rate, key=dropout_key)
        variables = {"params": state.params, "batch_stats": state.batch_stats}
        outputs = record(model, variables, batch.x, mode)
        return Sample(
            jnp.ones((), bool),
            tree_norm(grads),
            tree_norm(updates) / tree_norm(state.params),
            describe(_tensors(model, (state.params, grads, updates), state.batch_stats, outputs, batch.x)),
        )

    return probe


def _tensors(
    model: Network, moved: tuple[Params, ...], batch_stats: Params, outputs: dict, x: jax.Array
) -> list[Tensor]:
    """The tensors that `tensor_names` names, in its order.

    `moved` are the parameters, their gradients and their updates.
    """
    tensors, given = [], x
    present = present_units(model, batch_stats)
    for position, (layer, name) in enumerate(zip(model.layers, layer_names(model), strict=True)):
        inputs, units = present[position]
        for parameter in PARAMETERS:
            if parameter in _own(moved[0], position):
                values, grads, updates = (_own(tree, position)[parameter] for tree in moved)
                there = _there(units, inputs if parameter == "kernel" else None, values.shape)
                own = len(tensors)
                tensors += [Tensor(values, present=there), Tensor(grads, present=there)]
                tensors.append(Tensor(updates, present=there, update_of=own))
        net_inputs = padded_net_inputs(_own(moved[0], position), given) if isinstance(layer, PaddedBlock) else given
        for word in OUTPUTS.get(type(layer), ()):
            values = net_inputs if (type(layer), word) == (PaddedBlock, "net_inputs") else outputs[name]
            tensor = Tensor(values, present=_there(units, None, values.shape))
            if word == "activations":
                function = layer.activation if isinstance(layer, PaddedBlock) else layer.function
                tensor = tensor._replace(saturated=is_saturated(function, net_inputs, values))
            tensors.append(tensor)
        given = outputs[name]
    return tensors


def _there(units: jax.Array | None, inputs: jax.Array | None, shape: Sequence[int]) -> jax.Array | None:
    """Which values of a tensor (..., inputs, units) are there, by its inputs and its units; None: all."""
    if units is None and inputs is None:
        return None
    there = jnp.ones(shape, bool)
    if units is not None:
        there &= units[(None,) * (len(shape) - 1)]
    return there if inputs is None else there & inputs[:, None]


def _own(params: Params, position: int) -> Params:
    """The parameters of the layer at a position; {} if it has none."""
    return params.get(f"layers_{position}", {})
