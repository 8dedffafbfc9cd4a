"""How much memory a program will need, asked before anything is allocated."""

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import psutil

from jaxnn.container import container_memory
from jaxnn.data import Data
from jaxnn.labels import bytes_label
from jaxnn.models import activation_sizes
from jaxnn.monitor import sample_shapes
from jaxnn.population import Recipe, choose_execution, eval_block, make_member_run
from jaxnn.run import RunData
from jaxnn.train import run_keys
from jaxnn.types import Batch, Hparams

# Copies of the state of training that there are at the worst moment, when a checkpoint is being saved and the next
# one is due: 7 to 8.5 of them in all, measured (on CPU, with a checkpoint at every record).  On the devices: what a
# chunk of records starts from, and what it makes.  On the host: the snapshots of both checkpoints, each beside the
# copy that JAX keeps of what it hands out, what is being written, and what is read back to prove it.
DEVICE_COPIES = 2
HOST_COPIES = 6


class Memory(NamedTuple):
    """Bytes, of all devices together and of the host.  The devices of a CPU have theirs on the host."""

    devices: int
    host: int


def estimate_memory(
    recipe: Recipe, data: Sequence[Data], hparams: Hparams, *, num_members: int, num_watched: int = 0
) -> Memory:
    """Bytes a population needs: copies of the state of every member, and the data sets once for each device; where
    its members are vectorised, for each of them also the activations of a step and a data set of its own, if any.

    Parameters, batch statistics, optimizer state, best-so-far parameters and metric history are counted exactly,
    from shapes alone, and so is the place that every member of a monitored population has for its samples, and all
    samples of the `num_watched` that are looked into, which the host keeps.  Activations are those that the
    backward pass needs of a batch, or two layers of a block of an evaluation; those of members that train one
    after another, and what the compiler keeps besides, are not in it.
    """
    splits = (data[0].train, data[0].validation)
    run = make_member_run(recipe, num_examples=len(data[0].train.x))

    def begin():
        return run.init(run_keys(0), hparams, RunData(*(Batch(*map(jnp.asarray, split)) for split in splits)))

    state: Any = jax.eval_shape(begin)
    state_bytes, place_bytes, sample_bytes = num_members * _num_bytes(state), 0, 0
    if recipe.run.monitor_every is not None:
        sampling = recipe.run.sampling(len(data[0].train.x))
        one = _num_bytes(sample_shapes(recipe.model, state.train.params))
        place_bytes = num_members * sampling.capacity * one
        sample_bytes = num_watched * sampling.before(recipe.run.num_records) * one
    on_devices = DEVICE_COPIES * (state_bytes + place_bytes) + jax.device_count() * sum(map(_set_bytes, data))
    own, num_examples = own_data_bytes(data), len(data[0].train.x)
    shapes = {"input_shape": data[0].info.input_shape, "num_examples": num_examples, "num_members": num_members}
    if choose_execution(recipe, **shapes, own_data_bytes=own).members == "vmap":
        on_devices += num_members * (own + _activation_bytes(recipe, data[0]))
    return Memory(on_devices, HOST_COPIES * (state_bytes + sample_bytes))


def _activation_bytes(recipe: Recipe, data: Data) -> int:
    """Bytes of the activations of one of many vectorised members, in a training step or an evaluation."""
    num_examples, shape, run = len(data.train.x), data.info.input_shape, recipe.run
    sizes = activation_sizes(recipe.model, shape)
    in_training = (run.batch_size or num_examples) * sum(sizes)
    block = min(len(data.validation.x), eval_block(recipe, num_examples=num_examples, input_shape=shape))
    return 4 * max(in_training, block * max(read + written for read, written in itertools.pairwise(sizes)))


def own_data_bytes(data: Sequence[Data]) -> int:
    """Bytes of the data set of a member, where there are several for a program; 0 where all share one."""
    return _set_bytes(data[0]) if len(data) > 1 else 0


def _set_bytes(data: Data) -> int:
    return sum(array.nbytes for split in (data.train, data.validation) for array in split)


def free_memory() -> Memory:
    """Bytes that are free.  Devices that do not tell are taken to have as much as the host."""
    host = int(min(psutil.virtual_memory().available, container_memory()))
    limits = [device.memory_stats() for device in jax.devices()] if jax.default_backend() != "cpu" else []
    if limits and all(limits):
        return Memory(sum(limit["bytes_limit"] - limit["bytes_in_use"] for limit in limits), host)
    return Memory(host, host)


def shortage(needed: Memory, *, num_members: int) -> str:
    """Why a population of so many members does not fit in the memory that is free; "" if it does."""
    free = free_memory()
    if jax.default_backend() == "cpu":
        needed = Memory(devices=0, host=sum(needed))
    for place, bytes_needed, bytes_free in zip(Memory._fields, needed, free, strict=True):
        if bytes_needed > bytes_free:
            return (
                f"`seeds` and the sweep make {num_members:,} members of one program, which need about "
                f"{bytes_label(bytes_needed)} on the {place}; {bytes_label(bytes_free)} are free: use fewer seeds "
                "or settings, or smaller layers."
            )
    return ""


def _num_bytes(tree) -> int:
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))
