"""How well outputs match labels: pure functions on a batch of logits, safe under jit and vmap.

Labels follow one rule.  An integer dtype means class ids, of shape (batch,); a float dtype means one-hot or soft
labels, of the logits' shape, whose class is their largest entry.  Any other pair of shapes is refused while
tracing, so (batch, 1) against (batch,) never broadcasts to (batch, batch).  A row of logits that holds a
NaN predicts nothing and scores as wrong; argmax alone would call it class 0.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxnn.errors import InputError

NO_CLASS = -1

# Losses whose outputs estimate their targets.
REGRESSION = ("squared_error", "half_squared_error", "absolute_error", "huber")


class ClassScores(NamedTuple):
    """Scores of each class, all of shape (num_classes,): floats in [0, 1], and `support` the examples of it."""

    precision: jax.Array
    recall: jax.Array
    f1: jax.Array
    support: jax.Array


def predict(logits: jax.Array) -> jax.Array:
    """The class of each row: the largest logit, the first of equals; -1 for a row that holds a NaN.

    Args:
        logits: (batch, classes) floats; with one column, the logit of class 1 against class 0.

    Returns:
        (batch,) int32 class ids.
    """
    _check_logits(logits)
    return jnp.where(jnp.isnan(logits).any(-1), NO_CLASS, _largest(logits, threshold=0))


@functools.partial(jax.jit, static_argnames="loss")
def probabilities(logits: jax.Array | np.ndarray, loss: str) -> jax.Array:
    """The class probabilities that a network trained with this loss gives.

    Args:
        logits: (..., classes) floats; with one column, the logit of class 1 against class 0.
        loss: its name.  One column means sigmoid(z), and under `tanh_squared_error` the share (1 + tanh z) / 2 of
            the way from -1 to 1.  Several columns mean the softmax; under `sigmoid_cross_entropy`, which asks of
            each class by itself, the sigmoids over their sum; and under the losses of regression, whose outputs
            estimate the one-hot label, what is above 0 of them over its sum (equal shares where nothing is).

    Returns:
        (..., classes) floats that sum to 1 over the last axis; two columns where the logits had one.
    """
    logits = jnp.asarray(logits)
    if logits.shape[-1] > 1:
        if loss in REGRESSION:
            above = jnp.maximum(logits, 0)  # NaN stays NaN
            total = above.sum(-1, keepdims=True)
            return jnp.where(total == 0, 1 / logits.shape[-1], above / jnp.where(total == 0, 1, total))
        return jax.nn.softmax(jax.nn.log_sigmoid(logits) if loss == "sigmoid_cross_entropy" else logits)
    of_class_1 = jax.nn.sigmoid(2 * logits if loss == "tanh_squared_error" else logits)  # (1 + tanh z) / 2
    return jnp.concatenate([1 - of_class_1, of_class_1], axis=-1)


def accuracy(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """1 where the predicted class is the label's, else 0; their mean is the accuracy.

    Args:
        logits: (batch, classes) floats; with one column, the logit of class 1 against class 0.
        labels: (batch,) integer class ids, or (batch, classes) floats.

    Returns:
        (batch,) float32 zeros and ones.  An id outside [0, classes) is never matched.

    Raises:
        InputError: the shapes do not fit, or the labels are neither integers nor floats.
    """
    predicted = predict(logits)
    classes = _class_ids(logits, labels)
    return ((predicted == classes) & (predicted != NO_CLASS)).astype(jnp.float32)


def top_k_correct(logits: jax.Array, labels: jax.Array, k: int) -> jax.Array:
    """1 where the label is among the k largest logits, else 0.  `k` is static.

    Equal logits rank in the order of their classes, as in `predict`, so that a constant row does not
    count as correct for every label.

    Args:
        logits: (batch, classes) floats, at least two classes.
        labels: (batch,) integer class ids, or (batch, classes) floats.
        k: how many of the largest logits count, 1 <= k <= classes.

    Returns:
        (batch,) float32 zeros and ones.
    """
    _check_logits(logits)
    num_classes = logits.shape[-1]
    if not 1 <= k <= num_classes or num_classes < 2:
        raise InputError(
            f"`k` must lie between 1 and the number of classes (two or more); got {k} of {num_classes}."
        )
    labels = _class_ids(logits, labels)[..., None]
    classes = jax.lax.broadcasted_iota(jnp.int32, logits.shape, logits.ndim - 1)
    label_logit = jnp.where(classes == labels, logits, -jnp.inf).max(-1, keepdims=True)
    ahead = (logits > label_logit) | ((logits == label_logit) & (classes < labels))
    is_class = (labels >= 0) & (labels < num_classes) & ~jnp.isnan(logits).any(-1, keepdims=True)
    return ((ahead.sum(-1) < k) & is_class[..., 0]).astype(jnp.float32)


def confusion_matrix(labels: jax.Array, predictions: jax.Array, num_classes: int) -> jax.Array:
    """How often each class (row) was predicted as each class (column).

    Args:
        labels: (batch,) integer class ids, the truth.
        predictions: (batch,) integer class ids, such as `predict` returns.
        num_classes: rows and columns of the matrix; static.

    Returns:
        (num_classes, num_classes) int32 counts.  A pair with an id outside [0, num_classes), such as the -1 of a
        row without a prediction, is counted nowhere: the matrix then sums to less than the batch.
    """
    if labels.ndim != 1 or labels.shape != predictions.shape:
        raise InputError(
            f"`labels` and `predictions` must both be (batch,); got {labels.shape} and {predictions.shape}."
        )
    for name, ids in (("labels", labels), ("predictions", predictions)):
        if not jnp.issubdtype(ids.dtype, jnp.integer):
            raise InputError(f"`{name}` must be integer class ids; got {ids.dtype}. Use `predict` on logits.")
    rows, columns = labels.astype(jnp.int32), predictions.astype(jnp.int32)
    valid = (rows >= 0) & (rows < num_classes) & (columns >= 0) & (columns < num_classes)
    # A negative index would count from the end, so what is not valid goes past the end, where it is dropped.
    cell = jnp.where(valid, rows * num_classes + columns, num_classes**2)
    counts = jnp.zeros(num_classes**2, jnp.int32).at[cell].add(1, mode="drop")
    return counts.reshape(num_classes, num_classes)


@jax.jit
def precision_recall_f1(confusion: jax.Array) -> ClassScores:
    """Per class: precision = hits / predicted, recall = hits / support, f1 = 2 hits / (predicted + support).

    0/0 is 0 here, as in scikit-learn's `zero_division=0`: a class that is never predicted has precision 0.

    Args:
        confusion: (num_classes, num_classes) counts, rows true, as from `confusion_matrix`.
    """
    if confusion.ndim != 2 or confusion.shape[0] != confusion.shape[1]:
        raise InputError(f"`confusion` must be square, (classes, classes); got {confusion.shape}.")
    hits, predicted, support = jnp.diagonal(confusion), confusion.sum(0), confusion.sum(1)
    return ClassScores(
        precision=_ratio(hits, predicted),
        recall=_ratio(hits, support),
        f1=_ratio(2 * hits, predicted + support),
        support=support,
    )


def _check_logits(logits: jax.Array) -> None:
    if logits.ndim != 2 or logits.shape[-1] == 0 or not jnp.issubdtype(logits.dtype, jnp.floating):
        raise InputError(f"`logits` must be (batch, classes) floats; got {logits.shape} of {logits.dtype}.")


def _class_ids(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """(batch,) int32 ids from either form of labels, after checking that form against the logits."""
    if jnp.issubdtype(labels.dtype, jnp.integer):
        wanted = logits.shape[:-1]
        form = "integer `labels` are class ids"
    elif jnp.issubdtype(labels.dtype, jnp.floating):
        wanted = logits.shape
        form = "float `labels` are one-hot or soft"
    else:
        raise InputError(f"`labels` must be integer class ids or float one-hot rows; got {labels.dtype}.")
    if labels.shape != wanted:
        raise InputError(
            f"{form} and need shape {wanted} for `logits` of shape {logits.shape}; got {labels.shape}."
        )
    return _largest(labels, threshold=0.5) if labels.ndim == logits.ndim else labels.astype(jnp.int32)


def _largest(rows: jax.Array, *, threshold: float) -> jax.Array:
    """Column of the largest entry; a single column stands for class 1, taken where it exceeds `threshold`."""
    return (rows[:, 0] > threshold).astype(jnp.int32) if rows.shape[-1] == 1 else rows.argmax(-1).astype(jnp.int32)


def _ratio(numerator: jax.Array, denominator: jax.Array) -> jax.Array:
    # The inner maximum keeps the division finite where the outer `where` does not take it.
    return jnp.where(denominator > 0, numerator / jnp.maximum(denominator, 1), 0.0).astype(jnp.float32)
