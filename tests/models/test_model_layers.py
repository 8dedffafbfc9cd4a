"""Layers and activations against NumPy and SciPy in float64, initial draws against the laws of their names."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal
import scipy.special

from jaxnn import models
from jaxnn.errors import InputError
from jaxnn.models import Activation, AvgPool, BatchNorm, Conv, Dense, Dropout, Flatten, MaxPool, Mode, Reshape
from jaxnn.models.activations import activation_function


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def apply(layer, params, x, mode=models.EVALUATION):
    """A network of this one layer, applied to `x`."""
    variables = {"params": {"layers_0": jax.tree.map(jnp.float32, params)}} if params else {}
    return models.network([layer]).apply(variables, jnp.asarray(x, jnp.float32), mode)


# relu'(0) = 0 as in every framework; leaky_relu'(0) = 1, the slope of its positive side; the others are smooth.
FORMULAS = {
    "identity": (lambda x: x, 1.0),
    "relu": (lambda x: np.maximum(x, 0), 0.0),
    "leaky_relu": (lambda x: np.where(x >= 0, x, 0.01 * x), 1.0),
    "elu": (lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))), 1.0),
    "gelu": (lambda x: x * scipy.special.ndtr(x), 0.5),
    "gelu_tanh": (lambda x: x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))), 0.5),
    "silu": (lambda x: x * scipy.special.expit(x), 0.5),
    "softplus": (lambda x: np.logaddexp(0, x), 0.5),
    "sigmoid": (scipy.special.expit, 0.25),
    "tanh": (np.tanh, 1.0),
}


@pytest.mark.parametrize("name", models.ACTIVATIONS)
def test_activations_are_their_formulas(name):
    """From -100 to 100, in float64; softmax along the last axis."""
    x = np.concatenate([np.linspace(-6, 6, 49), [-100.0, 100.0, -1e4, 1e4]])[:48].reshape(6, 8)
    formula = FORMULAS[name][0] if name != "softmax" else lambda x: scipy.special.softmax(x, axis=-1)
    np.testing.assert_allclose(apply(Activation(name), {}, x), formula(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", FORMULAS)
def test_the_derivative_at_0_is_the_documented_one(name):
    assert float(jax.grad(activation_function(name))(0.0)) == pytest.approx(FORMULAS[name][1])


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("x", [-1e4, -100.0, 100.0, 1e4])
def test_activations_and_their_derivatives_stay_finite(name, x):
    value, slope = jax.value_and_grad(activation_function(name))(x)
    assert float(value) == pytest.approx(float(FORMULAS[name][0](np.float64(x))), rel=1e-5, abs=1e-6)
    assert np.isfinite(slope)


@pytest.mark.parametrize(("m", "n"), [(2, 2), (2, 100), (100, 2), (1, 30), (40, 50), (3, 2000)])
def test_dense_is_a_matrix_product_plus_bias(m, n):
    """Small kernels take other forms of the product; all are NumPy's."""
    x, kernel, bias = draw(5, m), draw(m, n, seed=1), draw(n, seed=2)
    y = apply(Dense(n), {"kernel": kernel, "bias": bias}, x)
    np.testing.assert_allclose(y, x @ kernel + bias, rtol=1e-4, atol=1e-5)
    y = apply(Dense(n, use_bias=False), {"kernel": kernel}, x)
    np.testing.assert_allclose(y, x @ kernel, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("padding", "mode"), [("SAME", "same"), ("VALID", "valid")])
def test_conv_is_scipys_correlation(padding, mode):
    """Summed over input channels; SAME with a 3x3 kernel is centred, as in SciPy."""
    x, kernel, bias = draw(2, 6, 5, 3), draw(3, 3, 3, 4, seed=1), draw(4, seed=2)
    expected = [
        [sum(scipy.signal.correlate(image[..., c], kernel[..., c, f], mode) for c in range(3)) for f in range(4)]
        for image in x
    ]
    y = apply(Conv(4, padding=padding), {"kernel": kernel, "bias": bias}, x)
    np.testing.assert_allclose(y, np.moveaxis(expected, 1, -1) + bias, rtol=1e-4, atol=1e-5)


def test_a_strided_conv_is_every_second_place():
    x, kernel = draw(2, 7, 7, 1), draw(3, 3, 1, 2, seed=1)
    params = {"kernel": kernel, "bias": np.zeros(2)}
    dense = apply(Conv(2, padding="VALID"), params, x)
    np.testing.assert_allclose(
        apply(Conv(2, strides=(2, 2), padding="VALID"), params, x), dense[:, ::2, ::2], rtol=1e-5, atol=1e-6
    )


def test_pools_take_the_maximum_and_the_mean_of_whole_windows():
    """5x4 images in 2x2 windows: the odd row is left out by VALID."""
    x = draw(2, 5, 4, 3)
    windows = x[:, :4].reshape(2, 2, 2, 2, 2, 3)
    np.testing.assert_allclose(apply(MaxPool(), {}, x), windows.max((2, 4)), rtol=1e-6)
    np.testing.assert_allclose(apply(AvgPool(), {}, x), windows.mean((2, 4)), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("shape", [(8, 3), (4, 5, 5, 3)])
def test_batch_norm_in_training_gives_mean_0_and_variance_1(shape):
    """Oracle: (x - mean) / sqrt(biased variance + 1e-3) * scale + bias over all axes but the last, in float64."""
    x, scale, bias = 3 * draw(*shape) + 2, draw(3, seed=1), draw(3, seed=2)
    params = {"layers_0": {"scale": jnp.float32(scale), "bias": jnp.float32(bias)}}
    stats = {"layers_0": {"mean": jnp.zeros(3), "var": jnp.ones(3)}}
    y, _ = models.network([BatchNorm()]).apply(
        {"params": params, "batch_stats": stats}, jnp.float32(x), Mode(train=True), mutable=["batch_stats"]
    )
    axes = tuple(range(x.ndim - 1))
    expected = (x - x.mean(axes)) / np.sqrt(x.var(axes) + 1e-3) * scale + bias
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)


def test_batch_norm_starts_with_mean_0_variance_1_and_the_identity():
    variables = models.network([BatchNorm()]).init(jax.random.key(0), 100 + jnp.zeros((4, 3)), Mode(train=True))
    assert variables["batch_stats"]["layers_0"]["mean"].tolist() == [0, 0, 0]
    assert variables["batch_stats"]["layers_0"]["var"].tolist() == [1, 1, 1]
    assert variables["params"]["layers_0"]["scale"].tolist() == [1, 1, 1]
    assert variables["params"]["layers_0"]["bias"].tolist() == [0, 0, 0]


def test_upsample_repeats_every_pixel_as_numpy_does():
    x = draw(2, 3, 4, 2)
    expected = np.float32(x).repeat(2, axis=1).repeat(3, axis=2)
    np.testing.assert_array_equal(apply(models.Upsample((2, 3)), {}, x), expected)


def test_flatten_and_reshape_keep_the_order_of_numpy():
    x = draw(2, 3, 4)
    np.testing.assert_array_equal(apply(Flatten(), {}, x), np.float32(x).reshape(2, 12))
    np.testing.assert_array_equal(apply(Reshape((2, 6)), {}, x), np.float32(x).reshape(2, 2, 6))
    assert apply(Flatten(), {}, x[:0]).shape == (0, 12)


FAN_IN, FAN_OUT = 3 * 3 * 20, 3 * 3 * 40


@pytest.mark.parametrize(
    ("name", "variance", "limit"),
    [
        # Glorot and Bengio 2010, He et al. 2015, LeCun et al. 1998; a uniform law on [-a, a] has variance a^2 / 3
        ("glorot_uniform", 2 / (FAN_IN + FAN_OUT), np.sqrt(6 / (FAN_IN + FAN_OUT))),
        ("glorot_normal", 2 / (FAN_IN + FAN_OUT), None),
        ("he_uniform", 2 / FAN_IN, np.sqrt(6 / FAN_IN)),
        ("he_normal", 2 / FAN_IN, None),
        ("lecun_uniform", 1 / FAN_IN, np.sqrt(3 / FAN_IN)),
        ("lecun_normal", 1 / FAN_IN, None),
        ("normal", 0.01**2, None),
    ],
)
def test_initial_kernels_follow_the_law_of_their_name(name, variance, limit):
    """7,200 weights of a 3x3 convolution from 20 to 40 channels: the variance within five standard errors."""
    model = models.network([Conv(40, kernel_init=name)])
    params = jax.jit(model.init)(jax.random.key(0), jnp.zeros((1, 5, 5, 20)))["params"]["layers_0"]
    kernel = np.asarray(params["kernel"], np.float64)
    assert kernel.shape == (3, 3, 20, 40)
    assert abs(kernel.var() / variance - 1) < 5 * np.sqrt(2 / kernel.size)
    assert abs(kernel.mean()) < 5 * np.sqrt(variance / kernel.size)
    assert limit is None or 0.95 * limit < np.abs(kernel).max() <= limit
    assert not np.any(params["bias"])


@pytest.mark.parametrize(("name", "value"), [("zeros", 0), ("ones", 1)])
def test_constant_kernels(name, value):
    params = models.network([Dense(3, kernel_init=name)]).init(jax.random.key(0), jnp.zeros((1, 2)))["params"]
    np.testing.assert_array_equal(params["layers_0"]["kernel"], np.full((2, 3), value))


def test_an_orthogonal_kernel_has_orthonormal_columns():
    model = models.network([Dense(4, kernel_init="orthogonal")])
    kernel = model.init(jax.random.key(0), jnp.zeros((1, 9)))["params"]["layers_0"]["kernel"]
    np.testing.assert_allclose(kernel.T @ kernel, np.eye(4), atol=1e-5)


def test_layers_and_keys_draw_their_own_kernels():
    init = jax.jit(models.network([Dense(5), Dense(5)]).init)
    first, other = (init(jax.random.key(seed), jnp.zeros((1, 5)))["params"] for seed in (0, 1))
    kernels = [params[name]["kernel"] for params in (first, other) for name in ("layers_0", "layers_1")]
    assert len({np.asarray(kernel).tobytes() for kernel in kernels}) == 4


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (Dense(3), (2, 4, 4), r"`Dense` takes 2 axes.*put a Flatten before it; got an array of shape \(2, 4, 4\)"),
        (Conv(3), (2, 16), r"`Conv` takes 4 axes, \(batch, height, width, channels\); got .* \(2, 16\)"),
        (MaxPool(), (2, 16), r"`MaxPool` takes 4 axes"),
        (AvgPool(), (2, 4, 4), r"`AvgPool` takes 4 axes"),
        (
            Conv(3, (5, 5), padding="VALID"),
            (2, 4, 4, 1),
            r"window of \(5, 5\).*does not fit into images of \(4, 4\)",
        ),
        (MaxPool((3, 3)), (2, 2, 2, 1), r"window of \(3, 3\).*does not fit into images of \(2, 2\)"),
        (Conv(3, padding="SOME"), (2, 4, 4, 1), "`SOME` is not a known padding: .*`SAME`"),
        (Activation("rleu"), (2, 4), "`rleu` is not a known activation: did you mean `relu`"),
        (Dense(3, kernel_init="he"), (2, 4), "`he` is not a known initializer"),
        (Dropout(1.0), (2, 4), r"`dropout_rate` must be a finite number in \[0, 1\); got 1.0"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_layer_and_both_shapes(layer, shape, message):
    """The message says which layer of the network, counted from 0."""
    model = models.network([Activation("identity"), layer])
    with pytest.raises(InputError, match=f"layer 1 of the network, {type(layer).__name__}.*{message}"):
        jax.eval_shape(model.init, jax.random.key(0), jax.ShapeDtypeStruct(shape, jnp.float32))


def test_dropout_in_training_asks_for_its_key():
    with pytest.raises(InputError, match=r"give `Mode\(train=True, key=\.\.\.\)` a key"):
        apply(Dropout(0.5), {}, draw(2, 3), Mode(train=True))
