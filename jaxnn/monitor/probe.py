"""What is looked at in a network that is about to take a step, and the function that looks."""

from collections.abc import Callable
from typing import NamedTuple

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
    layer_names,
    record,
)
from jaxnn.monitor.statistics import Description, Stack, describe, is_saturated
from jaxnn.train import GradFn, autodiff_value_and_grad, step_inputs
from jaxnn.types import Batch, Hparams, Params, TrainState

# What the parameters of a layer, and the outputs of each kind of layer, are called in a record.
PARAMETERS = {"kernel": "weights", "scale": "scales", "bias": "biases"}
OUTPUTS = {
    Dense: "net_inputs",
    Conv: "net_inputs",
    BatchNorm: "net_inputs",
    Activation: "activations",
    MaxPool: "pooled",
    AvgPool: "pooled",
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
        model: a network.
        params: its parameters, or their shapes.
    """
    names = []
    for position, (layer, name) in enumerate(zip(model.layers, layer_names(model), strict=True)):
        for word in [PARAMETERS[parameter] for parameter in PARAMETERS if parameter in _own(params, position)]:
            names += [f"{name}/{word}", f"{name}/{word}_gradient", f"{name}/{word}_update"]
        if type(layer) in OUTPUTS:
            names.append(f"{name}/{OUTPUTS[type(layer)]}")
    return tuple(names)


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
            optax.tree.norm(grads),
            optax.tree.norm(updates) / optax.tree.norm(state.params),
            _describe_layers(model, (state.params, grads, updates), outputs, batch.x),
        )

    return probe


def _describe_layers(model: Network, moved: tuple[Params, ...], outputs: dict, x: jax.Array) -> Description:
    """The descriptions of the tensors that `tensor_names` names, in its order.

    `moved` are the parameters, their gradients and their updates: three arrays of one shape, and so one stack.
    """
    stacks, net_inputs = [], x
    for position, (layer, name) in enumerate(zip(model.layers, layer_names(model), strict=True)):
        for parameter in PARAMETERS:
            if parameter in _own(moved[0], position):
                three = jnp.stack([_own(tree, position)[parameter] for tree in moved])
                stacks.append(Stack(three, moved=True))
        if type(layer) in OUTPUTS:
            stack = Stack(outputs[name][None])
            if isinstance(layer, Activation):
                stack = stack._replace(saturated=is_saturated(layer.function, net_inputs, outputs[name])[None])
            stacks.append(stack)
        net_inputs = outputs[name]
    return describe(stacks)


def _own(params: Params, position: int) -> Params:
    """The parameters of the layer at a position; {} if it has none."""
    return params.get(f"layers_{position}", {})
