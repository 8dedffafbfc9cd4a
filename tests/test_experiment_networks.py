"""The networks of the experiments are those of their sources, whose parameters Keras counted."""

import numpy as np
import pytest

from jaxnn import models
from jaxnn.discover import experiment_files, load_experiment
from jaxnn.models import summary_rows


def counted(words):
    """(parameters, trainable, not trainable) of a network of these words on images of 28x28."""
    rows = summary_rows(models.cnn(words, 10), (28, 28, 1))
    trainable, fixed = (sum(getattr(row, name) for row in rows) for name in ("trainable", "non_trainable"))
    return trainable + fixed, trainable, fixed


def full_layers(name):
    """The words of every network of an experiment's full preset."""
    preset = load_experiment(experiment_files()[name]).presets["full"]
    variants = preset.sweep.get("network", {"only": {"layers": preset.config.model.layers}})
    return {variant: fields["layers"] for variant, fields in variants.items()}


@pytest.mark.parametrize(
    ("name", "variant", "parameters"),
    [
        ("fashion_mlp", "only", (244_591, 244_491, 100)),
        ("fashion_cnn", "v1", (380_675, 380_163, 512)),
        ("fashion_cnn", "v2", (1_922_058, 1_920_330, 1_728)),
        ("fashion_cnn", "v2-augmented", (1_922_058, 1_920_330, 1_728)),
        ("fashion_cnn", "v2-step-decay", (1_922_058, 1_920_330, 1_728)),
    ],
)
def test_parameters_are_those_of_the_source(name, variant, parameters):
    assert counted(full_layers(name)[variant]) == parameters


def test_v2_has_the_shapes_of_its_source():
    """28 -> 26 -> 13 -> 11 -> 5 -> 3 -> 1: the second convolution of each pair is not padded."""
    rows = summary_rows(models.cnn(full_layers("fashion_cnn")["v2"], 10), (28, 28, 1))
    sizes = [row.output_shape[0] for row in rows if row.name.startswith(("conv", "maxpool"))]
    np.testing.assert_array_equal(sizes, [28, 26, 13, 13, 11, 5, 5, 3, 1])
