"""Model builders: functions from a few static choices to a `Network`."""

import math
from collections.abc import Sequence

import flax.linen as nn

from jaxnn.errors import InputError
from jaxnn.models.activations import activation_function
from jaxnn.models.layers import (
    Activation,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    Reshape,
    Upsample,
    initializer,
)
from jaxnn.models.network import Network
from jaxnn.models.spec import parse_layer
from jaxnn.models.summary import summary_rows


def network(layers: Sequence[nn.Module]) -> Network:
    """A network of these layers, applied in order."""
    return Network(tuple(layers))


def linear(num_outputs: int) -> Network:
    """Linear regression, or with a softmax loss multinomial logistic regression: one Dense layer."""
    _check_count("num_outputs", num_outputs)
    return network([Flatten(), Dense(num_outputs)])


def mlp(
    hidden: Sequence[int],
    num_outputs: int,
    *,
    activation: str = "relu",
    dropout: bool = False,
    batch_norm: bool = False,
    kernel_init: str = "glorot_uniform",
) -> Network:
    """A multi-layer perceptron: for each hidden layer Dense, [BatchNorm], activation, [Dropout]; then Dense.

    Args:
        hidden: units of each hidden layer; empty gives a linear model.
        num_outputs: units of the last layer, which has no activation (the losses take logits).
        activation: name of the hidden activation.
        dropout: whether a Dropout layer with the traced rate follows each activation.
        batch_norm: whether a BatchNorm stands between each hidden Dense and its activation.
        kernel_init: name of the initialiser of all kernels.

    Raises:
        InputError: a count below 1, or an unknown name.
    """
    activation_function(activation)
    initializer(kernel_init)
    _check_count("num_outputs", num_outputs)
    if isinstance(hidden, int):
        raise InputError(f"`hidden` must be the units of each layer, such as (16,); got {hidden!r}.")
    layers: list[nn.Module] = [Flatten()]
    for units in hidden:
        _check_count("hidden", units)
        layers.append(Dense(units, kernel_init=kernel_init))
        if batch_norm:
            layers.append(BatchNorm())
        layers.append(Activation(activation))
        if dropout:
            layers.append(Dropout())
    return network([*layers, Dense(num_outputs, kernel_init=kernel_init)])


def cnn(spec: Sequence[str], num_outputs: int, *, kernel_init: str = "glorot_uniform") -> Network:
    """A convolutional network from a spec, one word a layer, ending in Dense(num_outputs).

    The words: `conv:FEATURES[:SIZE[:STRIDE[:same|valid]]]` (SIZE 3, STRIDE 1, same), `maxpool[:SIZE]`,
    `avgpool[:SIZE]` and `upsample[:SIZE]` (SIZE 2), `dense:UNITS`, `dropout[:RATE]` (the traced rate), `batchnorm`,
    `flatten` (put in by itself before the first dense layer), and any activation by its name.

    Example:
        cnn(("conv:10:5:1:valid", "relu", "maxpool", "dense:50", "relu", "dropout:0.5"), num_outputs=10)

    Raises:
        InputError: a word that is none of these (with the nearest one that is), bad numbers in it, or an unknown
            initialiser.
    """
    initializer(kernel_init)
    if isinstance(spec, str):
        raise InputError(f'`spec` must be a sequence of words, such as ("conv:8", "relu"); got {spec!r}.')
    layers: list[nn.Module] = []
    for word in (*spec, f"dense:{num_outputs}"):
        layer = parse_layer(word, kernel_init=kernel_init)
        if isinstance(layer, Dense) and not any(isinstance(earlier, Dense | Flatten) for earlier in layers):
            layers.append(Flatten())
        layers.append(layer)
    return network(layers)


def lenet(num_outputs: int = 10, *, activation: str = "relu") -> Network:
    """A LeNet for 28x28 images: conv 5x5x10, pool, conv 5x5x20, pool, dense 320-50, dropout, 50-num_outputs.

    21,840 parameters with ten outputs.  Source: LeCun et al. 1998, in the small form of PyTorch's MNIST example.
    """
    convolutions = (f"conv:{features}:5:1:valid {activation} maxpool:2" for features in (10, 20))
    spec = " ".join((*convolutions, f"dense:50 {activation} dropout")).split()
    return cnn(spec, num_outputs)


def autoencoder(
    input_shape: Sequence[int],
    *,
    code: int = 32,
    hidden: Sequence[int] = (),
    activation: str = "relu",
    output_activation: str = "identity",
    kernel_init: str = "glorot_uniform",
) -> Network:
    """input -> hidden -> code -> hidden reversed -> input, all dense; the output has the shape of the input.

    An activity penalty counts the code alone, as Keras' `activity_regularizer` does on the code's layer.

    Args:
        input_shape: shape of one example, such as (28, 28, 1).
        code: units of the narrowest layer.
        hidden: units of the layers between input and code; the decoder mirrors them.
        activation: activation of every layer but the last.
        output_activation: activation of the last layer; "identity" with a cross-entropy on logits.
        kernel_init: name of the initialiser of all kernels.

    Raises:
        InputError: a count below 1, or an unknown name.
    """
    _check_count("code", code)
    size = math.prod(input_shape)
    widths = (*hidden, code, *reversed(hidden))
    perceptron = mlp(widths, size, activation=activation, kernel_init=kernel_init)
    layers = [*perceptron.layers, *_ending(output_activation), Reshape(tuple(input_shape))]
    return network(_penalize_only(layers, position=2 * len(hidden) + 2))


CONV_AUTOENCODER = (
    *("conv:16", "relu", "maxpool", "conv:8", "relu", "maxpool"),
    *("conv:8", "relu", "upsample", "conv:16", "relu", "upsample"),
)


def conv_autoencoder(
    input_shape: Sequence[int],
    layers: Sequence[str] = CONV_AUTOENCODER,
    *,
    output_activation: str = "identity",
    kernel_init: str = "glorot_uniform",
) -> Network:
    """An autoencoder of convolutions: `layers`, and a last convolution to the channels of the input.

    The code is what the first `upsample` is given; an activity penalty counts the last activation before it.

    Args:
        input_shape: (height, width, channels).
        layers: the words of `cnn`, which lead from the input to a code and back to its height and width.
        output_activation: activation of the last layer; "identity" with a cross-entropy on logits.
        kernel_init: name of the initialiser of all kernels.

    Raises:
        InputError: no image, a bad word, no `upsample` among them, or an output of another shape.
    """
    if len(input_shape) != 3:
        raise InputError(f"`conv_autoencoder` takes images (height, width, channels); got {tuple(input_shape)}.")
    built = [parse_layer(word, kernel_init=kernel_init) for word in layers]
    enlarged = [position for position, layer in enumerate(built) if isinstance(layer, Upsample)]
    if not enlarged:
        raise InputError("`layers` of a conv_autoencoder must have an `upsample`: the code is what it is given.")
    before = [position for position in range(enlarged[0]) if isinstance(built[position], Activation)]
    built += [Conv(input_shape[-1], kernel_init=kernel_init), *_ending(output_activation)]
    model = network(_penalize_only(built, position=before[-1] if before else -1))
    found = summary_rows(model, input_shape)[-1].output_shape
    if found != tuple(input_shape):
        raise InputError(
            f"`layers` of a conv_autoencoder must lead back to the input's shape {tuple(input_shape)}; these lead "
            f"to {found}: undo every pool by an `upsample` of its size."
        )
    return model


def _ending(output_activation: str) -> list[nn.Module]:
    activation_function(output_activation)
    return [] if output_activation == "identity" else [Activation(output_activation)]


def _penalize_only(layers: Sequence[nn.Module], *, position: int) -> list[nn.Module]:
    """The same layers, with the activation at `position` as the only one that an activity penalty counts."""
    return [
        Activation(layer.function, penalized=place == position) if isinstance(layer, Activation) else layer
        for place, layer in enumerate(layers)
    ]


def _check_count(name: str, value: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InputError(f"`{name}` must be a whole number of 1 or more; got {value!r}.")
