"""Networks: builders, the layer vocabulary, summary tables and the record of every layer's output."""

from jaxnn.models.activations import ACTIVATIONS, activation_function
from jaxnn.models.builders import CONV_AUTOENCODER, autoencoder, cnn, conv_autoencoder, lenet, linear, mlp, network
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
    Upsample,
)
from jaxnn.models.network import Network, activations_of, layer_names, penalized_positions, record
from jaxnn.models.padded import (
    PaddedBlock,
    pad_variables,
    padded_mlp,
    padded_net_inputs,
    present_units,
    trim_params,
)
from jaxnn.models.summary import SummaryRow, summary, summary_rows

__all__ = [
    "ACTIVATIONS",
    "CONV_AUTOENCODER",
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
    "PaddedBlock",
    "Reshape",
    "SummaryRow",
    "Upsample",
    "activation_function",
    "activations_of",
    "autoencoder",
    "cnn",
    "conv_autoencoder",
    "layer_names",
    "lenet",
    "linear",
    "mlp",
    "network",
    "pad_variables",
    "padded_mlp",
    "padded_net_inputs",
    "penalized_positions",
    "present_units",
    "record",
    "summary",
    "summary_rows",
    "trim_params",
]
