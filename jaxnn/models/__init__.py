"""Networks: builders, the layer vocabulary, summary tables and the record of every layer's output."""

from jaxnn.models.activations import ACTIVATIONS, activation_function
from jaxnn.models.builders import autoencoder, cnn, lenet, linear, mlp, network
from jaxnn.models.layers import (
    EVALUATION,
    INITIALIZERS,
    Activation,
    AvgPool,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    MaxPool,
    Mode,
    Reshape,
)
from jaxnn.models.network import Network, activations_of, layer_names, record
from jaxnn.models.padded import pad_variables, padded_mlp, trim_params
from jaxnn.models.summary import SummaryRow, summary, summary_rows

__all__ = [
    "ACTIVATIONS",
    "EVALUATION",
    "INITIALIZERS",
    "Activation",
    "AvgPool",
    "BatchNorm",
    "Conv",
    "Dense",
    "Dropout",
    "Flatten",
    "MaxPool",
    "Mode",
    "Network",
    "Reshape",
    "SummaryRow",
    "activation_function",
    "activations_of",
    "autoencoder",
    "cnn",
    "layer_names",
    "lenet",
    "linear",
    "mlp",
    "network",
    "pad_variables",
    "padded_mlp",
    "record",
    "summary",
    "summary_rows",
    "trim_params",
]
