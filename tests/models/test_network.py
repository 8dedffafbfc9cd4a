"""A network is its layers one after another: record, names, summary table."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnn import models
from jaxnn.errors import InputError
from jaxnn.models import Mode, SummaryRow, activations_of, layer_names, record, summary, summary_rows

WORDS = ("conv:4:3:1:valid", "relu", "maxpool", "batchnorm", "tanh", "dropout", "dense:5", "relu", "dropout")


@pytest.fixture(scope="module")
def network():
    """A network with every kind of layer, its variables, and a batch of images."""
    model = models.cnn(WORDS, 3)
    x = jnp.asarray(np.random.default_rng(0).normal(size=(6, 8, 8, 2)), jnp.float32)
    return model, jax.jit(model.init)(jax.random.key(0), x), x


def test_layers_are_named_by_kind_and_count():
    assert layer_names(models.cnn(WORDS, 3)) == (
        "conv_1", "relu_1", "maxpool_1", "batchnorm_1", "tanh_1", "dropout_1", "flatten_1", "dense_1", "relu_2",
        "dropout_2", "dense_2",
    )  # fmt: skip


def one_by_one(model, variables, x, mode):
    """Oracle: every layer as a network of its own, with its own variables."""
    outputs = {}
    for position, (layer, name) in enumerate(zip(model.layers, layer_names(model), strict=True)):
        own = {
            kind: {"layers_0": tree[f"layers_{position}"]}
            for kind, tree in variables.items()
            if f"layers_{position}" in tree
        }
        if name.startswith("dropout") and mode.train:
            # Each dropout layer draws from the key folded with its position in the network.
            keep = jax.random.uniform(jax.random.fold_in(mode.key, position), x.shape) >= mode.dropout_rate
            x = jnp.where(keep, x / (1 - mode.dropout_rate), 0)
        else:
            mutable = ["batch_stats"] if mode.train else False
            result = models.network([layer]).apply(own, x, mode, mutable=mutable)
            x = result[0] if mode.train else result
        outputs[name] = x
    return outputs


@pytest.mark.parametrize(
    "mode", [Mode(), Mode(train=True, dropout_rate=0.3, key=jax.random.key(7))], ids=["evaluation", "training"]
)
def test_the_record_is_every_layer_applied_by_itself(network, mode):
    model, variables, x = network
    outputs = record(model, variables, x, mode)
    expected = one_by_one(model, variables, x, mode)
    assert list(outputs) == list(layer_names(model))
    for name, array in outputs.items():
        np.testing.assert_allclose(array, expected[name], rtol=1e-5, atol=1e-6)


def test_the_last_output_of_the_record_is_what_apply_gives(network):
    model, variables, x = network
    np.testing.assert_array_equal(record(model, variables, x)["dense_2"], model.apply(variables, x))


def test_activations_are_the_outputs_of_the_activation_layers(network):
    """The net input of an activation is the output of the layer before it."""
    model, variables, x = network
    outputs = record(model, variables, x)
    relu_1, tanh_1, relu_2 = activations_of(model, outputs)
    np.testing.assert_array_equal(relu_1, np.maximum(outputs["conv_1"], 0))
    np.testing.assert_allclose(tanh_1, np.tanh(outputs["batchnorm_1"]), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(relu_2, np.maximum(outputs["dense_1"], 0))


def test_parameters_are_a_plain_dictionary_by_position(network):
    _, variables, _ = network
    shapes = jax.tree.map(lambda leaf: leaf.shape, variables)
    assert shapes == {
        "params": {
            "layers_0": {"kernel": (3, 3, 2, 4), "bias": (4,)},
            "layers_3": {"scale": (4,), "bias": (4,)},
            "layers_7": {"kernel": (36, 5), "bias": (5,)},
            "layers_10": {"kernel": (5, 3), "bias": (3,)},
        },
        "batch_stats": {"layers_3": {"mean": (4,), "var": (4,)}},
    }


def test_summary_rows_by_hand():
    """FLOPs: two for each multiply-add of a matrix product, for one example."""
    assert summary_rows(models.cnn(WORDS, 3), (8, 8, 2)) == [
        SummaryRow("conv_1", (6, 6, 4), 3 * 3 * 2 * 4 + 4, 0, 2 * (3 * 3 * 2) * 4 * 36),
        SummaryRow("relu_1", (6, 6, 4), 0, 0, 0),
        SummaryRow("maxpool_1", (3, 3, 4), 0, 0, 0),
        SummaryRow("batchnorm_1", (3, 3, 4), 8, 8, 0),
        SummaryRow("tanh_1", (3, 3, 4), 0, 0, 0),
        SummaryRow("dropout_1", (3, 3, 4), 0, 0, 0),
        SummaryRow("flatten_1", (36,), 0, 0, 0),
        SummaryRow("dense_1", (5,), 36 * 5 + 5, 0, 2 * 36 * 5),
        SummaryRow("relu_2", (5,), 0, 0, 0),
        SummaryRow("dropout_2", (5,), 0, 0, 0),
        SummaryRow("dense_2", (3,), 5 * 3 + 3, 0, 2 * 5 * 3),
    ]


def test_the_table_of_a_lenet_ends_in_totals_counted_by_hand():
    """2 (25*10*576 + 250*20*64 + 320*50 + 50*10) = 961,000 operations."""
    text = summary(models.lenet(), (28, 28, 1))
    lines = text.splitlines()
    assert lines[0].split() == ["Layer", "Output", "shape", "Parameters", "FLOPs"]
    assert lines[2].split() == ["conv_1", "(24,", "24,", "10)", "260", "288,000"]
    assert lines[-2] == "Parameters: 21,840 (21,840 trainable, 0 not)"
    assert lines[-1] == "FLOPs of a forward pass: 961,000 an example"


def test_the_table_tells_what_is_not_trained():
    text = summary(models.mlp((50,), 10, batch_norm=True), (784,))
    total = 784 * 50 + 50 + 4 * 50 + 50 * 10 + 10
    assert f"Parameters: {total:,} ({total - 100:,} trainable, 100 not)" in text


@pytest.mark.parametrize(
    ("model", "input_shape", "message"),
    [
        (
            models.lenet(),
            (8, 8, 1),
            r"layer 3 of the network, Conv.*\(5, 5\).*does not fit into images of \(2, 2\)",
        ),
        (models.lenet(), (784,), r"layer 0 of the network, Conv.*takes 4 axes.*\(1, 784\)"),
        (models.network([models.Dense(3)]), (28, 28, 1), "put a Flatten before it"),
        (models.network([models.Flatten(), models.Reshape((3,))]), (4,), r"does not fit inputs of shape \(4,\)"),
    ],
)
def test_layers_that_do_not_fit_are_refused_before_anything_is_computed(model, input_shape, message):
    with pytest.raises(InputError, match=message):
        summary_rows(model, input_shape)
