"""Losses against SciPy and scikit-learn in float64, penalties against sums written out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import sklearn.metrics

from jaxnn import backprop, losses
from jaxnn.errors import InputError

LABELLED = (losses.softmax_cross_entropy, losses.sigmoid_cross_entropy, losses.squared_error)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def scored(rng):
    """Logits (40, 5) as float32 and as the same numbers in float64, and a label a row."""
    logits = rng.normal(0, 3, (40, 5)).astype(np.float32)
    return jnp.asarray(logits), logits.astype(np.float64), rng.integers(0, 5, 40)


def cross_entropy64(logits, targets):
    """-sum t log softmax(z), SciPy in float64."""
    return -(targets * scipy.special.log_softmax(logits, axis=1)).sum(1)


def binary_cross_entropy64(logits, targets):
    """-t log p - (1 - t) log(1 - p), SciPy in float64, mean over the outputs."""
    log_p, log_q = scipy.special.log_expit(logits), scipy.special.log_expit(-logits)
    return -(targets * log_p + (1 - targets) * log_q).mean(1)


def test_softmax_cross_entropy_is_scipys(scored):
    logits, logits64, labels = scored
    values = losses.softmax_cross_entropy(logits, jnp.asarray(labels))
    assert values.shape == (40,)
    np.testing.assert_allclose(values, cross_entropy64(logits64, np.eye(5)[labels]), rtol=2e-6, atol=1e-7)


def test_mean_softmax_cross_entropy_is_sklearns_log_loss(scored):
    logits, logits64, labels = scored
    probabilities = scipy.special.softmax(logits64, axis=1)
    expected = sklearn.metrics.log_loss(labels, probabilities, labels=range(5))
    assert float(losses.softmax_cross_entropy(logits, jnp.asarray(labels)).mean()) == pytest.approx(
        expected, rel=1e-6
    )


def test_soft_targets_are_weighted_log_probabilities(scored, rng):
    logits, logits64, _ = scored
    targets = rng.dirichlet(np.ones(5), 40)
    values = losses.softmax_cross_entropy(logits, jnp.asarray(targets, jnp.float32))
    np.testing.assert_allclose(values, cross_entropy64(logits64, targets), rtol=2e-6)


@pytest.mark.parametrize("loss", LABELLED)
@pytest.mark.parametrize("dtype", [jnp.int32, jnp.uint8])
def test_class_labels_are_one_hot_targets(scored, loss, dtype):
    logits, _, labels = scored
    one_hot = jnp.asarray(np.eye(5)[labels], jnp.float32)
    np.testing.assert_allclose(loss(logits, jnp.asarray(labels, dtype)), loss(logits, one_hot), rtol=1e-6)


@pytest.mark.parametrize("smoothing", [None, 0.1])
def test_a_label_that_is_no_class_has_no_loss(smoothing):
    """Neither that of another class, nor 0, which would look like a perfect answer; by hand as well."""
    logits, labels = jnp.zeros((4, 3)), jnp.array([2, 3, -1, 0])
    for values in (
        losses.softmax_cross_entropy(logits, labels, smoothing=smoothing),
        backprop.softmax_cross_entropy_fwd(logits, labels, smoothing=smoothing)[0],
    ):
        np.testing.assert_array_equal(np.isnan(values), [False, True, True, False])
    likelihoods = backprop.negative_log_likelihood_fwd(jnp.full((4, 3), 1 / 3), labels)[0]
    np.testing.assert_array_equal(np.isnan(likelihoods), [False, True, True, False])


def test_labels_may_be_of_a_type_that_just_holds_them():
    """256 classes do not fit in a byte, their labels do: -log(1/256) of equal logits."""
    values = losses.softmax_cross_entropy(jnp.zeros((2, 256)), jnp.array([0, 255], jnp.uint8))
    np.testing.assert_allclose(values, np.log(256), rtol=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.7])
def test_smoothing_is_the_loss_of_smoothed_targets(scored, smoothing):
    """The targets are written out: (1 - s) one-hot + s / classes."""
    logits, logits64, labels = scored
    targets = (1 - smoothing) * np.eye(5)[labels] + smoothing / 5
    values = losses.softmax_cross_entropy(logits, jnp.asarray(labels), smoothing=smoothing)
    np.testing.assert_allclose(values, cross_entropy64(logits64, targets), rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize("size", [100.0, 1e4])
def test_cross_entropies_stay_finite_for_huge_logits(size):
    """exp(1e4) overflows even float64; SciPy's log_softmax and log_expit are the oracle."""
    logits = np.array([[size, -size, 0.0], [-size, size, size], [0.0, 0.0, -size]])
    targets = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    for loss, oracle in (
        (losses.softmax_cross_entropy, cross_entropy64),
        (losses.sigmoid_cross_entropy, binary_cross_entropy64),
    ):
        arguments = jnp.asarray(logits, jnp.float32), jnp.asarray(targets, jnp.float32)
        np.testing.assert_allclose(loss(*arguments), oracle(logits, targets), rtol=1e-6)


@pytest.mark.parametrize("size", [1.0, 1e4])
def test_gradients_of_the_cross_entropies_are_probability_minus_target(size):
    """d loss / d logits = softmax - t, and (sigmoid - t) / outputs (Bishop 2006, 4.3.2), SciPy's probabilities."""
    logits = size * np.array([[1.0, -1.0, 0.5], [-1.0, 1.0, 1.0]])
    targets = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    for loss, expected in (
        (losses.softmax_cross_entropy, scipy.special.softmax(logits, axis=1) - targets),
        (losses.sigmoid_cross_entropy, (scipy.special.expit(logits) - targets) / 3),
    ):
        gradient = jax.grad(lambda z, loss=loss: loss(z, jnp.asarray(targets, jnp.float32)).sum())
        np.testing.assert_allclose(gradient(jnp.asarray(logits, jnp.float32)), expected, rtol=1e-5, atol=1e-6)


def test_sigmoid_cross_entropy_is_the_mean_of_independent_log_losses(scored, rng):
    logits, logits64, _ = scored
    targets = rng.integers(0, 2, (40, 5))
    values = losses.sigmoid_cross_entropy(logits, jnp.asarray(targets, jnp.float32))
    np.testing.assert_allclose(values, binary_cross_entropy64(logits64, targets), rtol=2e-6)
    probabilities = scipy.special.expit(logits64)
    columns = [sklearn.metrics.log_loss(targets[:, k], probabilities[:, k], labels=[0, 1]) for k in range(5)]
    assert float(values.mean()) == pytest.approx(np.mean(columns), rel=1e-6)


def test_one_sigmoid_output_takes_classes_0_and_1(scored):
    _, logits64, labels = scored
    values = losses.sigmoid_cross_entropy(jnp.asarray(logits64[:, :1], jnp.float32), jnp.asarray(labels % 2))
    np.testing.assert_allclose(values, binary_cross_entropy64(logits64[:, :1], labels[:, None] % 2), rtol=2e-6)


def test_binary_cross_entropy_is_sklearns_log_loss_of_one_logit(scored):
    _, logits64, labels = scored
    values = losses.binary_cross_entropy(jnp.asarray(logits64[:, :1], jnp.float32), jnp.asarray(labels % 2))
    expected = sklearn.metrics.log_loss(labels % 2, scipy.special.expit(logits64[:, 0]), labels=[0, 1])
    assert float(values.mean()) == pytest.approx(expected, rel=1e-5)


def test_tanh_squared_error_is_playgrounds(scored):
    """Its source (nn.ts): output tanh, labels -1 and 1, error 0.5 * (output - target)^2; in NumPy."""
    _, logits64, labels = scored
    z, classes = logits64[:, :1], labels % 2
    expected = 0.5 * (np.tanh(z[:, 0]) - np.where(classes == 1, 1.0, -1.0)) ** 2
    logits = jnp.asarray(z, jnp.float32)
    np.testing.assert_allclose(losses.tanh_squared_error(logits, jnp.asarray(classes)), expected, atol=1e-6)
    shares = jnp.asarray(classes[:, None], jnp.float32)
    np.testing.assert_allclose(losses.tanh_squared_error(logits, shares), expected, atol=1e-6)


@pytest.mark.parametrize("name", losses.ONE_LOGIT)
def test_losses_of_one_logit_refuse_several(name):
    with pytest.raises(InputError, match=rf"`{name}` needs one logit an example, .* got \(4, 2\)"):
        losses.LOSSES[name](jnp.zeros((4, 2)), jnp.zeros(4, jnp.int32))


def test_regression_losses_are_sklearns_and_scipys(rng):
    outputs, targets = rng.normal(0, 2, (30, 4)), rng.normal(0, 2, (30, 4))
    arrays = jnp.asarray(outputs, jnp.float32), jnp.asarray(targets, jnp.float32)
    squared = [sklearn.metrics.mean_squared_error(t, y) for t, y in zip(targets, outputs, strict=True)]
    absolute = [sklearn.metrics.mean_absolute_error(t, y) for t, y in zip(targets, outputs, strict=True)]
    np.testing.assert_allclose(losses.squared_error(*arrays), squared, rtol=1e-5)
    np.testing.assert_allclose(losses.half_squared_error(*arrays), np.array(squared) / 2, rtol=1e-5)
    np.testing.assert_allclose(losses.absolute_error(*arrays), absolute, rtol=1e-5)
    huber = scipy.special.huber(1.0, outputs - targets).mean(1)
    np.testing.assert_allclose(losses.huber(*arrays), huber, rtol=1e-5)


def test_images_are_averaged_over_all_their_pixels(rng):
    outputs, targets = rng.normal(size=(3, 4, 5, 2)), rng.normal(size=(3, 4, 5, 2))
    values = losses.squared_error(jnp.asarray(outputs, jnp.float32), jnp.asarray(targets, jnp.float32))
    np.testing.assert_allclose(values, ((outputs - targets) ** 2).mean((1, 2, 3)), rtol=1e-5)


def test_derivatives_of_absolute_and_huber_are_the_sign_and_the_clipped_error():
    """Huber (1964): the derivative is the error clipped to [-1, 1]; at an error of 0 both are 0."""
    errors = jnp.array([[-3.0], [-0.5], [0.0], [0.5], [3.0]])
    gradient = lambda loss: jax.grad(lambda y: loss(y, jnp.zeros_like(y)).sum())(errors)
    np.testing.assert_array_equal(gradient(losses.absolute_error), [[-1], [-1], [0], [1], [1]])
    np.testing.assert_array_equal(gradient(losses.huber), [[-1], [-0.5], [0], [0.5], [1]])


@pytest.mark.parametrize("loss", losses.LOSSES.values(), ids=losses.LOSSES)
@pytest.mark.parametrize("shape", [(4,), (4, 1), (3, 4), (1, 3), (5, 3)])
def test_shapes_that_would_broadcast_are_refused(loss, shape):
    outputs = jnp.zeros((4, 3))
    with pytest.raises(InputError, match=r"targets of shape \(4, 3\)"):
        loss(outputs, jnp.zeros(shape))


@pytest.mark.parametrize("loss", LABELLED)
@pytest.mark.parametrize("shape", [(3,), (5,), (4, 1)])
def test_labels_of_another_length_are_refused(loss, shape):
    with pytest.raises(InputError, match="needs targets of shape"):
        loss(jnp.zeros((4, 3)), jnp.zeros(shape, jnp.int32))


def test_a_column_of_outputs_does_not_broadcast_against_flat_targets():
    """(n, 1) - (n,) would be (n, n) in silence."""
    with pytest.raises(InputError, match=r"`squared_error` needs targets of shape \(4, 1\).*got \(4,\)"):
        losses.squared_error(jnp.zeros((4, 1)), jnp.zeros(4))


def test_an_unknown_loss_names_the_nearest():
    with pytest.raises(InputError, match="`squared_eror` is not a known loss: did you mean `squared_error`"):
        losses.loss_function("squared_eror")


@pytest.fixture
def params(rng):
    """Two kernels and two biases; only the kernels are penalised."""
    draw = lambda *shape: jnp.asarray(rng.normal(size=shape), jnp.float32)
    return {
        "layers_0": {"kernel": draw(3, 4).at[0, 0].set(0.0), "bias": draw(4)},
        "layers_2": {"kernel": draw(2, 2, 1, 3), "bias": draw(3)},
    }


@pytest.mark.parametrize(
    ("penalty", "value", "slope"),
    [
        (losses.l1_penalty, np.abs, np.sign),
        (losses.l2_penalty, np.square, lambda w: 2 * w),
    ],
)
def test_penalties_sum_over_the_kernels_alone(params, penalty, value, slope):
    """Keras's `regularizers.L1` and `L2`: sums without a half, and a subgradient of 0 at 0."""
    kernels = [np.asarray(params[name]["kernel"], np.float64) for name in params]
    assert float(penalty(params)) == pytest.approx(sum(value(w).sum() for w in kernels), rel=1e-5)
    gradient = jax.grad(penalty)(params)
    for name, kernel in zip(params, kernels, strict=True):
        np.testing.assert_allclose(gradient[name]["kernel"], slope(kernel), rtol=1e-6)
        np.testing.assert_array_equal(gradient[name]["bias"], np.zeros(gradient[name]["bias"].shape))


def test_activity_penalty_sums_over_units_and_averages_over_the_batch(rng):
    flat, image = rng.normal(size=(6, 4)), rng.normal(size=(6, 2, 2, 3))
    expected = (np.abs(flat).sum() + np.abs(image).sum()) / 6
    arrays = [jnp.asarray(a, jnp.float32) for a in (flat, image)]
    assert float(losses.activity_l1_penalty(arrays)) == pytest.approx(expected, rel=1e-5)
    assert float(losses.activity_l1_penalty([])) == 0
