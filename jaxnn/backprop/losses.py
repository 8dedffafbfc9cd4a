"""Losses: one number an example, (outputs, targets) -> (batch,); the mean over the batch is the caller's.

Every backward pass takes losses_bar (batch,); for the mean over the batch that is 1 / batch for each example.
Formulas and names are those of `jaxnn.losses`.  The cotangent of floating targets is given too; integer
labels have none, and None stands in its place.
"""

import jax
import jax.numpy as jnp

from jaxnn.errors import InputError
from jaxnn.kernels.checks import check_fit, check_floating

Smoothing = float | jax.Array | None


def softmax_cross_entropy_fwd(logits: jax.Array, labels: jax.Array, *, smoothing: Smoothing = None):
    """L = -sum_k t_k log p_k with p = softmax(logits) and targets t.

    Args:
        logits: (batch, classes).
        labels: (batch,) integer classes, whose t is one-hot, or (batch, classes) probabilities t.
        smoothing: s replaces t by (1 - s) t + s / classes; None for no smoothing.
    """
    _check_logits("softmax_cross_entropy", logits, labels)
    log_p = jax.nn.log_softmax(logits)
    s = jnp.asarray(0 if smoothing is None else smoothing, logits.dtype)
    losses = -_at_label(log_p, labels) if _is_classes(labels) else -(labels * log_p).sum(axis=1)
    if smoothing is not None:
        losses = (1 - s) * losses - s * log_p.mean(axis=1)
    return losses, (log_p, labels, s)


def softmax_cross_entropy_bwd(residuals, losses_bar: jax.Array):
    """Cotangents of (logits, labels).  With targets t' = (1 - s) t + s / K and d log p_k / dz_l = 1[k = l] - p_l,

        dL/dz_l = -sum_k t'_k (1[k = l] - p_l) = p_l sum_k t'_k - t'_l,

    which is p - t' for targets that sum to 1: the famous difference, whose rows sum to 0.
    For probabilities as labels, dL/dt_k = -(1 - s) log p_k.
    Source: Bishop, "Pattern Recognition and Machine Learning", 4.3.4; smoothing: Szegedy et al. 2016, section 7.
    """
    log_p, labels, s = residuals
    num_classes = log_p.shape[1]
    if _is_classes(labels):
        targets = (labels[:, None] == jnp.arange(num_classes)[None]).astype(log_p.dtype)
    else:
        targets = labels
    smoothed = (1 - s) * targets + s / num_classes
    logits_bar = losses_bar[:, None] * (jnp.exp(log_p) * smoothed.sum(axis=1, keepdims=True) - smoothed)
    return logits_bar, None if _is_classes(labels) else losses_bar[:, None] * (s - 1) * log_p


def negative_log_likelihood_fwd(probs: jax.Array, labels: jax.Array):
    """L = -log p_label.  probs (batch, classes), from a softmax, say; labels (batch,) integers."""
    _check_logits("negative_log_likelihood", probs, labels)
    if not _is_classes(labels):
        raise InputError(
            f"`negative_log_likelihood` needs integer labels (batch,); got {labels.dtype} {labels.shape}."
        )
    return -jnp.log(_at_label(probs, labels)), (probs, labels)


def negative_log_likelihood_bwd(residuals, losses_bar: jax.Array):
    """Cotangents of (probs, labels): dL/dp_k = -1[k = label] / p_k, and None for the labels.

    Through a softmax this becomes p - onehot again, but divides by p on the way: it overflows where the
    probability of the label underflows, which is why networks end in logits.
    """
    probs, labels = residuals
    is_label = labels[:, None] == jnp.arange(probs.shape[1])[None]
    return jnp.where(is_label, -losses_bar[:, None] / probs, 0), None


def sigmoid_cross_entropy_fwd(logits: jax.Array, targets: jax.Array):
    """L = mean_k [softplus(z_k) - t_k z_k], the binary cross-entropy of K independent outputs p = sigmoid(z).

    logits (batch, K); targets (batch, K) in [0, 1], or (batch,) integer classes (0 or 1 if K is 1), one-hot.
    From -t log p - (1 - t) log(1 - p) with log p = z - softplus(z) and log(1 - p) = -softplus(z).
    """
    t = _as_targets("sigmoid_cross_entropy", logits, targets)
    return _mean_over_outputs(jnp.logaddexp(logits, 0) - t * logits), (logits, targets)


def sigmoid_cross_entropy_bwd(residuals, losses_bar: jax.Array):
    """Cotangents of (logits, targets): dL/dz_k = (p_k - t_k) / K and dL/dt_k = -z_k / K."""
    logits, targets = residuals
    share = _share(losses_bar, logits)
    t = _as_targets("sigmoid_cross_entropy", logits, targets)
    return share * (jax.nn.sigmoid(logits) - t), None if _is_classes(targets) else -share * logits


def binary_cross_entropy_fwd(logits: jax.Array, targets: jax.Array):
    """L = softplus(z) - t z, of one logit z.  logits (batch, 1); targets (batch,) 0 or 1, or (batch, 1) floats."""
    _check_one_logit("binary_cross_entropy", logits)
    _as_targets("binary_cross_entropy", logits, targets)  # for what it refuses, in this loss's name
    return sigmoid_cross_entropy_fwd(logits, targets)


def binary_cross_entropy_bwd(residuals, losses_bar: jax.Array):
    """Cotangents of (logits, targets): dL/dz = p - t with p = sigmoid(z), and dL/dt = -z."""
    return sigmoid_cross_entropy_bwd(residuals, losses_bar)


def tanh_squared_error_fwd(logits: jax.Array, targets: jax.Array):
    """L = (y - s)^2 / 2 with y = tanh z and s = 2 t - 1.  Shapes as `binary_cross_entropy_fwd`."""
    _check_one_logit("tanh_squared_error", logits)
    y = jnp.tanh(logits)
    error = y - (2 * _as_targets("tanh_squared_error", logits, targets) - 1)
    return (error**2 / 2)[:, 0], (y, error, targets)


def tanh_squared_error_bwd(residuals, losses_bar: jax.Array):
    """Cotangents of (logits, targets): dL/dz = (y - s)(1 - y^2) and, with ds/dt = 2, dL/dt = -2 (y - s).

    The factor 1 - y^2 goes to 0 where the output is certain, right or wrong: that of the cross-entropy does not.
    """
    y, error, targets = residuals
    error_bar = losses_bar[:, None] * error
    return error_bar * (1 - y * y), None if _is_classes(targets) else -2 * error_bar


def squared_error_fwd(outputs: jax.Array, targets: jax.Array):
    """L = mean_k (y_k - t_k)^2.  outputs and targets (batch, ...), or integer classes (batch,) as one-hot."""
    error = outputs - _as_targets("squared_error", outputs, targets)
    return _mean_over_outputs(error**2), (error, targets)


def squared_error_bwd(residuals, losses_bar: jax.Array):
    """Cotangents of (outputs, targets): dL/dy_k = 2 (y_k - t_k) / K = -dL/dt_k."""
    error, targets = residuals
    return _of_difference(2 * error, targets, losses_bar)


def half_squared_error_fwd(outputs: jax.Array, targets: jax.Array):
    """L = mean_k (y_k - t_k)^2 / 2.  Shapes as `squared_error_fwd`."""
    error = outputs - _as_targets("half_squared_error", outputs, targets)
    return _mean_over_outputs(error**2) / 2, (error, targets)


def half_squared_error_bwd(residuals, losses_bar: jax.Array):
    """Cotangents of (outputs, targets): dL/dy_k = (y_k - t_k) / K = -dL/dt_k."""
    error, targets = residuals
    return _of_difference(error, targets, losses_bar)


def absolute_error_fwd(outputs: jax.Array, targets: jax.Array):
    """L = mean_k |y_k - t_k|.  Shapes as `squared_error_fwd`."""
    error = outputs - _as_targets("absolute_error", outputs, targets)
    return _mean_over_outputs(jnp.abs(error)), (error, targets)


def absolute_error_bwd(residuals, losses_bar: jax.Array):
    """Cotangents of (outputs, targets): dL/dy_k = sign(y_k - t_k) / K, 0 at the kink (`jnp.abs` gives 1)."""
    error, targets = residuals
    return _of_difference(jnp.sign(error), targets, losses_bar)


def huber_fwd(outputs: jax.Array, targets: jax.Array):
    """L = mean_k h(y_k - t_k) with h(e) = e^2 / 2 for |e| <= 1, else |e| - 1/2.  Source: Huber 1964, delta = 1."""
    error = outputs - _as_targets("huber", outputs, targets)
    size = jnp.abs(error)
    return _mean_over_outputs(jnp.where(size <= 1, error**2 / 2, size - 0.5)), (error, targets)


def huber_bwd(residuals, losses_bar: jax.Array):
    """Cotangents of (outputs, targets): h'(e) = e for |e| <= 1, else sign(e): e clipped to [-1, 1], no kink."""
    error, targets = residuals
    return _of_difference(jnp.clip(error, -1, 1), targets, losses_bar)


def _of_difference(h_prime: jax.Array, targets: jax.Array, losses_bar: jax.Array):
    """Cotangents for L = mean_k h(y_k - t_k): h'(e_k) / K for y_k, the negative for t_k."""
    outputs_bar = _share(losses_bar, h_prime) * h_prime
    return outputs_bar, None if _is_classes(targets) else -outputs_bar


def _share(losses_bar: jax.Array, outputs: jax.Array) -> jax.Array:
    """losses_bar / K, with an axis of size 1 for each output axis."""
    num_outputs = outputs[0].size if len(outputs) else 1
    return (losses_bar / num_outputs).reshape(-1, *[1] * (outputs.ndim - 1))


def _mean_over_outputs(values: jax.Array) -> jax.Array:
    return values.mean(axis=tuple(range(1, values.ndim)))


def _at_label(values: jax.Array, labels: jax.Array) -> jax.Array:
    """The value of each row (batch, classes) at its label (batch,); NaN for a label that is no class."""
    found = jnp.take_along_axis(values, labels[:, None], axis=1, mode="fill", fill_value=jnp.nan)[:, 0]
    return jnp.where(labels < 0, jnp.nan, found)  # to `fill`, negative ones count from the end


def _is_classes(labels: jax.Array) -> bool:
    return jnp.issubdtype(labels.dtype, jnp.integer)


def _as_targets(loss: str, outputs: jax.Array, targets: jax.Array) -> jax.Array:
    """Floating targets of the shape of the outputs; integer classes as one-hot, or 0 and 1 for one output."""
    if not _is_classes(targets):
        arrays = {"outputs": outputs, "targets": targets}
        check_floating(loss, arrays)
        check_fit(
            loss, outputs.ndim >= 1 and outputs.shape == targets.shape, "outputs and targets of one shape", arrays
        )
        return targets
    _check_logits(loss, outputs, targets)
    classes = jnp.arange(outputs.shape[1]) if outputs.shape[1] > 1 else jnp.ones(1, jnp.int32)
    return (targets[:, None] == classes[None]).astype(outputs.dtype)


def _check_one_logit(loss: str, logits: jax.Array) -> None:
    check_fit(loss, logits.ndim == 2 and logits.shape[1] == 1, "one logit (batch, 1)", {"logits": logits})


def _check_logits(loss: str, logits: jax.Array, labels: jax.Array) -> None:
    check_floating(loss, {"logits": logits})
    wanted = logits.shape[:1] if _is_classes(labels) else logits.shape
    arrays = {"logits": logits, "labels": labels}
    rule = "logits (batch, classes) with integer labels (batch,) or floating labels (batch, classes)"
    check_fit(loss, logits.ndim == 2 and labels.shape == wanted, rule, arrays)
    if not _is_classes(labels):
        check_floating(loss, arrays)
