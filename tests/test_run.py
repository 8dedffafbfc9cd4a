"""A whole run: chunks, history, early stopping, the best epoch, divergence, against the same steps one by one."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnn import losses, models
from jaxnn.epoch import RunConfig, epoch_order
from jaxnn.optim import make_optimizer, make_schedule
from jaxnn.run import Run, RunData, make_run
from jaxnn.train import make_eval_step, make_train_step, run_keys
from jaxnn.types import Batch, Hparams

MODEL = models.mlp((4,), 3)
LOSS = losses.softmax_cross_entropy
SGD = make_optimizer("sgd", make_schedule("constant", total_steps=1, steps_per_epoch=1))


def assert_equal(tree, other):
    jax.tree.map(np.testing.assert_array_equal, tree, other)


def noisy_data(num_train=40, num_validation=30, seed=0):
    """Three classes with a quarter of the labels wrong, so that validation soon gets worse."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, num_train + num_validation)
    x = np.eye(3)[y] + rng.normal(0, 0.7, (len(y), 3))
    wrong = rng.random(len(y)) < 0.25
    y = jnp.asarray(np.where(wrong, rng.integers(0, 3, len(y)), y))
    x = jnp.asarray(x, jnp.float32)
    return RunData(Batch(x[:num_train], y[:num_train]), Batch(x[num_train:], y[num_train:]))


def make_small_run(**options) -> Run:
    """A run of `MODEL` with plain SGD, both functions jitted."""
    config = RunConfig(**options)
    whole = make_run(MODEL, SGD, make_train_step(MODEL, LOSS, SGD), make_eval_step(MODEL, LOSS), config)
    return Run(jax.jit(whole.init), jax.jit(whole.advance))


@pytest.fixture(scope="module")
def patient():
    """Twelve epochs without early stopping, for three seeds that share a compilation: (run, data, states)."""
    whole, data = make_small_run(epochs=12, batch_size=16), noisy_data()
    states = {seed: run_to(whole, data, seed, 12) for seed in (0, 1, 2)}
    return whole, data, states


HPARAMS = Hparams(1.5)
DIVERGING = Hparams(1e4, l2=1.0)  # every step multiplies the weights by 1 - 2e4


def run_to(whole, data, seed, last, *, chunks=(), hparams=HPARAMS):
    """The state after `last` records, advanced in `chunks`."""
    keys = run_keys(seed)
    state = whole.init(keys, hparams, data)
    for first, after in itertools.pairwise((0, *chunks, last)):
        state = whole.advance(state, keys, hparams, data, first, after)
    return state


@pytest.mark.parametrize("chunks", [(2,), (1, 2, 3, 9)])
def test_where_the_host_looks_changes_no_bit(patient, chunks):
    whole, data, states = patient
    assert_equal(run_to(whole, data, 1, 12, chunks=chunks), states[1])


def test_seeds_are_different_runs(patient):
    _, _, states = patient
    losses_of = [states[seed].history["val_loss"] for seed in states]
    assert not np.array_equal(losses_of[0], losses_of[1])
    assert all(np.isfinite(values).all() for values in losses_of)


def test_the_history_is_what_the_parameters_give(patient):
    """After any record the validation metrics are those of an evaluation of the parameters of that moment."""
    whole, data, states = patient
    eval_step = jax.jit(make_eval_step(MODEL, LOSS))
    for last in (1, 5, 12):
        train = run_to(whole, data, 0, last).train
        assert int(train.step) == 3 * last
        for name, value in eval_step(train, data.validation).items():
            assert float(states[0].history[f"val_{name}"][last - 1]) == pytest.approx(float(value), rel=1e-5)


def test_an_epoch_is_its_steps(patient):
    """Two epochs taken apart: the same steps one by one, in the order of each epoch, and their mean loss."""
    whole, data, states = patient
    keys, step = run_keys(0), jax.jit(make_train_step(MODEL, LOSS, SGD))
    train, means = whole.init(keys, HPARAMS, data).train, []
    for epoch in range(2):
        order, total = np.asarray(epoch_order(keys.data, epoch, 40)), 0.0
        for rows in (order[:16], order[16:32], order[32:]):
            batch = Batch(data.train.x[rows], data.train.y[rows])
            train, metrics = step(train, batch, keys.step, HPARAMS)
            total += float(metrics["loss"]) * len(rows)
        means.append(total / 40)
    np.testing.assert_allclose(states[0].history["train_loss"][:2], means, rtol=1e-5)
    found = run_to(whole, data, 0, 2).train.params
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), found, train.params)


def best_and_stop(values, *, mode, patience, eval_every, epochs):
    """Keras's `EarlyStopping` and best epoch in NumPy: (best epoch, last epoch of a run that stopped, else 0)."""
    best, best_epoch = np.inf, 0
    for epoch, value in zip(range(eval_every, epochs + 1, eval_every), values, strict=True):
        value = value if mode == "min" else -value
        if value < best:
            best, best_epoch = value, epoch
        if patience is not None and epoch - best_epoch >= patience * eval_every:
            return best_epoch, epoch
    return best_epoch, 0


@pytest.mark.parametrize(
    ("select_on", "mode", "patience", "eval_every"), [("val_loss", "min", 2, 1), ("val_accuracy", "max", 2, 2)]
)
def test_early_stopping_is_keras_rule(patient, select_on, mode, patience, eval_every):
    """Oracle: the rule in NumPy on the whole history of the same runs without patience."""
    _, data, states = patient
    impatient = make_small_run(
        epochs=12, batch_size=16, select_on=select_on, patience=patience, eval_every=eval_every
    )
    stops = []
    for seed, whole in states.items():
        values = np.asarray(whole.history[select_on])[eval_every - 1 :: eval_every]
        best_epoch, stopped_at = best_and_stop(
            values, mode=mode, patience=patience, eval_every=eval_every, epochs=12
        )
        stops.append(stopped_at)
        found = run_to(impatient, data, seed, 12 // eval_every)
        assert int(found.best.epoch) == best_epoch
        assert int(found.stopped_at) == stopped_at
        recorded = (stopped_at or 12) // eval_every
        np.testing.assert_allclose(found.history[select_on][:recorded], values[:recorded], rtol=1e-5)
        assert np.isnan(found.history[select_on][recorded:]).all()
        assert int(found.train.step) == 3 * eval_every * recorded
    assert any(stops), "no run stopped early: the test would show nothing"


def test_the_best_parameters_are_those_of_the_best_epoch(patient):
    """A run that ends at the best epoch has these very parameters, and they give the best value of the history."""
    whole, data, states = patient
    for seed, state in states.items():
        values = np.asarray(state.history["val_loss"])
        best_epoch = int(values.argmin()) + 1
        assert int(state.best.epoch) == best_epoch
        assert float(state.best.value) == values.min()
        assert_equal(state.best.params, run_to(whole, data, seed, best_epoch).train.params)
    assert any(int(state.best.epoch) < 12 for state in states.values()), "no run got worse: nothing is shown"


def test_a_run_without_validation_records_and_selects_on_training():
    whole, data = make_small_run(epochs=3, batch_size=None, select_on="train_accuracy"), noisy_data()
    state = run_to(whole, data._replace(validation=None), 0, 3)
    assert set(state.history) == {"train_loss", "train_accuracy"}
    assert int(state.best.epoch) == int(np.asarray(state.history["train_accuracy"]).argmax()) + 1


def first_bad_step(whole, data, hparams, *, epochs, batch_size):
    """The run step by step: the first step whose objective is not finite, and the state before it."""
    keys, step = run_keys(0), jax.jit(make_train_step(MODEL, LOSS, SGD))
    train = whole.init(keys, hparams, data).train
    for epoch in range(epochs):
        order = np.asarray(epoch_order(keys.data, epoch, 40))
        for start in range(0, 40, batch_size):
            rows = order[start : start + batch_size]
            after, metrics = step(train, Batch(data.train.x[rows], data.train.y[rows]), keys.step, hparams)
            if not np.isfinite(metrics["objective"]):
                return int(train.step), train
            train = after
    raise AssertionError("the run never diverges")


def test_a_diverged_run_stays_as_it_was_before_its_first_bad_step(patient):
    """Oracle: the same steps one by one."""
    whole, data, _ = patient
    at, train = first_bad_step(whole, data, DIVERGING, epochs=12, batch_size=16)
    assert at > 3, "it should last for more than an epoch"
    state = run_to(whole, data, 0, 12, hparams=DIVERGING)
    assert int(state.diverged_at) == at
    assert int(state.train.step) == at
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3), state.train.params, train.params)
    good = at // 3  # records before the epoch in which it diverged
    assert np.isfinite(state.history["train_loss"][:good]).all()
    assert np.isnan(state.history["train_loss"][good:]).all()
    assert int(state.stopped_at) == 0
    assert np.isfinite(jax.tree.leaves(state.best.params)[0]).all()


def test_a_run_that_diverges_has_not_stopped_early():
    """It diverges in its second epoch, one record after its best: with a patience of 1 either could be said."""
    state = run_to(make_small_run(epochs=4, batch_size=16, patience=1), noisy_data(), 0, 4, hparams=DIVERGING)
    assert int(state.best.epoch) == 1
    assert 3 <= int(state.diverged_at) < 6
    assert int(state.stopped_at) == 0
