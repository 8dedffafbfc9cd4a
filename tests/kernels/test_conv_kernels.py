"""Convolution: oracle jax.lax.conv_general_dilated and its autodiff, in float64."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from jaxnn.errors import InputError
from jaxnn.kernels import conv2d, conv2d_bwd, conv2d_fwd

# Each drawn shape is compiled: fast compilation matters, fast code does not.
_jit = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})


def correlate(x, kernel, *, strides=(1, 1), padding="SAME", dilation=(1, 1), groups=1):
    """The oracle."""
    return lax.conv_general_dilated(
        x,
        kernel,
        strides,
        padding,
        rhs_dilation=dilation,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=groups,
    )


def draw(seed, x_shape, kernel_shape):
    rng = np.random.default_rng(seed)
    return rng.normal(size=x_shape), rng.normal(size=kernel_shape)


small = st.integers(1, 3)
pairs = st.tuples(small, small)
margins = st.tuples(st.tuples(small, small), st.tuples(small, small)).map(
    lambda margins: tuple((low - 1, high - 1) for low, high in margins)
)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    form=st.sampled_from(["matmul", "xla"]),
    batch=st.integers(0, 2),
    size=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    kernel_size=pairs,
    strides=pairs,
    padding=st.one_of(st.sampled_from(["SAME", "VALID"]), margins),
    dilation=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    groups=small,
    channels=st.sampled_from([1, 2, 33]),
    features=small,
)
def test_any_option_agrees_with_lax(
    form, batch, size, kernel_size, strides, padding, dilation, groups, channels, features
):
    x, kernel = draw(0, (batch, *size, channels * groups), (*kernel_size, channels, features * groups))
    options = {"strides": strides, "padding": padding, "dilation": dilation, "groups": groups}
    with jax.enable_x64(True):
        extents = [(k - 1) * d + 1 for k, d in zip(kernel_size, dilation, strict=True)]
        margin = ((0, 0), (0, 0)) if isinstance(padding, str) else padding
        fits = all(n + sum(p) >= e for n, p, e in zip(size, margin, extents, strict=True))
        if padding != "SAME" and not fits:
            with pytest.raises(InputError, match="does not fit"):
                conv2d(x, kernel, form=form, **options)
            return
        _, grads = both_passes(conv2d_fwd, conv2d_bwd, x, kernel, {"form": form, **options})
        y, wanted = autodiff(x, kernel, options)
        np.testing.assert_allclose(grads[0], y, rtol=1e-10, atol=1e-12)
        for found, true in zip(grads[1:], wanted, strict=True):
            np.testing.assert_allclose(found, true, rtol=1e-10, atol=1e-12)


def both_passes(fwd, bwd, x, kernel, options):
    @_jit
    def run(x, kernel):
        y, residuals = fwd(x, kernel, **options)
        return residuals, (y, *bwd(residuals, jnp.cos(jnp.arange(y.size, dtype=y.dtype)).reshape(y.shape)))

    return run(x, kernel)


def autodiff(x, kernel, options):
    @_jit
    def run(x, kernel):
        y, vjp = jax.vjp(functools.partial(correlate, **options), x, kernel)
        return y, vjp(jnp.cos(jnp.arange(y.size, dtype=y.dtype)).reshape(y.shape))

    return run(x, kernel)


def test_custom_vjp_is_the_pair():
    x, kernel = (jnp.asarray(a, jnp.float32) for a in draw(1, (2, 5, 4, 2), (3, 2, 2, 3)))
    grads = jax.jit(jax.grad(lambda x, k: (conv2d(x, k, strides=(2, 1)) ** 2).sum(), (0, 1)))(x, kernel)
    wanted = jax.jit(jax.grad(lambda x, k: (correlate(x, k, strides=(2, 1)) ** 2).sum(), (0, 1)))(x, kernel)
    for found, true in zip(grads, wanted, strict=True):
        np.testing.assert_allclose(found, true, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("groups", [1, 2])
def test_population_of_kernels_agrees_with_one_by_one_and_is_no_convolution_on_cpu(groups):
    """A population vmaps the kernel; on CPU none of it may become a (grouped) convolution."""
    x, kernels = (jnp.asarray(a, jnp.float32) for a in draw(2, (2, 5, 4, 4), (3, 2, 2, 4 // groups, 6)))
    grads = jax.grad(lambda k, x: (conv2d(x, k, groups=groups) ** 2).sum(), (0, 1))
    program = jax.jit(jax.vmap(grads, (0, None))).lower(kernels, x)
    assert "convolution" not in program.as_text()
    one_by_one = jax.jit(lambda kernels: lax.map(lambda k: grads(k, x), kernels))(kernels)
    for found, wanted in zip(program.compile()(kernels, x), one_by_one, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


def test_other_platforms_get_the_convolution_of_xla():
    x, kernel = (jnp.asarray(a, jnp.float32) for a in draw(3, (2, 5, 4, 4), (3, 2, 4, 6)))
    grads = jax.jit(jax.grad(lambda k, x: (conv2d(x, k) ** 2).sum(), (0, 1)))
    text = grads.trace(kernel, x).lower(lowering_platforms=("cuda",)).as_text()
    assert text.count("stablehlo.convolution") == 3  # forward and two transposes
    assert "dot_general" not in text


def test_hessian_by_forward_over_reverse():
    """The custom VJP stops plain forward mode; second derivatives go forward over reverse."""
    x, kernel = (jnp.asarray(a, jnp.float32) for a in draw(4, (1, 4, 4, 1), (2, 2, 1, 1)))
    hessian = lambda f: jax.jit(jax.jacfwd(jax.grad(lambda k: (f(x, k) ** 3).sum())))
    np.testing.assert_allclose(hessian(conv2d)(kernel), hessian(correlate)(kernel), rtol=1e-4)


@pytest.mark.parametrize(
    ("x_shape", "kernel_shape", "options", "message"),
    [
        ((5, 4, 2), (3, 3, 2, 1), {}, r"x of shape \(batch, height, width, channels\); got \(5, 4, 2\)"),
        ((1, 5, 4, 2), (3, 2, 1), {}, r"kernel of shape .*; got \(3, 2, 1\)"),
        ((1, 5, 4, 2), (3, 3, 3, 1), {}, r"x \(1, 5, 4, 2\) has 2 channels, kernel \(3, 3, 3, 1\) .* takes 3"),
        ((1, 5, 4, 2), (3, 3, 1, 3), {"groups": 2}, "must divide the 3 features of the kernel; got 2"),
        ((1, 5, 4, 2), (3, 3, 2, 1), {"padding": "SAMME"}, "`SAMME` is not a known padding: did you mean `SAME`"),
        ((1, 5, 4, 2), (3, 3, 2, 1), {"padding": ((1, -1), (0, 0))}, "integers from 0 up"),
        (
            (1, 5, 4, 2),
            (3, 3, 2, 1),
            {"strides": (0, 1)},
            r"`strides` must be two positive integers .* got \(0, 1\)",
        ),
        ((1, 5, 4, 2), (3, 3, 2, 1), {"dilation": 2}, "`dilation` must be two positive integers"),
        (
            (1, 2, 4, 2),
            (3, 3, 2, 1),
            {"padding": "VALID"},
            r"window of \(3, 3\) .* does not fit into images of \(2, 4\)",
        ),
        ((1, 5, 4, 2), (3, 3, 2, 1), {"form": "matmull"}, "did you mean `matmul`"),
    ],
)
def test_bad_input_is_named(x_shape, kernel_shape, options, message):
    with pytest.raises(InputError, match=message):
        conv2d(jnp.zeros(x_shape), jnp.zeros(kernel_shape), **options)


def test_integers_and_mixed_dtypes_are_refused():
    x, kernel = jnp.zeros((1, 4, 4, 1)), jnp.zeros((2, 2, 1, 1))
    with pytest.raises(InputError, match="floating `x`; got int32"):
        conv2d(x.astype(jnp.int32), kernel)
    with pytest.raises(InputError, match="one dtype; got `x` float32, `kernel` bfloat16"):
        conv2d(x, kernel.astype(jnp.bfloat16))
