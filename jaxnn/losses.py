"""Losses, one number an example, from logits; and the penalties.  All stay finite for logits of 1e4.

A loss is a pure function (logits, targets) -> (batch,) float.  What targets may be is said by their dtype:
integers are class labels (batch,), floats have the shape of the logits and are one-hot, soft or multi-label
targets, or regression values; where a loss needs floats, class labels count as one-hot.  Nothing is broadcast:
shapes that do not fit are refused when the function is traced.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

from jaxnn.errors import InputError, unknown
from jaxnn.types import Number, Params

LossFunction = Callable[[jax.Array, jax.Array], jax.Array]


def softmax_cross_entropy(logits: jax.Array, labels: jax.Array, *, smoothing: Number | None = None) -> jax.Array:
    """-sum_k t_k log softmax(logits)_k with t the (smoothed) target distribution.

    Args:
        logits: (batch, classes).
        labels: (batch,) integer classes, or (batch, classes) probabilities that sum to 1.
        smoothing: s replaces the target by (1 - s) t + s / classes (Szegedy et al. 2016); None for no smoothing.

    Returns:
        (batch,) losses in nats; NaN for a label that is no class.
    """
    log_probs = jax.nn.log_softmax(logits)
    if jnp.issubdtype(labels.dtype, jnp.integer):
        _check_shapes("softmax_cross_entropy", logits.shape[:1], labels.shape)
        # A choice among the classes: a gather and the scatter of its gradient compile longer, and are no faster.
        num_classes = logits.shape[-1]
        is_label = labels[:, None] == jnp.arange(num_classes)[None]
        is_class = (labels >= 0) & (labels < jnp.int32(num_classes))  # a plain int would wrap in a type of few bits
        losses = jnp.where(is_class, -jnp.where(is_label, log_probs, 0).sum(-1), jnp.nan)
    else:
        _check_shapes("softmax_cross_entropy", logits.shape, labels.shape)
        losses = -(labels * log_probs).sum(-1)
    if smoothing is None:
        return losses
    return (1 - smoothing) * losses - smoothing * log_probs.mean(-1)


def sigmoid_cross_entropy(logits: jax.Array, targets: jax.Array) -> jax.Array:
    """Binary cross-entropy of independent outputs, mean over them: -t log p - (1 - t) log(1 - p), p = sigmoid.

    Computed as softplus(z) - t z, which needs no probability.  logits (batch, k); targets (batch, k) floats in
    [0, 1], or (batch,) integers 0 or 1 where k is 1.  Returns (batch,) losses in nats.
    """
    targets = _as_targets("sigmoid_cross_entropy", logits, targets)
    return (jax.nn.softplus(logits) - targets * logits).mean(-1)


def binary_cross_entropy(logits: jax.Array, targets: jax.Array) -> jax.Array:
    """`sigmoid_cross_entropy` of one logit, that of class 1 against class 0: the two-class loss of a single output.

    logits (batch, 1); targets (batch,) integers 0 or 1, or (batch, 1) floats in [0, 1].  Returns (batch,) in nats.
    """
    targets = _as_targets("binary_cross_entropy", logits, targets)
    _check_one_logit("binary_cross_entropy", logits)
    return sigmoid_cross_entropy(logits, targets)


def tanh_squared_error(logits: jax.Array, targets: jax.Array) -> jax.Array:
    """(tanh z - s)^2 / 2 with s = -1 for class 0 and +1 for class 1: what TensorFlow Playground minimises.

    logits (batch, 1), the net input z of the one tanh output; targets (batch,) integers 0 or 1, or (batch, 1)
    floats t in [0, 1], which stand for s = 2 t - 1.  Returns (batch,) losses.
    """
    targets = _as_targets("tanh_squared_error", logits, targets)
    _check_one_logit("tanh_squared_error", logits)
    return half_squared_error(jnp.tanh(logits), 2 * targets - 1)


def squared_error(outputs: jax.Array, targets: jax.Array) -> jax.Array:
    """(y - t)^2, mean over the outputs.  Both (batch, ...); returns (batch,)."""
    return _mean_over_outputs((outputs - _as_targets("squared_error", outputs, targets)) ** 2)


def half_squared_error(outputs: jax.Array, targets: jax.Array) -> jax.Array:
    """(y - t)^2 / 2, mean over the outputs, as TensorFlow Playground draws it.  Returns (batch,)."""
    return squared_error(outputs, targets) / 2


def absolute_error(outputs: jax.Array, targets: jax.Array) -> jax.Array:
    """|y - t|, mean over the outputs; its derivative at 0 is taken as 0.  Both (batch, ...); returns (batch,)."""
    return _mean_over_outputs(_abs(outputs - _as_targets("absolute_error", outputs, targets)))


def huber(outputs: jax.Array, targets: jax.Array) -> jax.Array:
    """e^2 / 2 where |e| <= 1, else |e| - 1/2, with e = y - t; mean over the outputs (Huber 1964, delta = 1)."""
    error = outputs - _as_targets("huber", outputs, targets)
    size = jnp.abs(error)
    return _mean_over_outputs(jnp.where(size <= 1, error**2 / 2, size - 0.5))


LOSSES: dict[str, LossFunction] = {
    "softmax_cross_entropy": softmax_cross_entropy,
    "sigmoid_cross_entropy": sigmoid_cross_entropy,
    "binary_cross_entropy": binary_cross_entropy,
    "tanh_squared_error": tanh_squared_error,
    "squared_error": squared_error,
    "half_squared_error": half_squared_error,
    "absolute_error": absolute_error,
    "huber": huber,
}

# Losses that tell two classes apart by one output, the logit of class 1.
ONE_LOGIT = ("binary_cross_entropy", "tanh_squared_error")


def loss_function(name: str) -> LossFunction:
    """The loss called `name`.  Raises InputError for an unknown name."""
    if name not in LOSSES:
        raise unknown("loss", name, LOSSES)
    return LOSSES[name]


def kernels(params: Params) -> list[jax.Array]:
    """The kernels of a network, the parameters that penalties and weight decay act on."""
    return [leaf for path, leaf in jax.tree_util.tree_leaves_with_path(params) if path[-1].key == "kernel"]


def l1_penalty(params: Params) -> jax.Array:
    """sum |w| over all kernels, a scalar; the derivative at 0 is 0."""
    return sum((_abs(w).sum() for w in kernels(params)), jnp.zeros(()))


def l2_penalty(params: Params) -> jax.Array:
    """sum w^2 over all kernels, a scalar (no half: its derivative is 2 w, as in Keras)."""
    return sum(((w**2).sum() for w in kernels(params)), jnp.zeros(()))


def activity_l1_penalty(activations: Sequence[jax.Array]) -> jax.Array:
    """sum |a| over the units of all these (batch, ...) arrays, mean over the batch, a scalar (as in Keras)."""
    return sum((_abs(a).sum() / a.shape[0] for a in activations), jnp.zeros(()))


def _abs(x: jax.Array) -> jax.Array:
    # The derivative of jnp.abs at 0 is 1; here it is 0, the subgradient that lets a weight rest at 0.
    return x * jax.lax.stop_gradient(jnp.sign(x))


def _as_targets(loss: str, outputs: jax.Array, targets: jax.Array) -> jax.Array:
    """Targets as floats of the outputs' shape; integer classes become one-hot (0 and 1 for a single output)."""
    if jnp.issubdtype(targets.dtype, jnp.integer) and outputs.ndim == 2 and targets.shape == outputs.shape[:1]:
        num_outputs = outputs.shape[1]
        if num_outputs == 1:
            return targets[:, None].astype(outputs.dtype)
        return jax.nn.one_hot(targets, num_outputs, dtype=outputs.dtype)
    _check_shapes(loss, outputs.shape, targets.shape)
    return targets


def _check_shapes(loss: str, wanted: tuple[int, ...], found: tuple[int, ...]) -> None:
    if wanted != found:
        raise InputError(f"`{loss}` needs targets of shape {wanted} for these outputs; got {found}.")


def _check_one_logit(loss: str, logits: jax.Array) -> None:
    if logits.ndim != 2 or logits.shape[1] != 1:
        raise InputError(f"`{loss}` needs one logit an example, of shape (batch, 1); got {logits.shape}.")


def _mean_over_outputs(values: jax.Array) -> jax.Array:
    return values.mean(tuple(range(1, values.ndim)))
