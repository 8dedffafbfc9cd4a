"""The members of a population: what differs between them, as arrays."""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np

from jaxnn import augment
from jaxnn.types import Hparams

# Terms that are in a program as soon as one member uses them, with the value that does nothing.  (Momentum is a
# term of rmsprop alone; the optimizers named after it always have it.)
NEUTRAL = {
    "momentum": 0.0,
    "weight_decay": 0.0,
    "l1": 0.0,
    "l2": 0.0,
    "activity_l1": 0.0,
    "dropout_rate": 0.0,
    "label_smoothing": 0.0,
    "input_noise": 0.0,
    "input_mask": 0.0,
    **dict.fromkeys(augment.TERMS, 0.0),
    "clip_norm": float("inf"),
}


class Members(NamedTuple):
    """The members of a population, every leaf with a leading axis of them.

    `data_index` (members,) int32 says which of several data sets is whose; None: they share the one there is.
    `watched` (members,) bool are those whose inside is looked at in a monitored run; None: all.
    """

    seed: jax.Array
    hparams: Hparams
    data_index: jax.Array | None = None
    watched: jax.Array | None = None


def share_terms(hparams: Sequence[Hparams]) -> list[Hparams]:
    """The same numbers, each term that one of them has given to all: the neutral value where it was absent."""
    used = [name for name in NEUTRAL if any(getattr(numbers, name) is not None for numbers in hparams)]
    return [
        dataclasses.replace(numbers, **{name: NEUTRAL[name] for name in used if getattr(numbers, name) is None})
        for numbers in hparams
    ]


def stack_hparams(hparams: Sequence[Hparams]) -> Hparams:
    """The numbers of several members as one `Hparams` of float32 arrays (members,); terms are shared first."""
    return jax.tree.map(lambda *values: np.asarray(values, np.float32), *share_terms(hparams))


def pad_members(members: Sequence, multiple: int) -> list:
    """`members` with its last one repeated until the length is a multiple; what the padding computes is dropped."""
    missing = -len(members) % multiple
    return [*members, *[members[-1]] * missing]


def make_members(
    seeds: Sequence[int],
    hparams: Hparams,
    *,
    data_index: Sequence[int] | None = None,
    watched: Sequence[bool] | None = None,
) -> Members:
    """The members of a population, on the host.

    Args:
        seeds: of the members.
        hparams: of the members, stacked.
        data_index: which of several data sets is whose.
        watched: the members that are looked into, in a monitored run.
    """
    index = None if data_index is None else np.asarray(data_index, np.int32)
    flags = None if watched is None else np.asarray(watched, bool)
    return Members(np.asarray(seeds, np.uint32), hparams, index, flags)  # pyright: ignore[reportArgumentType]
