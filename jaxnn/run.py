"""One run as a pure function: epochs of steps over data that live on the device, with validation, early stopping
and the best parameters so far, all inside the program.

A run is advanced from record to record (a record is `eval_every` epochs and an evaluation), so that the host can
look in between; where it looks changes no bit of the result.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxnn.monitor import Look, Sample, Sampling, no_samples, watched_loop
from jaxnn.train import EvalStep, Keys, TrainStep, init_state, metric_names
from jaxnn.types import Batch, Hparams, Metrics, Params, TrainState

# Rows of one block of an evaluation: large enough for the matrix products, small enough to stay in the cache.
EVAL_BLOCK = 1000

BETTER = {"val_loss": "min", "val_accuracy": "max", "train_loss": "min", "train_accuracy": "max"}


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

    @property
    def num_records(self) -> int:
        return self.epochs // self.eval_every

    def sampling(self, num_examples: int) -> Sampling:
        """When a monitored run on so many examples is looked at."""
        batch_size = self.batch_size or num_examples
        num_batches, steps_per_epoch = num_examples // batch_size, -(-num_examples // batch_size)
        return Sampling(self.monitor_every or 1, num_batches, steps_per_epoch, self.eval_every, self.num_records)


class RunData(NamedTuple):
    """The data of a run, resident on the device and shared by a population.  No validation set is None."""

    train: Batch
    validation: Batch | None


class Best(NamedTuple):
    """Parameters after the epoch that is best by `select_on` so far; epoch 0 and value inf before the first."""

    params: Params
    batch_stats: Params
    epoch: jax.Array
    value: jax.Array  # negated where larger is better


class RunState(NamedTuple):
    """Everything a run carries from epoch to epoch.

    `history` maps a metric to (num_records,) float32, NaN where nothing was recorded; `stopped_at` is the last
    epoch of a run that stopped early, else 0; `diverged_at` the first step whose objective was not finite, else -1.
    `samples` are what the last `advance` saw inside the network, with a leading axis; None where nobody looks.
    """

    train: TrainState
    best: Best
    history: Metrics
    stopped_at: jax.Array
    diverged_at: jax.Array
    samples: Sample | None = None


class Run(NamedTuple):
    """A run as two pure functions.

    init(keys, hparams, data) -> RunState
    advance(run_state, keys, hparams, data, first, last, watched=True) -> RunState, which trains records first, ...,
    last - 1; `first` and `last` are traced, so one compilation serves chunks of every length.  `watched`, a traced
    boolean, is whether this network is looked into; with monitoring a chunk ends at `Sampling.last_record`.
    """

    init: Callable[[Keys, Hparams, RunData], RunState]
    advance: Callable[..., RunState]


def make_run(
    model, optimizer: Callable[[Hparams], optax.GradientTransformation], train_step: TrainStep, eval_step: EvalStep,
    config: RunConfig, *, look: Look | None = None,
) -> Run:  # fmt: skip
    """The whole of training of one run: init -> records -> epochs -> steps.

    Args:
        model: the network that `train_step` and `eval_step` were made for.
        optimizer: function from `Hparams` to an optax transformation, as given to `make_train_step`.
        train_step: from `make_train_step`.
        eval_step: from `make_eval_step`.
        config: what is static.
        look: from `monitor.make_look`, where `config.monitor_every` says how often.
    """
    train_epoch = make_train_epoch(train_step, config, look=look)

    def record(carry, keys, hparams, data, index, watch):
        """`eval_every` epochs of training and one evaluation: (train, diverged_at, samples), the row of metrics."""
        first = index * config.eval_every

        def epoch(offset, carry):
            train, diverged_at, samples, _ = carry
            now = first + offset
            return train_epoch(train, diverged_at, now, keys, hparams, data.train, samples=samples, watch=watch)

        metrics = zero_metrics(data.train, config)
        train, diverged_at, samples, sums = jax.lax.fori_loop(0, config.eval_every, epoch, (*carry, metrics))
        row = {f"train_{name}": value for name, value in sums.items()}
        if data.validation is not None:
            validation = evaluate(eval_step, train, data.validation, config)
            row |= {f"val_{name}": value for name, value in validation.items()}
        alive = diverged_at < 0
        row = {name: jnp.where(alive, value, jnp.nan) for name, value in row.items()}
        return (train, diverged_at, samples), row

    def init(keys, hparams, data):
        train = init_state(model, optimizer, keys.init, data.train.x, hparams)
        history = {name: jnp.full((config.num_records,), jnp.nan) for name in record_names(data, config)}
        # The best so far must not alias the parameters, or donating one would lose both.
        params, batch_stats = jax.tree.map(jnp.copy, (train.params, train.batch_stats))
        best = Best(params, batch_stats, jnp.zeros((), jnp.int32), jnp.full((), jnp.inf))
        return RunState(train, best, history, jnp.zeros((), jnp.int32), jnp.full((), -1, jnp.int32))

    def advance(run, keys, hparams, data, first, last, watched=True):
        watch = None
        if look is not None:
            sampling = config.sampling(data.train.x.shape[0])
            watch = Watch(jnp.asarray(watched), sampling.before(first))
            batch = prepare(jax.tree.map(lambda rows: rows[: config.batch_size], data.train), config)
            arguments = (watch.watched, run.train, batch, keys.step, hparams)
            run = run._replace(samples=no_samples(look, arguments, sampling.capacity))

        def step(index, run):
            active = (run.stopped_at == 0) & (run.diverged_at < 0)
            carry = (run.train, run.diverged_at, run.samples)
            nothing = {name: jnp.full((), jnp.nan) for name in run.history}
            (train, diverged_at, samples), row = jax.lax.cond(
                active,
                lambda carry: record(carry, keys, hparams, data, index, watch),
                lambda carry: (carry, nothing),
                carry,
            )
            history = {name: values.at[index].set(row[name]) for name, values in run.history.items()}
            epoch = (index + 1) * config.eval_every
            best = _update_best(run.best, train, row[config.select_on], epoch, config)
            stopped_at = run.stopped_at
            if config.patience is not None:
                stale = epoch - best.epoch >= config.patience * config.eval_every
                stopped_at = jnp.where(active & stale & (diverged_at < 0), epoch, stopped_at)
            return RunState(train, best, history, stopped_at, diverged_at, samples)

        return jax.lax.fori_loop(first, last, step, run)

    return Run(init, advance)


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


def evaluate(eval_step: EvalStep, train: TrainState, split: Batch, config: RunConfig) -> Metrics:
    """Metrics of `eval_step` over a whole split, every row counted once, in blocks of `EVAL_BLOCK` rows."""
    num_rows = split.x.shape[0]
    block = min(EVAL_BLOCK, num_rows)
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


def record_names(data: RunData, config: RunConfig) -> tuple[str, ...]:
    """The metrics of a record: of the epoch's training batches, and of the validation set where there is one."""
    names = zero_metrics(data.train, config)
    splits = ("train",) if data.validation is None else ("train", "val")
    return tuple(f"{split}_{name}" for split in splits for name in names)


def _update_best(best: Best, train: TrainState, value: jax.Array, epoch: jax.Array, config: RunConfig) -> Best:
    value = -value if BETTER[config.select_on] == "max" else value
    better = value < best.value  # False for NaN: a diverged or stopped run keeps what it had
    new = Best(train.params, train.batch_stats, epoch, value)
    return jax.tree.map(lambda new, old: jnp.where(better, new, old), new, best)
