"""Layers as words: each form and what it means, and a sentence for everything that is none of them."""

import pytest

from jaxnn import models
from jaxnn.errors import InputError
from jaxnn.models import (
    ACTIVATIONS,
    Activation,
    AvgPool,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    MaxPool,
    Upsample,
)

MEANINGS = {
    "conv:8": Conv(8, (3, 3), (1, 1), "SAME"),
    "conv:8:5": Conv(8, (5, 5), (1, 1), "SAME"),
    "conv:8:5:2": Conv(8, (5, 5), (2, 2), "SAME"),
    "conv:8:5:2:valid": Conv(8, (5, 5), (2, 2), "VALID"),
    "conv:8:5:2:SAME": Conv(8, (5, 5), (2, 2), "SAME"),
    "maxpool": MaxPool((2, 2)),
    "maxpool:3": MaxPool((3, 3)),
    "avgpool": AvgPool((2, 2)),
    "avgpool:3": AvgPool((3, 3)),
    "upsample": Upsample((2, 2)),
    "upsample:3": Upsample((3, 3)),
    "dense:50": Dense(50),
    "dropout": Dropout(),
    "dropout:0.5": Dropout(0.5),
    "batchnorm": BatchNorm(),
    "flatten": Flatten(),
} | {name: Activation(name) for name in ACTIVATIONS}


@pytest.mark.parametrize("word", MEANINGS)
def test_a_word_is_its_layer(word):
    """A Dense in front keeps `cnn` from putting a Flatten before the last layer."""
    model = models.cnn(("dense:2", word), 4)
    assert model.layers == (Flatten(), Dense(2), MEANINGS[word], Dense(4))


def test_a_flatten_is_put_in_before_the_first_dense_layer_alone():
    flattens = lambda *words: [isinstance(layer, Flatten) for layer in models.cnn(words, 2).layers]
    assert flattens("conv:3") == [False, True, False]
    assert flattens("conv:3", "dense:4", "relu") == [False, True, False, False, False]
    assert flattens("flatten", "dense:4") == [True, False, False]
    assert flattens() == [True, False]


def test_the_initialiser_is_that_of_every_kernel():
    model = models.cnn(("conv:3", "dense:4"), 2, kernel_init="he_normal")
    assert [layer.kernel_init for layer in model.layers if isinstance(layer, Conv | Dense)] == ["he_normal"] * 3


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("covn:8", "`covn:8` is not a layer: did you mean `conv`"),
        ("rellu", "did you mean `relu`"),
        ("", "`` is not a layer"),
        ("conv", "write `conv:FEATURES"),
        ("conv:8:3:1:same:9", "write `conv:FEATURES"),
        ("conv:0", "`conv:0`: `0` must be a whole number of 1 or more"),
        ("conv:-8", "`-8` must be a whole number"),
        ("conv:8.5", "`8.5` must be a whole number"),
        ("conv:", "`` must be a whole number"),
        ("conv:8:3:0", "`0` must be a whole number"),
        ("conv:8:3:1:full", "the padding is `same` or `valid`; got `full`"),
        ("maxpool:0", "`0` must be a whole number"),
        ("maxpool:2:2", "write `maxpool\\[:SIZE\\]`"),
        ("dense", "write `dense:UNITS`"),
        ("dense:ten", "`ten` must be a whole number"),
        ("dropout:1", "`dropout:1` must be a finite number in \\[0, 1\\); got 1.0"),
        ("dropout:-0.1", "got -0.1"),
        ("dropout:nan", "got nan"),
        ("dropout:half", "`half` must be a number in \\[0, 1\\)"),
        ("batchnorm:2", "write `batchnorm`"),
        ("relu:2", "`relu:2` is not a layer"),
    ],
)
def test_any_other_word_is_refused_with_what_is_right(word, message):
    with pytest.raises(InputError, match=message):
        models.cnn((word,), 2)
