"""What a derivation promises of its result, for shapes drawn at random, sizes 0 and 1 included."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from jaxnn import backprop

quick = functools.partial(settings, max_examples=15, deadline=None, derandomize=True)
numbers = st.floats(-3, 3, width=32)


shapes = st.tuples(st.integers(0, 4), st.integers(1, 5))
matrices = shapes.flatmap(lambda shape: arrays.arrays(np.float64, shape, elements=numbers))


def run(passes, *args):
    """The arrays that `passes` makes of `args` in float64; each drawn shape is compiled, so it is compiled fast."""
    with jax.enable_x64(True):
        quick_jit = jax.jit(passes, compiler_options={"xla_backend_optimization_level": 0})
        return jax.tree.map(np.asarray, quick_jit(*args))


@quick()
@given(x=matrices, features=st.integers(1, 4), seed=st.integers(0, 9))
def test_dense_of_any_shape(x, features, seed):
    """Oracle: the products in NumPy.  An empty batch has zero gradients of the right shapes."""
    rng = np.random.default_rng(seed)
    kernel, bias = rng.normal(size=(x.shape[1], features)), rng.normal(size=features)
    y_bar = rng.normal(size=(len(x), features))

    def passes(x, kernel, bias, y_bar):
        y, residuals = backprop.dense_fwd(x, kernel, bias)
        return y, *backprop.dense_bwd(residuals, y_bar)

    y, x_bar, kernel_bar, bias_bar = run(passes, x, kernel, bias, y_bar)
    for found, wanted in (
        (y, x @ kernel + bias),
        (x_bar, y_bar @ kernel.T),
        (kernel_bar, x.T @ y_bar),
        (bias_bar, y_bar.sum(0)),
    ):
        np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-12)


@quick()
@given(logits=matrices, smoothing=st.sampled_from([None, 0.0, 0.1, 1.0]), seed=st.integers(0, 9))
def test_gradient_of_cross_entropy_sums_to_zero_in_each_row(logits, smoothing, seed):
    """Adding a constant to all logits of a row changes nothing."""
    labels = np.random.default_rng(seed).integers(0, logits.shape[1], len(logits))

    def passes(logits, labels):
        losses, residuals = backprop.softmax_cross_entropy_fwd(logits, labels, smoothing=smoothing)
        return backprop.softmax_cross_entropy_bwd(residuals, jnp.ones_like(losses))[0]

    logits_bar = run(passes, logits, labels)
    np.testing.assert_allclose(logits_bar.sum(axis=1), 0, atol=1e-14)


@quick()
@given(x=matrices)
def test_jacobian_of_softmax_is_symmetric_and_kills_constants(x):
    def passes(x):
        y, residuals = backprop.softmax_fwd(x)
        units = [jnp.broadcast_to(unit[None], y.shape) for unit in jnp.eye(y.shape[1], dtype=y.dtype)]
        return jnp.stack([backprop.softmax_bwd(residuals, unit)[0] for unit in units], axis=-1)

    jacobian = run(passes, x)
    np.testing.assert_allclose(jacobian, jacobian.swapaxes(-1, -2), atol=1e-15)
    np.testing.assert_allclose(jacobian.sum(axis=-1), 0, atol=1e-15)


@quick()
@given(
    shape=st.one_of(
        st.tuples(st.integers(1, 6), st.integers(1, 3)),
        st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3)),
    ),
    seed=st.integers(0, 9),
)
def test_gradient_of_batch_norm_is_orthogonal_to_ones_and_to_x_hat(shape, seed):
    """sum dx = 0 always; sum dx x_hat = 0 for epsilon = 0; both for every channel."""
    rng = np.random.default_rng(seed)
    x, y_bar = rng.normal(size=shape), rng.normal(size=shape)
    scale, bias = rng.normal(size=(2, shape[-1]))
    many = np.prod(shape[:-1]) > 1  # the variance of a single value is 0

    def passes(x, scale, bias, y_bar):
        _, residuals = backprop.batch_norm_fwd(x, scale, bias, epsilon=0.0 if many else 1.0)
        return backprop.batch_norm_bwd(residuals, y_bar)[0], residuals.x_hat

    x_bar, x_hat = run(passes, x, scale, bias, y_bar)
    axes = tuple(range(len(shape) - 1))
    np.testing.assert_allclose(x_bar.sum(axis=axes), 0, atol=1e-8)
    np.testing.assert_allclose((x_bar * x_hat).sum(axis=axes), 0, atol=1e-8)


def test_batch_norm_of_one_value_has_no_gradient_for_x():
    """A single value is its own mean: y is the bias, whatever x."""
    one = jnp.ones((1, 2))
    y, residuals = backprop.batch_norm_fwd(one * 5, one[0] * 3, one[0] * 2)
    np.testing.assert_array_equal(y, one * 2)
    np.testing.assert_array_equal(backprop.batch_norm_bwd(residuals, one)[0], 0 * one)


def test_softmax_then_negative_log_likelihood_is_cross_entropy():
    """Two pairs chained by hand give p - onehot."""
    logits, labels = jax.random.normal(jax.random.key(0), (4, 3)), jnp.asarray([0, 2, 1, 1])
    probs, of_softmax = backprop.softmax_fwd(logits)
    losses, of_likelihood = backprop.negative_log_likelihood_fwd(probs, labels)
    probs_bar, _ = backprop.negative_log_likelihood_bwd(of_likelihood, jnp.ones_like(losses))
    (logits_bar,) = backprop.softmax_bwd(of_softmax, probs_bar)
    np.testing.assert_allclose(logits_bar, probs - jax.nn.one_hot(labels, 3), atol=1e-6)


def test_embedding_rows_that_nobody_reads_get_nothing_and_twice_read_ones_twice():
    table, indices = jnp.zeros((4, 2)), jnp.asarray([1, 3, 1])
    _, residuals = backprop.embedding_fwd(table, indices)
    table_bar, indices_bar = backprop.embedding_bwd(
        residuals, jnp.asarray([[1.0, 2.0], [10.0, 20.0], [100.0, 200.0]])
    )
    np.testing.assert_array_equal(table_bar, [[0, 0], [101, 202], [0, 0], [10, 20]])
    assert indices_bar is None
