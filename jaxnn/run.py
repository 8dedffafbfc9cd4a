"""One run as a pure function: epochs of steps over data that live on the device, with validation, early stopping
and the best parameters so far, all inside the program.

A run is advanced from record to record (a record is `eval_every` epochs and an evaluation), so that the host can
look in between; where it looks changes no bit of the result.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxnn.epoch import EVAL_BLOCK, RunConfig, Watch, evaluate, make_train_epoch, zero_metrics
from jaxnn.monitor import Look, Sample, no_samples
from jaxnn.train import EvalStep, TrainStep, init_state
from jaxnn.types import Batch, Hparams, Metrics, Params, TrainState

BETTER = {"val_loss": "min", "val_accuracy": "max", "train_loss": "min", "train_accuracy": "max"}


EvalRows = Callable[[jax.Array], int]


def one_block_size(x: jax.Array) -> int:
    """The rows that an evaluation usually takes at once, whatever the inputs."""
    return EVAL_BLOCK


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

    init(keys, hparams, data, variables=None) -> RunState; it draws the parameters, unless they are given
    advance(run_state, keys, hparams, data, first, last, watched=True) -> RunState, which trains records first, ...,
    last - 1; `first` and `last` are traced, so one compilation serves chunks of every length.  `watched`, a traced
    boolean, is whether this network is looked into; with monitoring a chunk ends at `Sampling.last_record`.
    """

    init: Callable[..., RunState]
    advance: Callable[..., RunState]


def make_run(
    model, optimizer: Callable[[Hparams], optax.GradientTransformation], train_step: TrainStep, eval_step: EvalStep,
    config: RunConfig, *, look: Look | None = None, vectorised: bool = False, eval_rows: EvalRows = one_block_size,
) -> Run:  # fmt: skip
    """The whole of training of one run: init -> records -> epochs -> steps.

    Args:
        model: the network that `train_step` and `eval_step` were made for.
        optimizer: function from `Hparams` to an optax transformation, as given to `make_train_step`.
        train_step: from `make_train_step`.
        eval_step: from `make_eval_step`.
        config: what is static.
        look: from `monitor.make_look`, where `config.monitor_every` says how often.
        vectorised: whether `advance` will be under `vmap`; it gives the same either way.
        eval_rows: of the stored training inputs, how many rows an evaluation takes at once.
    """
    train_epoch = make_train_epoch(train_step, config, look=look)
    record = make_record(train_epoch, eval_step, config, eval_rows=eval_rows)

    def init(keys, hparams, data, variables=None):
        train = init_state(model, optimizer, keys.init, data.train.x, hparams, variables)
        history = {
            name: jnp.full((config.num_records,), jnp.nan, jnp.float32) for name in record_names(data, config)
        }
        # The best so far must not alias the parameters, or donating one would lose both.
        params, batch_stats = jax.tree.map(jnp.copy, (train.params, train.batch_stats))
        best = Best(params, batch_stats, jnp.zeros((), jnp.int32), jnp.full((), jnp.inf, jnp.float32))
        return RunState(train, best, history, jnp.zeros((), jnp.int32), jnp.full((), -1, jnp.int32))

    def advance(run, keys, hparams, data, first, last, watched=True):
        watch = None
        if look is not None:
            sampling = config.sampling(data.train.x.shape[0])
            watch = Watch(jnp.asarray(watched), sampling.before(first))
            run = run._replace(samples=no_samples(model, run.train.params, sampling.capacity))

        def step(index, run):
            active = (run.stopped_at == 0) & (run.diverged_at < 0)
            carry = (run.train, run.diverged_at, run.samples)
            nothing = {name: jnp.full((), jnp.nan, jnp.float32) for name in run.history}
            watch_now = watch and watch._replace(watched=watch.watched & active)
            record_this = lambda carry: record(carry, keys, hparams, data, index, watch_now)
            skip = lambda carry: (carry, nothing)
            branch = _compute_both if vectorised else jax.lax.cond
            (train, diverged_at, samples), row = branch(active, record_this, skip, carry)
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


def _compute_both(predicate: jax.Array, taken: Callable, other: Callable, operand: Any) -> Any:
    """`lax.cond` as a choice between what both branches give.

    `vmap` makes it one too, but copies whatever the branches use for every member first: the data, and the index
    of the record, by which a member would no longer know at compile time that all are at the same step.
    The samples need no choice, which would copy them at every record: where `predicate` is false nobody watches.
    """
    ((train, diverged_at, samples), row), ((*before, _), nothing) = taken(operand), other(operand)
    choose = lambda a, b: jax.tree.map(functools.partial(jnp.where, predicate), a, b)
    train, diverged_at, row = choose((train, diverged_at, row), (*before, nothing))
    return (train, diverged_at, samples), row


def make_record(
    train_epoch: Callable, eval_step: EvalStep, config: RunConfig, *, eval_rows: EvalRows = one_block_size
) -> Callable:
    """record(carry, keys, hparams, data, index, watch) -> (carry, row): `eval_every` epochs and an evaluation.

    The carry is (train, diverged_at, samples); the row maps a metric to its value, NaN once the run has diverged.
    """

    def record(carry, keys, hparams, data, index, watch):
        first = index * config.eval_every

        def epoch(offset, carry):
            train, diverged_at, samples, _ = carry
            now = first + offset
            return train_epoch(train, diverged_at, now, keys, hparams, data.train, samples=samples, watch=watch)

        metrics = zero_metrics(data.train, config)
        train, diverged_at, samples, sums = jax.lax.fori_loop(0, config.eval_every, epoch, (*carry, metrics))
        row = {f"train_{name}": value for name, value in sums.items()}
        if data.validation is not None:
            validation = evaluate(eval_step, train, data.validation, config, block=eval_rows(data.train.x))
            row |= {f"val_{name}": value for name, value in validation.items()}
        alive = diverged_at < 0
        row = {name: jnp.where(alive, value, jnp.nan) for name, value in row.items()}
        return (train, diverged_at, samples), row

    return record


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
