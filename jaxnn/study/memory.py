"""How much memory a program will need, asked before anything is allocated."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import psutil

from jaxnn.data import Data
from jaxnn.errors import InputError
from jaxnn.population import Recipe, make_member_run
from jaxnn.run import RunData
from jaxnn.train import run_keys
from jaxnn.types import Batch, Hparams

# The state of training on the device, and its copy on the host at the end.
STATE_COPIES = 2


def estimate_bytes(recipe: Recipe, data: Sequence[Data], hparams: Hparams, *, num_members: int) -> int:
    """Bytes a population needs: the state of every member twice over, and the data sets once for each device.

    Parameters, batch statistics, optimizer state, best-so-far parameters and metric history are counted exactly,
    from shapes alone; activations of one step, and what the compiler keeps, are not in it.
    """
    splits = (data[0].train, data[0].validation)
    run = make_member_run(recipe, num_examples=len(data[0].train.x))
    state = jax.eval_shape(
        lambda: run.init(run_keys(0), hparams, RunData(*(Batch(*map(jnp.asarray, split)) for split in splits)))
    )
    data_bytes = len(data) * sum(array.nbytes for split in splits for array in split)
    return STATE_COPIES * num_members * _num_bytes(state) + jax.device_count() * data_bytes


def available_bytes() -> int:
    """Memory that is free: of all devices together, or of the machine where the device is its CPU."""
    limits = [device.memory_stats() for device in jax.devices()] if jax.default_backend() != "cpu" else []
    if limits and all(limits):
        return sum(limit["bytes_limit"] - limit["bytes_in_use"] for limit in limits)
    return psutil.virtual_memory().available


def check_memory(recipe: Recipe, data: Sequence[Data], hparams: Hparams, *, num_members: int) -> None:
    """Raise InputError if a population of `num_members` cannot fit in the memory that is free."""
    needed, free = estimate_bytes(recipe, data, hparams, num_members=num_members), available_bytes()
    if needed > free:
        raise InputError(
            f"`seeds` and the sweep make {num_members:,} members of one program, which need about "
            f"{needed / 2**30:.1f} GiB; {free / 2**30:.1f} GiB are free: use fewer seeds or settings, or "
            "smaller layers."
        )


def _num_bytes(tree) -> int:
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))
