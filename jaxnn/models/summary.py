"""The summary table of a network: what each layer gives out, holds and costs."""

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxnn.errors import InputError
from jaxnn.models.network import Network, layer_names, record


class SummaryRow(NamedTuple):
    """One layer: its output shape without the batch axis, its parameter counts, its multiply-adds times two."""

    name: str
    output_shape: tuple[int, ...]
    trainable: int
    non_trainable: int
    flops: int


def summary_rows(model: Network, input_shape: Sequence[int]) -> list[SummaryRow]:
    """A row for each layer of `model` for one example of `input_shape`; nothing is computed, only shapes.

    FLOPs are those of the matrix products of the forward pass, for one example: 2 m n for Dense, and
    2 * kernel entries * output positions for Conv.  Training costs about three times as many.

    Raises:
        InputError: the layers do not fit the input or each other.
    """
    return list(_summary_rows(model, tuple(input_shape)))  # pyright: ignore[reportArgumentType] (a module has a hash)


def activation_sizes(model: Network, input_shape: Sequence[int]) -> list[int]:
    """The numbers that one example is at the input and after each layer."""
    outputs = [row.output_shape for row in summary_rows(model, input_shape)]
    return [math.prod(shape) for shape in (input_shape, *outputs)]


@functools.lru_cache(maxsize=256)  # a study asks for those of a network several times, and tracing takes its time
def _summary_rows(model: Network, input_shape: tuple[int, ...]) -> tuple[SummaryRow, ...]:
    x = jax.ShapeDtypeStruct((1, *input_shape), jnp.float32)
    try:
        variables = jax.eval_shape(lambda x: model.init(jax.random.key(0), x), x)
        outputs = jax.eval_shape(lambda v, x: record(model, v, x), variables, x)
    except TypeError as error:  # a shape mismatch that reached jax.numpy
        raise InputError(f"the network does not fit inputs of shape {input_shape}: {error}") from error
    rows = []
    for position, name in enumerate(layer_names(model)):
        params = variables.get("params", {}).get(f"layers_{position}", {})
        stats = variables.get("batch_stats", {}).get(f"layers_{position}", {})
        shape = outputs[name].shape[1:]
        flops = 0
        if "kernel" in params:
            flops = 2 * params["kernel"].size * math.prod(shape[:-1])
        rows.append(SummaryRow(name, shape, _size(params), _size(stats), flops))
    return tuple(rows)


def summary(model: Network, input_shape: Sequence[int]) -> str:
    """The table of `summary_rows` as text with totals, in the manner of Keras."""
    rows = summary_rows(model, input_shape)
    cells = [("Layer", "Output shape", "Parameters", "FLOPs")]
    cells += [
        (row.name, str(row.output_shape), f"{row.trainable + row.non_trainable:,}", f"{row.flops:,}")
        for row in rows
    ]
    widths = [max(len(row[column]) for row in cells) for column in range(4)]
    lines = [
        f"{name:<{widths[0]}}  {shape:<{widths[1]}}  {params:>{widths[2]}}  {flops:>{widths[3]}}"
        for name, shape, params, flops in cells
    ]
    rule = "-" * len(lines[0])
    trainable = sum(row.trainable for row in rows)
    fixed = sum(row.non_trainable for row in rows)
    totals = [
        f"Input shape: {tuple(input_shape)}",
        f"Parameters: {trainable + fixed:,} ({trainable:,} trainable, {fixed:,} not)",
        f"FLOPs of a forward pass: {sum(row.flops for row in rows):,} an example",
    ]
    return "\n".join([lines[0], rule, *lines[1:], rule, *totals])


def _size(tree) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(tree))
