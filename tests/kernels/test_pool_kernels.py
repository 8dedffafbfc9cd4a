"""Pooling: oracle jax.lax.reduce_window and its autodiff; ties, NaN and padding by hand."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from jaxnn.errors import InputError
from jaxnn.kernels import avg_pool, max_pool

_jit = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})


def reduce_window(x, start, operation, window, strides, padding):
    padding = padding if isinstance(padding, str) else ((0, 0), *padding, (0, 0))
    return lax.reduce_window(x, start, operation, (1, *window, 1), (1, *(strides or window), 1), padding)


def mean_window(x, window, strides, padding, count_padding):
    total = reduce_window(x, 0.0, lax.add, window, strides, padding)
    cells = (
        math.prod(window)
        if count_padding
        else reduce_window(jnp.ones_like(x), 0.0, lax.add, window, strides, padding)
    )
    return total / cells


def value_and_vjp(function, x):
    y, vjp = jax.vjp(function, x)
    return y, vjp(jnp.cos(jnp.arange(y.size, dtype=y.dtype)).reshape(y.shape))[0]


@settings(max_examples=20, deadline=None, derandomize=True)
@given(
    batch=st.integers(0, 2),
    size=st.tuples(st.integers(4, 7), st.integers(5, 7)),
    window=st.tuples(st.integers(1, 4), st.integers(1, 5)),
    strides=st.one_of(st.none(), st.tuples(st.integers(1, 3), st.integers(1, 3))),
    padding=st.sampled_from(["SAME", "VALID", "ONE"]),
    count_padding=st.booleans(),
)
def test_any_option_agrees_with_reduce_window(batch, size, window, strides, padding, count_padding):
    if padding == "ONE":  # one cell before, where the window is larger than that
        padding = tuple((min(k - 1, 1), 0) for k in window)
    shape = (batch, *size, 2)
    x = np.random.default_rng(0).permutation(math.prod(shape)).reshape(shape) - 500.0  # no ties, all negative
    with jax.enable_x64(True):
        for found, wanted in (
            (
                functools.partial(max_pool, window=window, strides=strides, padding=padding),
                lambda x: reduce_window(x, -jnp.inf, lax.max, window, strides, padding),
            ),
            (
                functools.partial(
                    avg_pool, window=window, strides=strides, padding=padding, count_padding=count_padding
                ),
                lambda x: mean_window(x, window, strides, padding, count_padding),
            ),
        ):
            passes = _jit(functools.partial(value_and_vjp, found))(x)
            for a, b in zip(passes, _jit(functools.partial(value_and_vjp, wanted))(x), strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("window", [(2, 2), (5, 4)])  # pooled at once, and along the width and then the height
def test_first_maximum_in_reading_order_takes_a_tie(window):
    height, width = window
    x = np.zeros((1, height, width, 1), np.float32)
    for row in range(height):
        for column in range(width):  # maxima from this cell to the end of the window
            x.reshape(-1)[: row * width + column] = -1
            grad = jax.grad(lambda x: max_pool(x, window).sum())(jnp.asarray(x))
            wanted = np.zeros_like(x)
            wanted[0, row, column, 0] = 1
            np.testing.assert_array_equal(grad, wanted)


@pytest.mark.parametrize(
    ("size", "window"), [((4, 6), (2, 2)), ((5, 6), (2, 2)), ((4, 8), (2, 3)), ((11, 9), (5, 4))]
)
def test_windows_side_by_side(size, window):
    """What is left over at the bottom and at the right is in no window and receives nothing."""
    x = np.random.default_rng(0).permutation(2 * math.prod(size) * 3).reshape(2, *size, 3) * 1.0
    with jax.enable_x64(True):
        found = jax.jit(functools.partial(value_and_vjp, functools.partial(max_pool, window=window)))(x)
        wanted = _jit(
            functools.partial(value_and_vjp, lambda x: reduce_window(x, -jnp.inf, lax.max, window, None, "VALID"))
        )(x)
        for a, b in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(a, b)


def test_overlapping_windows_add_up_at_the_common_winner():
    x = jnp.asarray([0.0, 1.0, 5.0, 2.0, 3.0]).reshape(1, 1, 5, 1)
    grad = jax.grad(
        lambda x: (max_pool(x, (1, 3), strides=(1, 1)).ravel() * jnp.asarray([1.0, 10.0, 100.0])).sum()
    )(x)
    np.testing.assert_array_equal(grad.ravel(), [0, 0, 111, 0, 0])


@pytest.mark.parametrize("place", range(4))
def test_nan_in_a_window_gives_nan(place):
    x = jnp.arange(4.0).at[place].set(jnp.nan).reshape(1, 2, 2, 1)
    assert jnp.isnan(max_pool(x, (2, 2))).all()
    assert jnp.isnan(avg_pool(x, (2, 2))).all()


def test_padding_never_wins():
    x = jnp.full((1, 3, 3, 1), -7.0)
    np.testing.assert_array_equal(max_pool(x, (2, 2), padding="SAME"), jnp.full((1, 2, 2, 1), -7.0))


@pytest.mark.parametrize("window", [(3, 2), (5, 4)])  # pooled at once, and in two steps
def test_padding_never_wins_over_infinity(window):
    """Each cotangent reaches the first cell of its window that is in the image, though nothing is above -inf."""
    padding = tuple((size - 1, size - 1) for size in window)
    x = jnp.full((1, 4, 5, 1), -jnp.inf)
    y, vjp = jax.vjp(lambda x: max_pool(x, window, strides=(1, 1), padding=padding), x)
    wanted = np.zeros(x.shape)
    for row in range(y.shape[1]):
        for column in range(y.shape[2]):
            wanted[0, max(row - padding[0][0], 0), max(column - padding[1][0], 0), 0] += 1
    np.testing.assert_array_equal(vjp(jnp.ones_like(y))[0], wanted)


def test_averages_with_and_without_padding():
    """A corner window of SAME 3x3 sees 4 of 9 cells."""
    x = jnp.ones((1, 3, 3, 1))
    pool = functools.partial(avg_pool, window=(3, 3), strides=(1, 1), padding="SAME")
    assert float(pool(x)[0, 0, 0, 0]) == pytest.approx(4 / 9)
    np.testing.assert_allclose(pool(x, count_padding=False), x, rtol=1e-6)


def test_gradient_of_max_pool_is_deterministic_on_a_gpu():
    """select-and-scatter and scatter, the two that are not, do not occur in the program for it."""
    grad = jax.jit(jax.grad(lambda x: max_pool(x, (3, 3), strides=(2, 2)).sum()))
    text = grad.trace(jnp.zeros((2, 8, 8, 3))).lower(lowering_platforms=("cuda",)).as_text()
    assert "scatter" not in text


def test_vmap_is_a_loop():
    x = jax.random.normal(jax.random.key(0), (3, 2, 4, 6, 2))
    for pool in (max_pool, avg_pool):
        both = functools.partial(value_and_vjp, lambda x, pool=pool: pool(x, (2, 3), strides=(1, 2)))
        for found, wanted in zip(jax.jit(jax.vmap(both))(x), jax.jit(lambda x: lax.map(both, x))(x), strict=True):  # noqa: B023
            np.testing.assert_allclose(found, wanted, rtol=1e-6)


@pytest.mark.parametrize("pool", [max_pool, avg_pool])
def test_bad_input_is_named(pool):
    x = jnp.zeros((1, 4, 4, 1))
    with pytest.raises(InputError, match=r"window of \(5, 1\) .* does not fit"):
        pool(x, (5, 1))
    with pytest.raises(InputError, match="sees nothing but padding"):
        pool(x, (2, 2), padding=((2, 0), (0, 0)))
    with pytest.raises(InputError, match=r"window` must be two positive integers .* got \(0, 2\)"):
        pool(x, (0, 2))
    with pytest.raises(InputError, match="floating `x`; got uint8"):
        pool(x.astype(jnp.uint8), (2, 2))
