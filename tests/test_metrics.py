"""Metrics against scikit-learn, NumPy and examples counted by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
import scipy.special
import sklearn.metrics

from jaxnn import losses, metrics
from jaxnn.errors import InputError


@pytest.fixture
def scored():
    """Logits (200, 7) without ties, and labels that agree with them about half of the time."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 7, 200)
    logits = rng.normal(0, 1, (200, 7)) + 1.5 * np.eye(7)[labels]
    return jnp.asarray(logits, jnp.float32), jnp.asarray(labels)


def test_accuracy_is_sklearns(scored):
    logits, labels = scored
    correct = metrics.accuracy(logits, labels)
    assert correct.shape == (200,)
    assert float(correct.mean()) == pytest.approx(sklearn.metrics.accuracy_score(labels, logits.argmax(-1)))


def test_one_hot_and_soft_labels_score_as_their_largest_class(scored):
    logits, labels = scored
    one_hot = jax.nn.one_hot(labels, 7)
    expected = metrics.accuracy(logits, labels)
    np.testing.assert_array_equal(metrics.accuracy(logits, one_hot), expected)
    np.testing.assert_array_equal(metrics.accuracy(logits, 0.7 * one_hot + 0.3 / 7), expected)


@pytest.mark.parametrize("dtype", [jnp.uint8, jnp.int8, jnp.int32])
def test_every_integer_dtype_is_a_class_id(dtype):
    logits = jnp.array([[0.0, 1.0], [0.0, 1.0], [jnp.nan, 1.0]])
    np.testing.assert_array_equal(metrics.accuracy(logits, jnp.array([1, 0, 1], dtype)), [1, 0, 0])


def test_one_column_is_the_logit_of_class_1():
    logits = jnp.array([[3.0], [-3.0], [0.5], [jnp.nan]])
    np.testing.assert_array_equal(metrics.predict(logits), [1, 0, 1, -1])
    np.testing.assert_array_equal(metrics.accuracy(logits, jnp.array([1, 1, 0, 0])), [1, 0, 0, 0])
    np.testing.assert_array_equal(metrics.accuracy(logits, jnp.array([[1.0], [0.0], [1.0], [0.0]])), [1, 1, 1, 0])


@pytest.mark.parametrize("label", [0, 1, 2, -1])
@pytest.mark.parametrize("row", [[np.nan] * 3, [5, np.nan, 1], [np.nan, 5, 1]])
def test_a_row_with_nan_is_wrong_whatever_the_label(row, label):
    """Plain argmax calls an all-NaN row class 0, and would match the -1 that stands for no prediction."""
    logits, labels = jnp.array([row]), jnp.array([label])
    assert metrics.accuracy(logits, labels) == 0
    assert metrics.top_k_correct(logits, labels, 2) == 0
    assert metrics.predict(logits) == -1


@pytest.mark.parametrize("label", [-1, 3, 100])
def test_an_id_outside_the_classes_is_never_correct(label):
    logits = jnp.array([[1.0, 2.0, 3.0], [-jnp.inf, -jnp.inf, -jnp.inf]])
    labels = jnp.array([label, label])
    np.testing.assert_array_equal(metrics.accuracy(logits, labels), [0, 0])
    np.testing.assert_array_equal(metrics.top_k_correct(logits, labels, 3), [0, 0])


@pytest.mark.parametrize("k", [1, 2, 5, 7])
def test_top_k_is_sklearns(scored, k):
    logits, labels = scored
    expected = sklearn.metrics.top_k_accuracy_score(labels, logits, k=k, labels=range(7)) if k < 7 else 1
    assert float(metrics.top_k_correct(logits, labels, k).mean()) == pytest.approx(expected)
    one_hot = jax.nn.one_hot(labels, 7)
    assert float(metrics.top_k_correct(logits, one_hot, k).mean()) == pytest.approx(expected)


def test_top_1_is_accuracy_and_ties_rank_in_class_order():
    """By hand: a constant row has the ranking 0, 1, 2, so that only labels 0 and 1 are among its first two."""
    constant, labels = jnp.zeros((3, 3)), jnp.arange(3)
    np.testing.assert_array_equal(metrics.top_k_correct(constant, labels, 1), metrics.accuracy(constant, labels))
    np.testing.assert_array_equal(metrics.top_k_correct(constant, labels, 2), [1, 1, 0])


@pytest.mark.parametrize("scale", [1e4, 1e30])
def test_huge_logits_score_as_their_order_says(scored, scale):
    logits, labels = scored
    np.testing.assert_array_equal(metrics.accuracy(logits * scale, labels), metrics.accuracy(logits, labels))
    huge = metrics.top_k_correct(logits * scale, labels, 3)
    np.testing.assert_array_equal(huge, metrics.top_k_correct(logits, labels, 3))


def test_confusion_matrix_is_sklearns(scored):
    logits, labels = scored
    confusion = metrics.confusion_matrix(labels, metrics.predict(logits), 7)
    np.testing.assert_array_equal(confusion, sklearn.metrics.confusion_matrix(labels, logits.argmax(-1)))
    assert confusion.dtype == jnp.int32


def test_confusion_matrix_drops_ids_outside_it():
    """By hand: of five pairs only (0, 1) and (1, 1) are inside; -1 must not reach the last row or column."""
    labels, predictions = jnp.array([0, 1, -1, 1, 2]), jnp.array([1, 1, 0, -1, 0])
    np.testing.assert_array_equal(metrics.confusion_matrix(labels, predictions, 2), [[0, 1], [0, 1]])


def test_precision_recall_f1_are_sklearns(scored):
    logits, labels = scored
    predictions = metrics.predict(logits)
    scores = metrics.precision_recall_f1(metrics.confusion_matrix(labels, predictions, 7))
    expected = sklearn.metrics.precision_recall_fscore_support(labels, predictions)
    for found, wanted in zip(scores, expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_classes_without_examples_or_predictions_score_zero():
    """Oracle: sklearn with zero_division=0.  Class 1 is never predicted, class 2 never true, class 3 neither."""
    labels, predictions = [0, 0, 1], [0, 2, 0]
    scores = metrics.precision_recall_f1(metrics.confusion_matrix(jnp.array(labels), jnp.array(predictions), 4))
    expected = sklearn.metrics.precision_recall_fscore_support(
        labels, predictions, labels=range(4), zero_division=0
    )
    for found, wanted in zip(scores, expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_metrics_of_a_population_are_those_of_its_members(scored):
    """Oracle: the same calls one member at a time."""
    logits, labels = scored
    members = jnp.stack([logits, -logits, logits.at[:50].set(jnp.nan)])

    def score(logits):
        predictions = metrics.predict(logits)
        confusion = metrics.confusion_matrix(labels, predictions, 7)
        return metrics.accuracy(logits, labels), metrics.top_k_correct(logits, labels, 2), confusion

    together = jax.jit(jax.vmap(score))(members)
    alone = [score(member) for member in members]
    for found, wanted in zip(together, zip(*alone, strict=True), strict=True):
        np.testing.assert_array_equal(found, jnp.stack(wanted))


N, C = 4, 3


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (jnp.zeros((N, 1), int), r"need shape \(4,\) for `logits` of shape \(4, 3\); got \(4, 1\)"),
        (jnp.zeros((N, C), int), r"need shape \(4,\) .* got \(4, 3\)"),
        (jnp.zeros(N), r"need shape \(4, 3\) for `logits` of shape \(4, 3\); got \(4,\)"),
        (jnp.zeros((N, 1)), r"need shape \(4, 3\) .* got \(4, 1\)"),
        (jnp.zeros((1, C)), r"need shape \(4, 3\) .* got \(1, 3\)"),
        (jnp.zeros(1, int), r"need shape \(4,\) .* got \(1,\)"),
        (jnp.zeros(N, bool), r"must be integer class ids or float one-hot rows; got bool"),
    ],
)
def test_labels_that_do_not_fit_are_refused_while_tracing(labels, message):
    for metric in (metrics.accuracy, lambda logits, labels: metrics.top_k_correct(logits, labels, 2)):
        with pytest.raises(InputError, match=message):
            jax.eval_shape(metric, jnp.zeros((N, C)), labels)


@pytest.mark.parametrize(
    ("logits", "found"),
    [(jnp.zeros(3), r"\(3,\)"), (jnp.zeros((2, 3, 4)), r"\(2, 3, 4\)"), (jnp.zeros((2, 3), int), "int32")],
)
def test_logits_that_are_no_batch_of_floats_are_refused(logits, found):
    with pytest.raises(InputError, match=rf"`logits` must be \(batch, classes\) floats; got .*{found}"):
        metrics.predict(logits)


@pytest.mark.parametrize("k", [0, 4, -1])
def test_a_k_beyond_the_classes_is_refused(k):
    with pytest.raises(InputError, match=f"`k` must lie between 1 .* got {k} of 3"):
        metrics.top_k_correct(jnp.zeros((2, 3)), jnp.zeros(2, int), k)


def test_shapes_that_would_broadcast_are_refused():
    with pytest.raises(InputError, match=r"got \(4,\) and \(4, 1\)"):
        metrics.confusion_matrix(jnp.zeros(4, int), jnp.zeros((4, 1), int), 2)
    with pytest.raises(InputError, match="`predictions` must be integer class ids; got float32"):
        metrics.confusion_matrix(jnp.zeros(4, int), jnp.zeros(4), 2)
    with pytest.raises(InputError, match=r"must be square, \(classes, classes\); got \(2, 3\)"):
        metrics.precision_recall_f1(jnp.zeros((2, 3), int))


def test_probabilities_of_several_outputs_are_what_the_loss_makes_them():
    """Oracles: a perfect regression on one-hot labels is sure; a sigmoid is asked of each class alone."""
    for loss in ("squared_error", "half_squared_error", "absolute_error", "huber"):
        outputs = np.array([[0.0, 1, 0], [0.25, 0.5, -0.25], [-1, -2, -3], [np.nan, 1, 0]])
        expected = [[0, 1, 0], [1 / 3, 2 / 3, 0], [1 / 3, 1 / 3, 1 / 3], [np.nan] * 3]
        np.testing.assert_allclose(metrics.probabilities(outputs, loss), expected, rtol=1e-6)
    logits = np.array([[-3.0, 3, 3], [-200, -200, -200]])
    each = scipy.special.expit(logits[:1])
    expected = np.concatenate([each / each.sum(), [[1 / 3] * 3]])
    np.testing.assert_allclose(metrics.probabilities(logits, "sigmoid_cross_entropy"), expected, rtol=1e-5)


@pytest.mark.parametrize("name", losses.LOSSES)
def test_outputs_that_minimise_a_loss_give_the_probabilities_of_the_classes(name):
    """Oracle: SciPy's minimum of the expected loss; only that of the absolute error is at the median, one class."""
    classes = np.array([0.4, 0.6] if name in losses.ONE_LOGIT else [0.6, 0.3, 0.1])
    labels = np.arange(len(classes))

    @jax.jit
    def expected_loss(outputs):
        rows = jnp.broadcast_to(outputs, (len(classes), outputs.size))
        return classes @ losses.LOSSES[name](rows, labels)

    with jax.enable_x64(True):
        start = np.full(1 if name in losses.ONE_LOGIT else 3, 0.2)
        options = {"xatol": 1e-7, "fatol": 1e-12, "maxiter": 2000}
        best = scipy.optimize.minimize(expected_loss, start, method="Nelder-Mead", options=options)
        found = metrics.probabilities(best.x, name)
    np.testing.assert_allclose(found, [1, 0, 0] if name == "absolute_error" else classes, atol=1e-4)


def test_probabilities_are_scipys_softmax_and_expit():
    """A tanh output on the scale from -1 to 1 is the probability (1 + tanh z) / 2; NumPy's tanh is the oracle."""
    logits = np.random.default_rng(1).normal(0, 3, (2, 6, 3)).astype(np.float32)
    softmax = metrics.probabilities(logits, "softmax_cross_entropy")
    np.testing.assert_allclose(softmax, scipy.special.softmax(logits, axis=-1), rtol=1e-5)
    column = logits[..., :1]
    for loss, of_class_1 in (
        ("binary_cross_entropy", scipy.special.expit(column)),
        ("tanh_squared_error", (1 + np.tanh(column)) / 2),
    ):
        found = metrics.probabilities(column, loss)
        np.testing.assert_allclose(found, np.concatenate([1 - of_class_1, of_class_1], -1), atol=1e-6)
