"""Values that others computed: scikit-learn's backward pass, a published worked example, ONNX's test cases."""

import functools
import importlib
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier

from jaxnn import backprop, losses, models
from jaxnn.types import Batch, Hparams


@pytest.mark.parametrize(("activation", "ours"), [("relu", "relu"), ("tanh", "tanh"), ("logistic", "sigmoid")])
@pytest.mark.parametrize("num_classes", [2, 3])
def test_backward_pass_of_scikit_learn(activation, ours, num_classes):
    """MLPClassifier._backprop: softmax (or, for two classes, one sigmoid) with L2 of alpha / (2 N), in float64."""
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(8, 4)), np.arange(8) % num_classes
    alpha, num_outputs = 0.3, 1 if num_classes == 2 else num_classes
    theirs = MLPClassifier((6, 5), activation=activation, alpha=alpha, random_state=0, batch_size=8)
    theirs.partial_fit(x, labels, classes=np.arange(num_classes))
    loss, kernel_grads, bias_grads = sklearn_backprop(theirs, x, labels)

    model = models.mlp((6, 5), num_outputs, activation=ours)
    our_loss = losses.sigmoid_cross_entropy if num_outputs == 1 else losses.softmax_cross_entropy
    with jax.enable_x64(True):
        layers = [{"kernel": k, "bias": b} for k, b in zip(theirs.coefs_, theirs.intercepts_, strict=True)]
        params = {f"layers_{i}": layer for i, layer in zip((1, 3, 5), layers, strict=True)}
        params = jax.tree.map(jnp.asarray, params)
        grad_fn = jax.jit(backprop.value_and_grad(model, our_loss))
        batch = Batch(jnp.asarray(x), jnp.asarray(labels))
        (objective, _), grads = grad_fn(params, {}, batch, jax.random.key(0), Hparams(l2=alpha / 2 / len(x)))
    assert float(objective) == pytest.approx(loss, rel=1e-12)
    for name, kernel_grad, bias_grad in zip(params, kernel_grads, bias_grads, strict=True):
        np.testing.assert_allclose(grads[name]["kernel"], kernel_grad, rtol=1e-10, atol=1e-14)
        np.testing.assert_allclose(grads[name]["bias"], bias_grad, rtol=1e-10, atol=1e-14)


def sklearn_backprop(classifier, x, labels):
    targets = labels[:, None] == np.arange(3)[None] if classifier.n_outputs_ == 3 else labels[:, None]
    units = [x.shape[1], 6, 5, classifier.n_outputs_]
    arguments = {
        "X": x,
        "y": targets.astype(float),
        "activations": [x, *(np.empty((len(x), n)) for n in units[1:])],
        "deltas": [np.empty((len(x), n)) for n in units[1:]],
        "coef_grads": [np.empty_like(kernel) for kernel in classifier.coefs_],
        "intercept_grads": [np.empty_like(bias) for bias in classifier.intercepts_],
    }
    if "sample_weight" in inspect.signature(classifier._backprop).parameters:  # since 1.7
        arguments["sample_weight"] = None
    return classifier._backprop(**arguments)


def test_published_worked_example():
    """Matt Mazur, "A Step by Step Backpropagation Example" (2015): a 2-2-2 sigmoid net, error sum (t - y)^2 / 2.

    The numbers are those of the article, to its nine decimals: the total error, and the weights after one step of
    gradient descent with rate 0.5 (it leaves the biases where they are).
    """
    params = {
        "layers_1": {"kernel": [[0.15, 0.25], [0.20, 0.30]], "bias": [0.35, 0.35]},
        "layers_3": {"kernel": [[0.40, 0.50], [0.45, 0.55]], "bias": [0.60, 0.60]},
    }
    hidden = [[0.149780716, 0.24975114], [0.19956143, 0.29950229]]
    output = [[0.35891648, 0.511301270], [0.408666186, 0.561370121]]
    model = models.network([*models.mlp((2,), 2, activation="sigmoid").layers, models.Activation("sigmoid")])
    with jax.enable_x64(True):
        params = jax.tree.map(jnp.asarray, params, is_leaf=lambda node: isinstance(node, list))
        batch = Batch(jnp.asarray([[0.05, 0.10]]), jnp.asarray([[0.01, 0.99]]))
        grad_fn = jax.jit(backprop.value_and_grad(model, losses.half_squared_error))
        (objective, _), grads = grad_fn(params, {}, batch, jax.random.key(0), Hparams())
        # Our loss is the mean over the two outputs, the article's the sum.
        stepped = jax.tree.map(lambda w, grad: np.asarray(w - 0.5 * 2 * grad), params, grads)
    assert 2 * float(objective) == pytest.approx(0.298371109, abs=5e-10)
    np.testing.assert_allclose(stepped["layers_1"]["kernel"], hidden, atol=5e-9)
    np.testing.assert_allclose(stepped["layers_3"]["kernel"], output, atol=5e-9)


def test_attention_of_jax():
    """jax.nn.dot_product_attention, which computes its softmax in float32."""
    query, key, value = (jax.random.normal(jax.random.key(i), (2, n, 3, 4)) for i, n in enumerate((5, 6, 6)))
    mask = jax.random.bernoulli(jax.random.key(3), 0.7, (2, 3, 5, 6))

    @jax.jit
    def theirs(*operands):
        y, vjp = jax.vjp(functools.partial(jax.nn.dot_product_attention, mask=mask), *operands)
        return y, *vjp(jnp.sin(y))

    @jax.jit
    def ours(*operands):
        y, residuals = backprop.attention_fwd(*(x.swapaxes(1, 2) for x in operands), mask)
        return [x.swapaxes(1, 2) for x in (y, *backprop.attention_bwd(residuals, jnp.sin(y))[:3])]

    for found, wanted in zip(ours(query, key, value), theirs(query, key, value), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def onnx_cases(operator, module):
    """The cases of an operator in ONNX's backend test, which its authors' NumPy code computes."""
    node = pytest.importorskip("onnx.backend.test.case.node")
    onnx = importlib.import_module("onnx")
    importlib.import_module(f"onnx.backend.test.case.node.{module}")
    for case in node._NodeTestCases:
        (only, *more) = case.model.graph.node
        if only.op_type == operator and not more:
            attributes = {a.name: onnx.helper.get_attribute_value(a) for a in only.attribute}
            yield case.name, attributes, *case.data_sets[0]


def channels_last(x):
    return jnp.asarray(np.moveaxis(x, 1, -1))


def window_options(attributes):
    """Strides and padding as ours, from `strides`, `pads` (all befores, all afters) and `auto_pad` as ONNX's."""
    pads = attributes.get("pads", [0, 0, 0, 0])
    padding = ((pads[0], pads[2]), (pads[1], pads[3]))
    if attributes.get("auto_pad") == b"SAME_UPPER":
        padding = "SAME"
    elif attributes.get("auto_pad") == b"SAME_LOWER":
        return None  # the odd cell goes before: ours goes after, as in XLA
    return {"strides": tuple(attributes.get("strides", (1, 1))), "padding": padding}


def test_convolution_of_onnx():
    compared = 0
    for name, attributes, (x, kernel), (y,) in onnx_cases("Conv", "conv"):
        options = window_options(attributes)
        if x.ndim == 4 and options is not None:
            found, _ = backprop.conv2d_fwd(channels_last(x), jnp.asarray(kernel.transpose(2, 3, 1, 0)), **options)
            np.testing.assert_allclose(found, channels_last(y), rtol=1e-6, err_msg=name)
            compared += 1
    assert compared >= 5


@pytest.mark.parametrize(("operator", "module"), [("MaxPool", "maxpool"), ("AveragePool", "averagepool")])
def test_pooling_of_onnx(operator, module):
    compared = 0
    for name, attributes, (x,), (y, *_) in onnx_cases(operator, module):
        options = window_options(attributes) if x.ndim == 4 else None
        plain = not attributes.get("ceil_mode") and max(attributes.get("dilations", [1])) == 1
        if options is None or not plain or x.dtype != np.float32:
            continue
        if operator == "AveragePool":
            options["count_padding"] = bool(attributes.get("count_include_pad", 0))
        pool = backprop.max_pool_fwd if operator == "MaxPool" else backprop.avg_pool_fwd
        options["window"] = tuple(attributes["kernel_shape"])
        found, _ = jax.jit(functools.partial(pool, **options))(channels_last(x))
        np.testing.assert_allclose(found, channels_last(y), rtol=1e-5, atol=1e-6, err_msg=name)
        compared += 1
    assert compared >= 5


def test_batch_norm_of_onnx():
    compared = 0
    for name, attributes, (x, scale, bias, mean, var), outputs in onnx_cases(
        "BatchNormalization", "batch_normalization"
    ):
        epsilon, images = attributes.get("epsilon", 1e-5), channels_last(x)
        affine = jnp.asarray(scale), jnp.asarray(bias)
        if attributes.get("training_mode"):
            found, _ = backprop.batch_norm_fwd(images, *affine, epsilon=epsilon)
        else:
            running = jnp.asarray(mean), jnp.asarray(var)
            found, _ = backprop.batch_norm_eval_fwd(images, *affine, *running, epsilon=epsilon)
        np.testing.assert_allclose(found, channels_last(outputs[0]), rtol=1e-4, atol=1e-5, err_msg=name)
        compared += 1
    assert compared >= 4


@pytest.mark.parametrize(
    ("operator", "ours", "option"),
    [
        ("Relu", "relu", None),
        ("LeakyRelu", "leaky_relu", ("alpha", "negative_slope")),
        ("Elu", "elu", ("alpha", "alpha")),
        ("Softplus", "softplus", None),
        ("Sigmoid", "sigmoid", None),
        ("Tanh", "tanh", None),
        ("Gelu", "gelu", None),
        ("Softmax", "softmax", None),
        ("LogSoftmax", "log_softmax", None),
    ],
)
def test_activations_of_onnx(operator, ours, option):
    compared = 0
    for name, attributes, (x,), (y,) in onnx_cases(operator, operator.lower()):
        if attributes.get("axis", -1) not in (-1, x.ndim - 1):
            continue
        pair = backprop.pair("gelu_tanh" if attributes.get("approximate") == b"tanh" else ours)
        options = {option[1]: attributes[option[0]]} if option and option[0] in attributes else {}
        found, _ = pair.fwd(jnp.asarray(x), **options)
        np.testing.assert_allclose(found, y, rtol=1e-5, atol=1e-6, err_msg=name)
        compared += 1
    assert compared >= 1


def test_cross_entropy_of_onnx():
    compared = 0
    for name, attributes, inputs, outputs in onnx_cases("SoftmaxCrossEntropyLoss", "softmax_cross_entropy_loss"):
        if attributes["reduction"] == b"none" and len(inputs) == 2 and inputs[0].ndim == 2:
            logits, labels = (jnp.asarray(x) for x in inputs)
            found, _ = backprop.softmax_cross_entropy_fwd(logits, labels.astype(jnp.int32))
            np.testing.assert_allclose(found, outputs[0], rtol=1e-5, err_msg=name)
            compared += 1
    assert compared >= 1
