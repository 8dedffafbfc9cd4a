"""One or more worked points for every pair: arguments away from kinks, and the same function written another way.

`gradcheck`, the planted bugs and the tests all go through this table, so a pair that is added here is proven
everywhere.  A reference is the function as jax.nn, jax.lax or a textbook formula gives it, never our own code.
"""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxnn.backprop.pairs import PAIRS, Pair


class Example(NamedTuple):
    """A pair with options, the arguments at which it is examined, and a reference (*args) -> y."""

    name: str
    pair: str
    options: dict[str, Any]
    args: tuple
    reference: Callable

    def bound(self, pair: Pair) -> Pair:
        """The pair (this one's, or a damaged one) with the options bound to its forward pass."""
        return Pair(functools.partial(pair.fwd, **self.options), pair.bwd)


def examples() -> list[Example]:
    """All examples, in the order of the table of pairs."""
    rows = _layers() + _images() + _norms() + _activations() + _losses() + _penalties()
    order = list(PAIRS)
    return sorted(rows, key=lambda row: order.index(row.pair))


def away_from_zero(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Random numbers of both signs with 0.2 <= |x| <= 1.5: no step of the checker crosses a kink at 0."""
    return (rng.uniform(0.2, 1.5, shape) * rng.choice([-1, 1], shape)).astype(np.float32)


def well_apart(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Random numbers of which no two are closer than 0.1, so that no step changes which is the largest."""
    return (rng.permutation(math.prod(shape)).reshape(shape) * 0.1 - math.prod(shape) * 0.05).astype(np.float32)


def _normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.normal(size=shape).astype(np.float32)


def _example(name: str, args: tuple, reference: Callable, note: str = "", **options: Any) -> Example:
    return Example(f"{name} {note}".strip(), name, options, args, reference)


def _layers() -> list[Example]:
    rng = np.random.default_rng(1)
    x, kernel, bias = _normal(rng, 5, 4), _normal(rng, 4, 3), _normal(rng, 3)
    keep = rng.uniform(size=(5, 4)) > 0.4
    table, indices = _normal(rng, 6, 3), np.array([[0, 2, 2], [5, 0, 2]])
    query, key, value = _normal(rng, 2, 3, 4, 5), _normal(rng, 2, 3, 6, 5), _normal(rng, 2, 3, 6, 2)
    mask = rng.uniform(size=(2, 3, 4, 6)) > 0.3
    images = _normal(rng, 2, 3, 4, 2)
    square, wide = _normal(rng, 3, 3), (_normal(rng, 2, 9), _normal(rng, 9, 10), _normal(rng, 10))
    return [
        _example("dense", (square, square.T @ square, bias), lambda x, k, b: jnp.matmul(x, k) + b[None], "square"),
        _example("dense", wide, lambda x, k, b: jnp.einsum("ik,kj->ij", x, k) + b[None], "wide"),
        _example("dense", (x, kernel, bias), lambda x, k, b: jnp.einsum("ik,kj->ij", x, k) + b[None]),
        _example("linear", (x, kernel), lambda x, k: jnp.einsum("ik,kj->ij", x, k)),
        _example("bias", (images, _normal(rng, 2)), lambda x, b: x + jnp.broadcast_to(b, x.shape)),
        _example("dropout", (x, keep), lambda x, keep: x * keep / 0.6, rate=0.4),
        _example(
            "flatten", (images,), lambda x: jnp.concatenate([x[:, i, j] for i in range(3) for j in range(4)], 1)
        ),
        _example("reshape", (images,), lambda x: jax.vmap(jnp.ravel)(x).reshape(2, 6, 4), shape=(6, 4)),
        _example("upsample", (images,), lambda x: jnp.kron(x, jnp.ones((1, 2, 3, 1), x.dtype)), size=(2, 3)),
        _example("embedding", (table, indices), lambda t, i: jax.nn.one_hot(i, 6, dtype=t.dtype) @ t),
        _example("residual", (x, _normal(rng, 5, 4)), jnp.add),
        _example("attention", (query, key, value), _attention),
        _example("attention", (query, key, value, mask), _attention, "masked"),
    ]


def _images() -> list[Example]:
    rng = np.random.default_rng(2)
    x, kernel = _normal(rng, 2, 5, 6, 4), _normal(rng, 3, 2, 4, 6)
    explicit = ((2, 0), (1, 3))
    rows = [
        _conv("3x2", x, kernel),
        _conv("strided", x, kernel, strides=(2, 3), padding="VALID"),
        _conv("padded, dilated", x, kernel, padding=explicit, dilation=(2, 1)),
        _conv("grouped", x, _normal(rng, 3, 2, 2, 6), strides=(2, 1), groups=2),
        _conv("one image", x[:1], kernel),
        _conv("in XLA's form", x, _normal(rng, 3, 2, 2, 6), strides=(2, 1), padding=explicit, groups=2, form="xla"),
        _conv("in XLA's form, dilated", x, kernel, padding=explicit, dilation=(1, 2), form="xla"),
    ]
    even = well_apart(rng, 2, 4, 6, 2)
    negative = well_apart(rng, 2, 5, 6, 2) - np.float32(10)  # so that zeros in the padding would win
    for note, images, window, options in (
        ("2x2", even, (2, 2), {}),
        ("2x2, a row left over", negative, (2, 2), {}),
        ("overlapping", negative, (3, 3), {"strides": (2, 2), "padding": "SAME"}),
        ("5x4", negative, (5, 4), {"strides": (1, 2), "padding": ((1, 0), (1, 2))}),
    ):
        reference = functools.partial(_max_pool, window=window, **options)
        rows.append(_example("max_pool", (images,), reference, note, window=window, **options))
        for counts in (True, False):
            reference = functools.partial(_avg_pool, window=window, count_padding=counts, **options)
            counted = note + (", counting padding" if counts else "")
            options_ = {**options, "count_padding": counts}
            rows.append(_example("avg_pool", (images,), reference, counted, window=window, **options_))
    return rows


def _norms() -> list[Example]:
    rng = np.random.default_rng(3)
    scale, bias, mean = away_from_zero(rng, 3), _normal(rng, 3), _normal(rng, 3)
    var = rng.uniform(0.5, 2, 3).astype(np.float32)
    x, images = _normal(rng, 6, 3), _normal(rng, 2, 3, 2, 3)
    return [
        _example("batch_norm", (x, scale, bias), lambda x, s, b: _normed(x, s, b, (0,), 0.1), epsilon=0.1),
        _example("batch_norm", (images, scale, bias), lambda x, s, b: _normed(x, s, b, (0, 1, 2), 1e-3), "images"),
        _example("batch_norm_eval", (images, scale, bias, mean, var), _batch_norm_eval, epsilon=0.1),
        _example("layer_norm", (x, scale, bias), lambda x, s, b: _normed(x, s, b, (-1,), 0.1), epsilon=0.1),
    ]


def _activations() -> list[Example]:
    rng = np.random.default_rng(4)
    x = away_from_zero(rng, 4, 5)
    functions = {
        "identity": lambda x: x,
        "relu": jax.nn.relu,
        "leaky_relu": jax.nn.leaky_relu,
        "elu": jax.nn.elu,
        "gelu": functools.partial(jax.nn.gelu, approximate=False),
        "gelu_tanh": functools.partial(jax.nn.gelu, approximate=True),
        "silu": jax.nn.silu,
        "softplus": jax.nn.softplus,
        "sigmoid": jax.nn.sigmoid,
        "tanh": jnp.tanh,
        "softmax": jax.nn.softmax,
        "log_softmax": jax.nn.log_softmax,
    }
    return [_example(name, (x,), function) for name, function in functions.items()]


def _losses() -> list[Example]:
    rng = np.random.default_rng(5)
    z, labels = _normal(rng, 5, 4), np.array([3, 0, 1, 1, 2])
    soft = rng.dirichlet(np.ones(4), 5).astype(np.float32)
    probs = rng.uniform(0.2, 1, (5, 4)).astype(np.float32)
    error = away_from_zero(rng, 5, 4) * 0.5
    large = rng.choice([-1, 1], (5, 4)).astype(np.float32) * 2 + error
    onehot = lambda y: jax.nn.one_hot(y, 4)
    name = "softmax_cross_entropy"
    rows = [
        _example(name, (z, labels), lambda z, y: _cross_entropy(z, onehot(y)), "integer labels"),
        _example(
            name,
            (z, labels),
            lambda z, y: _cross_entropy(z, _smooth(onehot(y))),
            "smoothed",
            smoothing=0.1,
        ),
        _example(name, (z, soft), _cross_entropy, "soft labels"),
        _example(name, (z, soft), lambda z, t: _cross_entropy(z, _smooth(t)), "soft, smoothed", smoothing=0.1),
        _example("negative_log_likelihood", (probs, labels), lambda p, y: -jnp.log(p[jnp.arange(5), y])),
        _example("sigmoid_cross_entropy", (z, soft), _binary),
        _example("sigmoid_cross_entropy", (z, labels), lambda z, y: _binary(z, onehot(y)), "integer labels"),
        _example("binary_cross_entropy", (z[:, :1], soft[:, :1]), _binary),
        _example(
            "binary_cross_entropy", (z[:, :1], labels % 2), lambda z, y: _binary(z, y[:, None]), "integer labels"
        ),
        _example("tanh_squared_error", (z[:, :1], soft[:, :1]), _playground),
        _example(
            "tanh_squared_error", (z[:, :1], labels % 2), lambda z, y: _playground(z, y[:, None]), "integer labels"
        ),
    ]
    differences = {
        "squared_error": lambda e: e * e,
        "half_squared_error": lambda e: e * e / 2,
        "absolute_error": lambda e: jnp.maximum(e, -e),
        "huber": lambda e: jnp.where(jnp.maximum(e, -e) < 1, e * e / 2, jnp.maximum(e, -e) - 0.5),
    }
    for name, h in differences.items():
        reference = lambda y, t, h=h: jnp.stack([h(a - b).sum() / a.size for a, b in zip(y, t, strict=True)])
        rows.append(_example(name, (z, z - error), reference))
    rows.append(_example("huber", (z, z - large), reference, "far away"))
    return rows


def _penalties() -> list[Example]:
    rng = np.random.default_rng(6)
    x = away_from_zero(rng, 4, 5)
    return [
        _example("l1", (x,), lambda w: jnp.linalg.norm(w.ravel(), 1)),
        _example("l2", (x,), lambda w: jnp.vdot(w, w)),
        _example("activity_l1", (x,), lambda a: jnp.maximum(a, -a).sum(axis=1).mean()),
    ]


def _conv(note: str, x: np.ndarray, kernel: np.ndarray, **options: Any) -> Example:
    return _example("conv2d", (x, kernel), functools.partial(_correlate, **options), note, **options)


def _correlate(x, kernel, *, strides=(1, 1), padding="SAME", dilation=(1, 1), groups=1, form=None):
    return lax.conv_general_dilated(
        x,
        kernel,
        strides,
        padding,
        rhs_dilation=dilation,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=groups,
    )


def _reduce(x, start, operation, window, strides, padding):
    padding = padding if isinstance(padding, str) else ((0, 0), *padding, (0, 0))
    return lax.reduce_window(x, start, operation, (1, *window, 1), (1, *strides, 1), padding)


def _max_pool(x, *, window, strides=None, padding="VALID"):
    return _reduce(x, -jnp.inf, lax.max, window, strides or window, padding)


def _avg_pool(x, *, window, count_padding, strides=None, padding="VALID"):
    cells = jnp.full_like(x, 1)
    counted = _reduce(cells, 0.0, lax.add, window, strides or window, padding)
    total = _reduce(x, 0.0, lax.add, window, strides or window, padding)
    return total / (math.prod(window) if count_padding else counted)


def _normed(x, scale, bias, axes, epsilon):
    std = jnp.sqrt(x.var(axis=axes, keepdims=True) + epsilon)
    scale, bias = (jnp.broadcast_to(v, x.shape) for v in (scale, bias))
    return (x - x.mean(axis=axes, keepdims=True)) / std * scale + bias


def _batch_norm_eval(x, scale, bias, mean, var):
    scale, bias, mean, var = (jnp.broadcast_to(v, x.shape) for v in (scale, bias, mean, var))
    return scale * (x - mean) / jnp.sqrt(var + 0.1) + bias


def _attention(query, key, value, mask=None):
    scores = jnp.einsum("bhqd,bhkd->bhqk", query, key) / math.sqrt(query.shape[-1])
    weights = jnp.exp(scores) * (1 if mask is None else mask)
    return jnp.einsum("bhqk,bhkd->bhqd", weights / weights.sum(axis=-1, keepdims=True), value)


def _cross_entropy(logits, targets):
    return -(targets * jnp.log(jnp.exp(logits) / jnp.exp(logits).sum(axis=1, keepdims=True))).sum(axis=1)


def _smooth(targets):
    return 0.9 * targets + 0.1 / targets.shape[1]


def _playground(logits, targets):
    up, down = jnp.exp(logits), jnp.exp(-logits)
    return 0.5 * ((up - down) / (up + down) - (2 * targets - 1))[:, 0] ** 2


def _binary(logits, targets):
    p = 1 / (1 + jnp.exp(-logits))
    return -(targets * jnp.log(p) + (1 - targets) * jnp.log(1 - p)).mean(axis=1)
