"""The core of attention: softmax of scaled dot products, applied to values."""

import math

import jax
import jax.numpy as jnp

from jaxnn.errors import InputError
from jaxnn.kernels.checks import check_fit, check_floating


def attention_fwd(query: jax.Array, key: jax.Array, value: jax.Array, mask: jax.Array | None = None):
    """y = P V with P = softmax(Q K^T / sqrt(d)) over the keys.

    Args:
        query: (..., queries, d); the leading axes are batch and heads, the same for all arguments.
        key: (..., keys, d).
        value: (..., keys, d_value).
        mask: (..., queries, keys) bool, true where a query may look at a key; None for everywhere.  A query that
            may look nowhere looks everywhere alike.

    Returns:
        y (..., queries, d_value), and the residuals.  Source: Vaswani et al. 2017, equation 1.
    """
    _check_attention(query, key, value, mask)
    scores = query @ key.mT / math.sqrt(query.shape[-1])
    if mask is not None:
        scores = jnp.where(mask, scores, jnp.finfo(scores.dtype).min)
    probs = jax.nn.softmax(scores)
    return probs @ value, (query, key, value, mask, probs)


def attention_bwd(residuals, y_bar: jax.Array):
    """Cotangents of (query, key, value, mask); the mask has none.

    Three steps backwards, with S = Q K^T / sqrt(d), P = softmax(S), Y = P V (for one head; i queries, j keys):

        V_bar = P^T Y_bar                           from y_ia = sum_j P_ij v_ja
        P_bar = Y_bar V^T
        S_bar_ij = P_ij (P_bar_ij - sum_l P_bar_il P_il), 0 where masked        the softmax, row by row
        Q_bar = S_bar K / sqrt(d),      K_bar = S_bar^T Q / sqrt(d)

    Source: Dao et al. 2022 (FlashAttention), appendix B.2.
    """
    query, key, value, mask, probs = residuals
    value_bar = probs.mT @ y_bar
    probs_bar = y_bar @ value.mT
    scores_bar = probs * (probs_bar - (probs_bar * probs).sum(axis=-1, keepdims=True))
    if mask is not None:
        scores_bar = jnp.where(mask, scores_bar, 0)
    scores_bar = scores_bar / math.sqrt(query.shape[-1])
    return scores_bar @ key, scores_bar.mT @ query, value_bar, None


def _check_attention(query: jax.Array, key: jax.Array, value: jax.Array, mask: jax.Array | None) -> None:
    arrays = {"query": query, "key": key, "value": value}
    check_floating("attention", arrays)
    fits = (
        query.ndim == key.ndim == value.ndim >= 2
        and query.shape[:-2] == key.shape[:-2] == value.shape[:-2]
        and query.shape[-1] == key.shape[-1]
        and key.shape[-2] == value.shape[-2]
    )
    check_fit("attention", fits, "query (..., queries, d), key (..., keys, d), value (..., keys, d_value)", arrays)
    if mask is None:
        return
    fits = mask.shape == (*query.shape[:-1], key.shape[-2])
    check_fit("attention", fits, "a mask (..., queries, keys)", {**arrays, "mask": mask})
    if mask.dtype != jnp.bool_:
        raise InputError(f"`attention` needs a boolean `mask`; got {mask.dtype} {mask.shape}.")
