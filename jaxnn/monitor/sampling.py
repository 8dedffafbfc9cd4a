"""When a run is looked at, and where the samples of a chunk of its records are kept on the device."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.custom_batching
import jax.numpy as jnp
import numpy as np

from jaxnn.models import Network
from jaxnn.monitor.probe import Probe, Sample, sample_shapes
from jaxnn.types import Params

# look(watched, state, batch, key, hparams) -> Sample; watched is a traced boolean
Look = Callable[..., Sample]

# Places for samples that the members of a program have together, until the host takes them: 170 bytes for each
# tensor of a sample, and so 10 MiB for networks of 15 tensors.
SAMPLES_KEPT = 4096


@dataclasses.dataclass(frozen=True)
class Sampling:
    """Which steps of a run are looked at: every `every`-th of its full batches, from the first on.

    The smaller batch at the end of an epoch is passed over and not counted, so that every sample is of one size.
    """

    every: int
    num_batches: int  # full batches of an epoch
    steps_per_epoch: int
    epochs_per_record: int
    num_records: int
    kept: int  # places of a member for samples, until the host takes them; as many as a record has, at least

    def before(self, records: Any) -> Any:
        """How many samples there are before a record; `records` is an int, or an int32 array."""
        return -(-records * self.epochs_per_record * self.num_batches // self.every)

    @property
    def capacity(self) -> int:
        """Samples that one chunk of records may have."""
        per_record = -(-self.epochs_per_record * self.num_batches // self.every)
        return max(per_record, min(self.kept, self.before(self.num_records)))

    def last_record(self, first: int) -> int:
        """Where a chunk that begins at record `first` ends at the latest, so that its samples have a place."""
        per_record = self.epochs_per_record * self.num_batches
        return max(first + 1, (self.before(first) + self.capacity) * self.every // per_record)

    def steps(self, first: int, last: int) -> np.ndarray:
        """The training step, counted from 0, that each sample of the records first, ..., last - 1 stands before."""
        batch = np.arange(self.before(first), self.before(last)) * self.every
        return batch // self.num_batches * self.steps_per_epoch + batch % self.num_batches


def samples_kept(num_members: int) -> int:
    """How many places for samples each of so many members of a program gets; so do those that nobody watches."""
    return max(1, SAMPLES_KEPT // num_members)


def make_look(model: Network, probe: Probe, *, num_watched: int) -> Look:
    """look(watched, state, batch, key, hparams) -> Sample: that of `probe` if `watched`, else nothing, at no cost.

    Under `vmap` a branch would be computed for every member; here `num_watched` of them are, one after another.

    Args:
        model: the network that the probe was made for.
        probe: from `make_probe`.
        num_watched: how many members of a vectorised population are watched, at most.
    """

    # JAX batches the body of a loop several times, and calls the rule below each time: jit traces once.
    traced = jax.jit(probe)

    @jax.custom_batching.custom_vmap
    def look(watched, state, *rest):
        shapes, arguments = sample_shapes(model, state.params), (state, *rest)
        nothing = lambda: jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
        return jax.lax.cond(watched, lambda: traced(*arguments), nothing)

    @look.def_vmap
    def look_at_several(num_members, is_batched, watched, *arguments):
        rows = jnp.argsort(~watched, stable=True)[:num_watched]

        def one(row):
            own = jax.tree.map(
                lambda leaf, batched: leaf[row] if batched else leaf, arguments, tuple(is_batched[1:])
            )
            return look(watched[row], *own)

        samples = jax.lax.map(one, rows)
        spread = lambda leaf: jnp.zeros((num_members, *leaf.shape[1:]), leaf.dtype).at[rows].set(leaf)
        samples = jax.tree.map(spread, samples)
        return samples, jax.tree.map(lambda _: True, samples)

    return look


def no_samples(model: Network, params: Params, capacity: int) -> Sample:
    """Where `capacity` samples have a place: a `Sample` with a leading axis, nothing taken yet."""
    shapes = sample_shapes(model, params)
    return jax.tree.map(lambda leaf: jnp.zeros((capacity, *leaf.shape), leaf.dtype), shapes)


def watched_loop(
    num_steps: int,
    step: Callable,
    carry: Any,
    *,
    look: Callable,
    samples: Sample,
    sampling: Sampling,
    position: Any,
) -> tuple[Any, Sample]:
    """`fori_loop(0, num_steps, step, carry)`, looking at every step whose turn it is right before it is taken.

    The steps between two looks are a loop of their own, so that looking costs them nothing.

    Args:
        num_steps: full batches of the epoch.
        step: (index, carry) -> carry.
        carry: what the steps change.
        look: (index, carry) -> Sample.
        samples: where samples are kept, from `no_samples`.
        sampling: which steps are looked at.
        position: (first, offset): the run's full batches before this epoch, its samples before those in `samples`.
            They must be the same for all members of a population, or the branch would become a choice.
    """
    first, offset = position

    def stretch(state):
        index, carry, samples = state
        since = (first + index) % sampling.every
        place = (first + index) // sampling.every - offset

        def keep():
            return jax.tree.map(lambda kept, new: kept.at[place].set(new), samples, look(index, carry))

        samples = jax.lax.cond(since == 0, keep, lambda: samples)
        last = jnp.minimum(index + sampling.every - since, num_steps)
        return last, jax.lax.fori_loop(index, last, step, carry), samples

    start = (jnp.zeros((), jnp.int32), carry, samples)
    _, carry, samples = jax.lax.while_loop(lambda state: state[0] < num_steps, stretch, start)
    return carry, samples
