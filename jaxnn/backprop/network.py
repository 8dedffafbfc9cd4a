"""Whole networks by hand: the objective of training and its gradient, from the `layers` that the model applies."""

import jax
import jax.numpy as jnp

from jaxnn import losses
from jaxnn.backprop.pairs import LOSSES, Pair
from jaxnn.backprop.passes import NetworkPass, backward, check_layers, forward
from jaxnn.backprop.penalties import activity_l1_bwd, activity_l1_fwd, l1_bwd, l1_fwd, l2_bwd, l2_fwd
from jaxnn.errors import InputError
from jaxnn.losses import LossFunction
from jaxnn.metrics import accuracy
from jaxnn.models.layers import EVALUATION, Mode
from jaxnn.models.network import Network, penalized_positions
from jaxnn.types import Batch, Hparams, Metrics, Params

# By function, not by name: a user's own function called "huber" is not our Huber loss.
_PAIRS_OF_LOSSES = {function: LOSSES[name] for name, function in losses.LOSSES.items()}


def value_and_grad(model: Network, loss: LossFunction | Pair):
    """Gradients of the objective of training without autodiff, with the signature of `jax.value_and_grad`'s.

    Args:
        model: a network whose layers all have a hand-derived pair.
        loss: a function of `jaxnn.losses`, or the pair (fwd, bwd) of a per-example loss (outputs, targets).

    Returns:
        grad_fn(params, batch_stats, batch, key, hparams) -> ((objective, (metrics, batch_stats)), grads): the mean
        loss of the batch in training mode plus the penalties in `hparams`, the metrics "loss" and (for integer
        labels) "accuracy", the batch statistics as the batch moved them, and gradients shaped like `params`.

    Raises:
        InputError: a layer or a loss without a hand-derived pair.
    """
    check_layers(model.layers)
    pair = loss_pair(loss)
    takes_smoothing = pair is LOSSES["softmax_cross_entropy"]

    def grad_fn(params: Params, batch_stats: Params, batch: Batch, key: jax.Array, hparams: Hparams):
        mode = Mode(train=True, dropout_rate=hparams.dropout_rate, key=key)
        network = forward(model.layers, params, batch_stats, batch.x, mode)
        options = {"smoothing": hparams.label_smoothing} if takes_smoothing else {}
        losses, residuals = pair.fwd(network.outputs, batch.y, **options)
        losses_bar = jnp.full_like(losses, 1 / losses.size)  # of their mean
        outputs_bar = pair.bwd(residuals, losses_bar)[0]
        activity, add_activity = _activity_penalty(model, network, hparams)
        _, grads = backward(network.layers, outputs_bar, add_activity)
        penalty, grads = _add_kernel_penalties(params, grads, hparams)
        mean_loss = losses.mean()
        metrics = {"loss": mean_loss, **_accuracy_metric(network.outputs, batch.y)}
        return (mean_loss + activity + penalty, (metrics, network.batch_stats)), grads

    return grad_fn


def input_gradient(model: Network, loss: LossFunction | Pair):
    """Saliency: how each example's loss changes with its own input.

    Returns:
        saliency(variables, x, y) -> (batch, *input_shape), the gradient of each loss, in evaluation mode, with
        respect to its row of x.  One backward pass serves all examples, for no row depends on another.
        Source: Simonyan, Vedaldi and Zisserman 2014.

    Raises:
        InputError: a layer or a loss without a hand-derived pair.
    """
    check_layers(model.layers)
    pair = loss_pair(loss)

    def saliency(variables: Params, x: jax.Array, y: jax.Array) -> jax.Array:
        network = forward(
            model.layers, variables.get("params", {}), variables.get("batch_stats", {}), x, EVALUATION
        )
        losses, residuals = pair.fwd(network.outputs, y)
        return backward(network.layers, pair.bwd(residuals, jnp.ones_like(losses))[0])[0]

    return saliency


def loss_pair(loss: LossFunction | Pair) -> Pair:
    """The hand-derived pair of a loss of `jaxnn.losses`; a pair is returned as it is.

    Raises:
        InputError: any other function.
    """
    if isinstance(loss, Pair):
        return loss
    if loss not in _PAIRS_OF_LOSSES:
        known = ", ".join(f"`{name}`" for name in losses.LOSSES)
        name = getattr(loss, "__name__", repr(loss))
        raise InputError(
            f"the loss `{name}` has no hand-derived pair; the losses of `jaxnn.losses` that have one are {known}.  "
            "Give `backprop.Pair(fwd, bwd)` instead."
        )
    return _PAIRS_OF_LOSSES[loss]


def _activity_penalty(model: Network, network: NetworkPass, hparams: Hparams):
    """The activity penalty, and the function that adds its cotangent where `backward` passes an activation."""
    weight = hparams.activity_l1
    if weight is None:
        return 0, None
    terms = {position: activity_l1_fwd(network.layers[position].y) for position in penalized_positions(model)}

    def add(position: int, y_bar: jax.Array) -> jax.Array:
        if position not in terms:
            return y_bar
        _, residuals = terms[position]
        return y_bar + activity_l1_bwd(residuals, jnp.asarray(weight, y_bar.dtype))[0]

    return weight * sum(value for value, _ in terms.values()), add


def _add_kernel_penalties(params: Params, grads: Params, hparams: Hparams):
    """The L1 and L2 penalties of all kernels, and the gradients with those of the penalties added."""
    total = 0
    grads = {name: dict(layer_grads) for name, layer_grads in grads.items()}
    for weight, fwd, bwd in ((hparams.l1, l1_fwd, l1_bwd), (hparams.l2, l2_fwd, l2_bwd)):
        if weight is None:
            continue
        for name, layer_grads in grads.items():
            if "kernel" in layer_grads:
                kernel = params[name]["kernel"]
                value, residuals = fwd(kernel)
                total += weight * value
                layer_grads["kernel"] += bwd(residuals, jnp.asarray(weight, kernel.dtype))[0]
    return total, grads


def _accuracy_metric(outputs: jax.Array, labels: jax.Array) -> Metrics:
    is_classes = jnp.issubdtype(labels.dtype, jnp.integer)
    return {"accuracy": accuracy(outputs, labels).mean()} if is_classes else {}
