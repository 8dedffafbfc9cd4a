"""The table of all hand-derived pairs, by name."""

from collections.abc import Callable
from typing import NamedTuple

from jaxnn import kernels
from jaxnn.backprop import activations, attention, dense, dropout, losses, norm, penalties, structure
from jaxnn.errors import unknown


class Pair(NamedTuple):
    """fwd(*args, **options) -> (y, residuals) and bwd(residuals, y_bar) -> one cotangent (or None) an argument."""

    fwd: Callable
    bwd: Callable


LAYERS = {
    "dense": Pair(dense.dense_fwd, dense.dense_bwd),
    "linear": Pair(dense.linear_fwd, dense.linear_bwd),
    "bias": Pair(dense.bias_fwd, dense.bias_bwd),
    "conv2d": Pair(kernels.conv2d_fwd, kernels.conv2d_bwd),
    "max_pool": Pair(kernels.max_pool_fwd, kernels.max_pool_bwd),
    "avg_pool": Pair(kernels.avg_pool_fwd, kernels.avg_pool_bwd),
    "batch_norm": Pair(norm.batch_norm_fwd, norm.batch_norm_bwd),
    "batch_norm_eval": Pair(norm.batch_norm_eval_fwd, norm.batch_norm_eval_bwd),
    "layer_norm": Pair(norm.layer_norm_fwd, norm.layer_norm_bwd),
    "dropout": Pair(dropout.dropout_fwd, dropout.dropout_bwd),
    "flatten": Pair(structure.flatten_fwd, structure.flatten_bwd),
    "reshape": Pair(structure.reshape_fwd, structure.reshape_bwd),
    "upsample": Pair(structure.upsample_fwd, structure.upsample_bwd),
    "embedding": Pair(structure.embedding_fwd, structure.embedding_bwd),
    "residual": Pair(structure.residual_fwd, structure.residual_bwd),
    "attention": Pair(attention.attention_fwd, attention.attention_bwd),
}

ACTIVATIONS = {
    "identity": Pair(activations.identity_fwd, activations.identity_bwd),
    "relu": Pair(activations.relu_fwd, activations.relu_bwd),
    "leaky_relu": Pair(activations.leaky_relu_fwd, activations.leaky_relu_bwd),
    "elu": Pair(activations.elu_fwd, activations.elu_bwd),
    "gelu": Pair(activations.gelu_fwd, activations.gelu_bwd),
    "gelu_tanh": Pair(activations.gelu_tanh_fwd, activations.gelu_tanh_bwd),
    "silu": Pair(activations.silu_fwd, activations.silu_bwd),
    "softplus": Pair(activations.softplus_fwd, activations.softplus_bwd),
    "sigmoid": Pair(activations.sigmoid_fwd, activations.sigmoid_bwd),
    "tanh": Pair(activations.tanh_fwd, activations.tanh_bwd),
    "softmax": Pair(activations.softmax_fwd, activations.softmax_bwd),
    "log_softmax": Pair(activations.log_softmax_fwd, activations.log_softmax_bwd),
}

LOSSES = {
    "softmax_cross_entropy": Pair(losses.softmax_cross_entropy_fwd, losses.softmax_cross_entropy_bwd),
    "sigmoid_cross_entropy": Pair(losses.sigmoid_cross_entropy_fwd, losses.sigmoid_cross_entropy_bwd),
    "binary_cross_entropy": Pair(losses.binary_cross_entropy_fwd, losses.binary_cross_entropy_bwd),
    "tanh_squared_error": Pair(losses.tanh_squared_error_fwd, losses.tanh_squared_error_bwd),
    "squared_error": Pair(losses.squared_error_fwd, losses.squared_error_bwd),
    "half_squared_error": Pair(losses.half_squared_error_fwd, losses.half_squared_error_bwd),
    "absolute_error": Pair(losses.absolute_error_fwd, losses.absolute_error_bwd),
    "huber": Pair(losses.huber_fwd, losses.huber_bwd),
    "negative_log_likelihood": Pair(losses.negative_log_likelihood_fwd, losses.negative_log_likelihood_bwd),
}

PENALTIES = {
    "l1": Pair(penalties.l1_fwd, penalties.l1_bwd),
    "l2": Pair(penalties.l2_fwd, penalties.l2_bwd),
    "activity_l1": Pair(penalties.activity_l1_fwd, penalties.activity_l1_bwd),
}

PAIRS = {**LAYERS, **ACTIVATIONS, **LOSSES, **PENALTIES}


def pair(name: str) -> Pair:
    """The pair called `name`.

    Raises:
        InputError: there is no hand-derived pair of that name; the message has the nearest one.
    """
    if name not in PAIRS:
        raise unknown("hand-derived pair", name, PAIRS)
    return PAIRS[name]
