"""The command that proves the hand-derived gradients: `jaxnn gradcheck`."""

import dataclasses
from collections.abc import Sequence

from jaxnn import runtime
from jaxnn.cli.parse import parse
from jaxnn.errors import InputError


@dataclasses.dataclass(frozen=True)
class GradcheckFlags:
    """Compare every hand-derived pair with jax.vjp and with finite differences; exit status 1 if one fails."""

    model: str | None = None
    """Check the gradient of a whole network instead: linear, mlp, cnn, lenet, autoencoder or
    conv_autoencoder."""
    mutate: bool = False
    """Check the checks instead: plant bugs in the pairs and count those that are caught."""
    json: bool = False
    """Print a list of rows, each with `name`, `verdict` and the figures, instead of a table."""
    debug: bool = False
    """Show tracebacks."""


def gradcheck_command(arguments: Sequence[str]) -> int:
    """`jaxnn gradcheck`; returns the exit status."""
    flags = parse(GradcheckFlags, GradcheckFlags(), arguments, prog="jaxnn gradcheck")
    if flags.mutate and flags.model:
        raise InputError("`--mutate` plants bugs in the pairs, `--model` checks a network: leave out one of them.")
    runtime.start(platform="cpu")
    from jaxnn.backprop import gradcheck

    return gradcheck.main(json=flags.json, mutate=flags.mutate, model=flags.model)
