"""Builders: the networks of the assignments, counted by hand; equal builds are equal; bad numbers are refused."""

import jax
import pytest

from jaxnn import models
from jaxnn.errors import InputError
from jaxnn.models import Activation, BatchNorm, Dense, Dropout, Flatten, Reshape, summary_rows

FASHION_MLP = (
    "dense:256 relu dropout dense:128 relu dropout dense:50 batchnorm relu dense:50 relu dense:25 relu dropout"
)
FASHION_CNN = (
    "conv:200 relu conv:100 relu maxpool conv:50 relu maxpool conv:50 relu maxpool "
    "dense:256 batchnorm relu dense:50 relu dense:25 relu dense:10 relu"
)
PAIRS = ((32, 64), (128, 128), (256, 256))
FASHION_CNN_2 = " ".join(
    [f"conv:{a} batchnorm relu conv:{b}:3:1:valid batchnorm relu maxpool dropout" for a, b in PAIRS]
    + ["dense:1024 relu dense:512 relu"]
)


@pytest.mark.parametrize(
    ("words", "trainable", "fixed"),
    [
        # Keras's own counts, from the summaries of an assignment; batch norm has two running statistics a unit.
        (FASHION_MLP, 244_491, 100),
        (FASHION_CNN, 380_163, 512),
        (FASHION_CNN_2, 1_920_330, 1_728),
    ],
    ids=["mlp", "cnn", "cnn in pairs"],
)
def test_networks_of_words_have_the_parameters_that_keras_counts(words, trainable, fixed):
    rows = summary_rows(models.cnn(words.split(), 10), (28, 28, 1))
    assert sum(row.trainable for row in rows) == trainable
    assert sum(row.non_trainable for row in rows) == fixed


@pytest.mark.parametrize(
    ("model", "input_shape", "parameters"),
    [
        # 5*5*1*10 + 10, 5*5*10*20 + 20, 320*50 + 50, 50*10 + 10: PyTorch's MNIST example
        (models.lenet(), (28, 28, 1), 21_840),
        (models.linear(10), (28, 28, 1), 7_850),
        # 2*100 + 100, 100*100 + 100, 100*2 + 2
        (models.mlp((100, 100), 2), (2,), 10_602),
        (models.mlp((), 3), (4,), 15),
        (models.network([Flatten()]), (2, 3), 0),
        # 64*16 + 16 + 32 of batch norm, 16*10 + 10
        (models.mlp((16,), 10, batch_norm=True), (8, 8, 1), 1_242),
        # 784*32 + 32, 32*784 + 784
        (models.autoencoder((28, 28, 1)), (28, 28, 1), 50_992),
        # 6*4 + 4, 4*2 + 2, 2*4 + 4, 4*6 + 6
        (models.autoencoder((3, 2), hidden=(4,), code=2), (3, 2), 80),
    ],
)
def test_parameters_counted_by_hand(model, input_shape, parameters):
    assert sum(row.trainable for row in summary_rows(model, input_shape)) == parameters


def kinds(model):
    return [layer.function if isinstance(layer, Activation) else type(layer) for layer in model.layers]


def test_an_mlp_is_dense_norm_activation_dropout():
    model = models.mlp((5, 4), 3, activation="tanh", dropout=True, batch_norm=True)
    hidden = [Dense, BatchNorm, "tanh", Dropout]
    assert kinds(model) == [Flatten, *hidden, *hidden, Dense]
    assert [layer.features for layer in model.layers if isinstance(layer, Dense)] == [5, 4, 3]


def test_an_autoencoder_mirrors_its_encoder_and_ends_in_the_shape_of_its_input():
    model = models.autoencoder((4, 3), code=2, hidden=(8, 5), activation="tanh", output_activation="sigmoid")
    assert [layer.features for layer in model.layers if isinstance(layer, Dense)] == [8, 5, 2, 5, 8, 12]
    assert kinds(model)[-3:] == [Dense, "sigmoid", Reshape]
    assert summary_rows(model, (4, 3))[-1].output_shape == (4, 3)
    assert kinds(models.autoencoder((4, 3)))[-2:] == [Dense, Reshape]


def test_a_lenet_has_the_shapes_of_its_source():
    """PyTorch's MNIST example: 24x24x10, 12x12x10, 8x8x20, 4x4x20, 320, 50, 10."""
    rows = summary_rows(models.lenet(activation="tanh"), (28, 28, 1))
    shapes = [row.output_shape for row in rows if not row.name.startswith(("tanh", "dropout"))]
    assert shapes == [(24, 24, 10), (12, 12, 10), (8, 8, 20), (4, 4, 20), (320,), (50,), (10,)]
    assert "relu_1" not in models.layer_names(models.lenet(activation="tanh"))


def test_a_conv_autoencoder_leads_back_to_its_input():
    """28 -> 14 -> 7 -> 14 -> 28; parameters are 3 * 3 * inputs * outputs + outputs, by hand."""
    rows = summary_rows(models.conv_autoencoder((28, 28, 1)), (28, 28, 1))
    assert [row.output_shape for row in rows if row.name.startswith(("maxpool", "upsample"))] == [
        (14, 14, 16), (7, 7, 8), (14, 14, 8), (28, 28, 16),
    ]  # fmt: skip
    assert rows[-1].output_shape == (28, 28, 1)
    pairs = [(1, 16), (16, 8), (8, 8), (8, 16), (16, 1)]
    assert sum(row.trainable for row in rows) == sum(9 * a * b + b for a, b in pairs)


def test_an_activity_penalty_counts_the_code_of_an_autoencoder_alone():
    """As Keras' `activity_regularizer` on the layer of the code; elsewhere every activation counts."""
    deep = models.autoencoder((4, 4), code=3, hidden=(7, 5), output_activation="sigmoid")
    shapes = [row.output_shape for row in summary_rows(deep, (4, 4))]
    assert [shapes[position] for position in models.penalized_positions(deep)] == [(3,)]
    words = ("conv:4", "tanh", "maxpool", "conv:3", "relu", "upsample", "conv:2", "relu")
    (position,) = models.penalized_positions(models.conv_autoencoder((4, 6, 2), words, output_activation="sigmoid"))
    assert position == words.index("relu")
    assert len(models.penalized_positions(models.mlp((3, 2), 2))) == 2


BUILDS = {
    "linear": lambda: models.linear(3),
    "mlp": lambda: models.mlp([5, 4], 3, activation="tanh", dropout=True),
    "cnn": lambda: models.cnn(["conv:4:3:2:valid", "relu", "dropout:0.5", "batchnorm"], 3),
    "lenet": models.lenet,
    "autoencoder": lambda: models.autoencoder([4, 4], code=3),
    "conv_autoencoder": lambda: models.conv_autoencoder([4, 4, 1]),
}


@pytest.mark.parametrize("name", BUILDS)
def test_equal_builds_are_equal_and_share_a_compilation(name):
    """Equal and of one hash, as keys of a program must be; every other build differs."""
    one, other = BUILDS[name](), BUILDS[name]()
    assert one is not other
    assert one == other
    assert hash(one) == hash(other)
    assert {one: "found"}[other] == "found"
    assert all(one != build() for different, build in BUILDS.items() if different != name)


def test_a_model_is_a_static_argument_of_jit():
    """Two equal builds trace once, another one again."""
    traces = []

    def count(model, x):
        traces.append(model)
        return x

    jitted = jax.jit(count, static_argnums=0)
    for model in (models.mlp((3,), 2), models.mlp((3,), 2), models.mlp((4,), 2)):
        jitted(model, 1.0)
    assert len(traces) == 2


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: models.mlp((16, 0), 3), "`hidden` must be a whole number of 1 or more; got 0"),
        (lambda: models.mlp((16, -2), 3), "`hidden` .* got -2"),
        (lambda: models.mlp((1.5,), 3), "`hidden` .* got 1.5"),
        (lambda: models.mlp((3,), 0), "`num_outputs` .* got 0"),
        (lambda: models.linear(0), "`num_outputs` .* got 0"),
        (lambda: models.autoencoder((4,), code=0), "`code` .* got 0"),
        (lambda: models.autoencoder((4,), hidden=(0,)), "`hidden` .* got 0"),
        (lambda: models.mlp((3,), 2, activation="rleu"), "`rleu` is not a known activation: did you mean `relu`"),
        (lambda: models.autoencoder((4,), output_activation="sigmod"), "did you mean `sigmoid`"),
        (
            lambda: models.mlp((3,), 2, kernel_init="he_norml"),
            "`he_norml` .* initializer: did you mean `he_normal`",
        ),
        (lambda: models.cnn(("dense:3",), 2, kernel_init="he"), "`he` is not a known initializer"),
        (lambda: models.conv_autoencoder((8,)), r"takes images \(height, width, channels\); got \(8,\)"),
        (lambda: models.conv_autoencoder((8, 8, 1), ("conv:2",)), "`layers` .* must have an `upsample`"),
        (
            lambda: models.conv_autoencoder((6, 6, 2), ("maxpool", "maxpool", "upsample:4")),
            r"must lead back to the input's shape \(6, 6, 2\); these lead to \(4, 4, 2\)",
        ),
        (lambda: models.lenet(activation="tan"), "did you mean `tanh`"),
    ],
)
def test_bad_numbers_and_names_are_refused_when_the_network_is_built(build, message):
    with pytest.raises(InputError, match=message):
        build()
