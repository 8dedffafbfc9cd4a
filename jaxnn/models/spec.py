"""Layers as words, so that a whole network fits on a command line: `conv:10:5:1:valid`, `maxpool`, `dense:50`."""

import flax.linen as nn

from jaxnn.errors import InputError, check_number, nearest
from jaxnn.models.activations import ACTIVATIONS
from jaxnn.models.layers import Activation, AvgPool, BatchNorm, Conv, Dense, Dropout, Flatten, MaxPool, Upsample

WORDS = {
    "conv": "conv:FEATURES[:SIZE[:STRIDE[:same|valid]]]",
    "maxpool": "maxpool[:SIZE]",
    "avgpool": "avgpool[:SIZE]",
    "upsample": "upsample[:SIZE]",
    "dense": "dense:UNITS",
    "dropout": "dropout[:RATE]",
    "batchnorm": "batchnorm",
    "flatten": "flatten",
}


def parse_layer(word: str, *, kernel_init: str = "glorot_uniform") -> nn.Module:
    """The layer that `word` describes.  Raises InputError, with the form that is right, for anything else."""
    kind, *arguments = word.split(":")
    if kind in ACTIVATIONS and not arguments:
        return Activation(kind)
    match kind, arguments:
        case "conv", [features, *rest] if len(rest) <= 3:
            size, stride, padding = (*rest, *("3", "1", "same")[len(rest) :])
            if padding.upper() not in ("SAME", "VALID"):
                raise InputError(f"`{word}`: the padding is `same` or `valid`; got `{padding}`.")
            return Conv(
                _count(word, features),
                kernel_size=_square(word, size),
                strides=_square(word, stride),
                padding=padding.upper(),
                kernel_init=kernel_init,
            )
        case "maxpool" | "avgpool", [*rest] if len(rest) <= 1:
            window = _square(word, rest[0] if rest else "2")
            return MaxPool(window) if kind == "maxpool" else AvgPool(window)
        case "upsample", [*rest] if len(rest) <= 1:
            return Upsample(_square(word, rest[0] if rest else "2"))
        case "dense", [units]:
            return Dense(_count(word, units), kernel_init=kernel_init)
        case "dropout", []:
            return Dropout()
        case "dropout", [rate]:
            return Dropout(rate=_rate(word, rate))
        case "batchnorm", []:
            return BatchNorm()
        case "flatten", []:
            return Flatten()
    if kind in WORDS:
        raise InputError(f"`{word}` is not a layer: write `{WORDS[kind]}`.")
    raise InputError(f"`{word}` is not a layer: {nearest(kind, [*WORDS, *ACTIVATIONS])}")


def _count(word: str, text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise InputError(f"`{word}`: `{text}` must be a whole number of 1 or more.")
    return int(text)


def _square(word: str, text: str) -> tuple[int, int]:
    size = _count(word, text)
    return size, size


def _rate(word: str, text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        raise InputError(f"`{word}`: `{text}` must be a number in [0, 1).") from None
    check_number(word, rate, low=0, high=1, high_open=True)
    return rate
