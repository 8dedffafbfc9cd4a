"""One epoch of training and one evaluation, over data that live on the device.

Every example of a split counts once: in an epoch in an order of its own, in an evaluation in blocks.
"""

import dataclasses
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp

from jaxnn.monitor import Sampling, watched_loop
from jaxnn.train import EvalStep, TrainStep, metric_names
from jaxnn.types import Batch, Metrics, TrainState

# Rows of one block of an evaluation: large enough for the matrix products, small enough to stay in the cache.
EVAL_BLOCK = 1000


@dataclasses.dataclass(frozen=True)
class RunConfig:
    """What is static in a run.  `batch_size` None is full-batch; `patience` None never stops early."""

    epochs: int
    batch_size: int | None
    eval_every: int = 1
    patience: int | None = None
    select_on: Literal["val_loss", "val_accuracy", "train_loss", "train_accuracy"] = "val_loss"
    scale: float = 1.0  # inputs are multiplied by it on the device
    reconstruct: bool = False  # the targets are the inputs, as for an autoencoder
    monitor_every: int | None = None  # full batches between two looks inside the network; None never looks
    samples_kept: int = 32  # places of a monitored member for samples, until the host takes them

    @property
    def num_records(self) -> int:
        return self.epochs // self.eval_every

    def sampling(self, num_examples: int) -> Sampling:
        """When a monitored run on so many examples is looked at."""
        batch_size = self.batch_size or num_examples
        num_batches, steps_per_epoch = num_examples // batch_size, -(-num_examples // batch_size)
        return Sampling(
            self.monitor_every or 1,
            num_batches,
            steps_per_epoch,
            self.eval_every,
            self.num_records,
            self.samples_kept,
        )


class Watch(NamedTuple):
    """How one network is looked into during a chunk of records: whether it is, and how many samples came before."""

    watched: jax.Array
    offset: jax.Array


def make_train_epoch(train_step: TrainStep, config: RunConfig, *, look: Any = None):
    """train_epoch(train, diverged_at, epoch, keys, hparams, batch) -> (train, diverged_at, samples, mean metrics).

    Every example is used once, in the order `epoch_order(keys.data, epoch)`; the last batch of an epoch is smaller
    where the sizes do not divide.  From the first objective that is not finite on, the state stays as it was.  With
    a `Look`, train_epoch takes `samples` and a `Watch` besides, and looks at the steps whose turn it is.
    """

    def train_epoch(train, diverged_at, epoch, keys, hparams, data, *, samples: Any = None, watch: Any = None):
        num_examples = data.x.shape[0]
        batch_size = config.batch_size or num_examples
        num_batches, remainder = divmod(num_examples, batch_size)
        is_one_batch = num_batches == 1 and remainder == 0
        order = None if is_one_batch else epoch_order(keys.data, epoch, num_examples)

        def batch_at(index):
            if order is None:
                return data
            rows = jax.lax.dynamic_slice(order, (index * batch_size,), (batch_size,))
            return Batch(data.x[rows], data.y[rows])

        def step(carry, batch):
            train, diverged_at, sums = carry
            batch_share = batch.x.shape[0] / num_examples
            active = diverged_at < 0
            stepped, metrics = train_step(train, prepare(batch, config), keys.step, hparams, active)
            bad = active & ~jnp.isfinite(metrics["objective"])
            diverged_at = jnp.where(bad, train.step, diverged_at)
            return stepped, diverged_at, {name: sums[name] + batch_share * metrics[name] for name in sums}

        def indexed_step(index, carry):
            return step(carry, batch_at(index))

        def look_at(index, carry):
            train, diverged_at, _ = carry
            batch = prepare(batch_at(index), config)
            return look(watch.watched & (diverged_at < 0), train, batch, keys.step, hparams)

        carry = (train, diverged_at, zero_metrics(data, config))
        if look is not None:
            carry, samples = watched_loop(
                num_batches, indexed_step, carry, look=look_at, samples=samples,
                sampling=config.sampling(num_examples), position=(epoch * num_batches, watch.offset),
            )  # fmt: skip
        elif is_one_batch:
            carry = step(carry, data)
        else:
            carry = jax.lax.fori_loop(0, num_batches, indexed_step, carry)
        if order is not None and remainder:
            rows = order[num_batches * batch_size :]
            carry = step(carry, Batch(data.x[rows], data.y[rows]))
        train, diverged_at, sums = carry
        return train, diverged_at, samples, sums

    return train_epoch


def epoch_order(key: jax.Array, epoch: jax.Array, num_examples: int) -> jax.Array:
    """The order of the examples in an epoch, (num_examples,) uint32: a permutation drawn from (key, epoch).

    The argsort of random words, by passes of a radix sort: a word and the position it stands at are packed into
    32 bits, so that a pass sorts plain numbers, which on CPU takes a sixth of the time of a sort of pairs.  As
    many passes are made as leave a row less than one chance in 2^12 to tie with its neighbour (and keep its place).
    """
    index_bits = max(1, (num_examples - 1).bit_length())
    word_bits = 32 - index_bits
    num_passes = -(-(index_bits + 12) // word_bits)
    position = jnp.arange(num_examples, dtype=jnp.uint32)
    index_mask = jnp.uint32((1 << index_bits) - 1)
    order = position
    for words in jax.random.bits(jax.random.fold_in(key, epoch), (num_passes, num_examples), jnp.uint32):
        order = order[jnp.sort((words & ~index_mask) | position) & index_mask]
    return order


def evaluate(
    eval_step: EvalStep, train: TrainState, split: Batch, config: RunConfig, *, block: int = EVAL_BLOCK
) -> Metrics:
    """Metrics of `eval_step` over a whole split, every row counted once, in blocks of at most `block` rows."""
    num_rows = split.x.shape[0]
    block = min(block, num_rows)
    num_blocks, remainder = divmod(num_rows, block)

    def block_metrics(x, y):
        metrics = eval_step(train, prepare(Batch(x, y), config))
        return {name: value * (x.shape[0] / num_rows) for name, value in metrics.items()}

    def add_block(index, sums):
        x, y = (jax.lax.dynamic_slice_in_dim(a, index * block, block) for a in split)
        return jax.tree.map(jnp.add, sums, block_metrics(x, y))

    sums = zero_metrics(split, config)
    sums = jax.lax.fori_loop(0, num_blocks, add_block, sums)
    if remainder:
        sums = jax.tree.map(jnp.add, sums, block_metrics(split.x[-remainder:], split.y[-remainder:]))
    return sums


def prepare(batch: Batch, config: RunConfig) -> Batch:
    """A stored batch (uint8 images, or floats) as the network takes it: float32 inputs, and their targets."""
    x = scaled(batch.x, config.scale)
    return Batch(x, x if config.reconstruct else batch.y)


def scaled(x: jax.Array, scale: float) -> jax.Array:
    """Stored inputs as float32 network inputs."""
    return x.astype(jnp.float32) * scale if scale != 1.0 else x.astype(jnp.float32)


def zero_metrics(batch: Batch, config: RunConfig) -> Metrics:
    """Where the metrics of a split are summed up, from nothing."""
    return {name: jnp.zeros(()) for name in (("loss",) if config.reconstruct else metric_names(batch))}
