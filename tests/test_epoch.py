"""Epochs: a fair order of the data, every example used once, every row of an evaluation counted once."""

import dataclasses
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.stats

from jaxnn import epoch as epoch_module
from jaxnn.epoch import RunConfig, epoch_order, evaluate, make_train_epoch, prepare
from jaxnn.train import run_keys
from jaxnn.types import Batch, Hparams, TrainState


@pytest.mark.parametrize("num_examples", [1, 2, 3, 5, 31, 32, 33, 750, 1000, 4097, 40_000, 65_536, 65_537])
def test_an_epoch_is_a_permutation(num_examples):
    order = np.asarray(jax.jit(epoch_order, static_argnums=2)(jax.random.key(0), 3, num_examples))
    np.testing.assert_array_equal(np.sort(order), np.arange(num_examples))


def orders(num_examples, num_epochs, key=0):
    """The orders of many epochs, (num_epochs, num_examples)."""
    one = lambda epoch: epoch_order(jax.random.key(key), epoch, num_examples)
    return np.asarray(jax.jit(jax.vmap(one))(jnp.arange(num_epochs)))


def test_every_permutation_is_equally_likely():
    """Chi-square over the 24 orders of 4 examples in 4,800 epochs, 200 expected of each."""
    found = [tuple(order) for order in orders(4, 4800)]
    counts = [found.count(order) for order in itertools.permutations(range(4))]
    assert sum(counts) == 4800
    assert scipy.stats.chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize("num_examples", [7, 50, 300])
def test_every_example_is_equally_likely_everywhere(num_examples):
    """Chi-square over examples at the first, a middle and the last place, 20 epochs an example."""
    found = orders(num_examples, 20 * num_examples)
    for place in (0, num_examples // 2, num_examples - 1):
        counts = np.bincount(found[:, place], minlength=num_examples)
        assert scipy.stats.chisquare(counts).pvalue > 1e-3


def test_neighbours_are_in_no_order():
    """Half of 40,000 neighbouring pairs ascend, and ranks do not correlate: five standard errors each."""
    order = np.asarray(epoch_order(jax.random.key(1), 0, 40_000)).astype(np.int64)
    ascending = (np.diff(order) > 0).mean()
    assert abs(ascending - 0.5) < 5 / np.sqrt(12 * 40_000)  # variance of the number of ascents: n / 12
    assert abs(np.corrcoef(order, np.arange(40_000))[0, 1]) < 5 / np.sqrt(40_000)


def test_epochs_and_keys_have_their_own_order():
    found = {tuple(order) for key in (0, 1) for order in orders(50, 20, key)}
    assert len(found) == 40
    np.testing.assert_array_equal(orders(50, 20), orders(50, 20))


def counting_step(state, batch, key, hparams, active):
    """Counts how often every example was seen; its "loss" is the mean of the inputs."""
    seen = state.params["seen"].at[batch.y].add(1)
    loss = batch.x.mean()
    metrics = {"loss": loss, "accuracy": loss, "objective": loss}
    return state._replace(params={"seen": seen}, step=state.step + 1), metrics


def counting_state(num_examples):
    return TrainState({"seen": jnp.zeros(num_examples)}, {}, optax.EmptyState(), jnp.zeros((), jnp.int32))


@pytest.mark.parametrize(
    ("num_examples", "batch_size", "num_steps"),
    [(10, 4, 3), (12, 4, 3), (10, 10, 1), (10, None, 1), (10, 1, 10), (7, 6, 2), (1, 1, 1)],
)
def test_every_example_is_used_once_an_epoch(num_examples, batch_size, num_steps):
    """The last batch is smaller where the sizes do not divide; metrics are means over the examples."""
    x = np.random.default_rng(0).normal(size=(num_examples, 2)).astype(np.float32)
    data = Batch(jnp.asarray(x), jnp.arange(num_examples))
    train_epoch = make_train_epoch(counting_step, RunConfig(epochs=1, batch_size=batch_size))
    never = jnp.full((), -1, jnp.int32)
    train, diverged_at, _, metrics = jax.jit(train_epoch)(
        counting_state(num_examples), never, 0, run_keys(0), Hparams(), data
    )
    np.testing.assert_array_equal(train.params["seen"], np.ones(num_examples))
    assert int(train.step) == num_steps
    assert int(diverged_at) == -1
    assert float(metrics["loss"]) == pytest.approx(x.astype(np.float64).mean(), rel=1e-5)


def test_batches_follow_the_order_of_the_epoch():
    """Each step notes which examples it got; together they are `epoch_order` of the epoch."""

    def noting_step(state, batch, key, hparams, active):
        notes = jax.lax.dynamic_update_slice(state.params["seen"], batch.y * 1.0, (state.step * 4,))
        metrics = {name: jnp.zeros(()) for name in ("loss", "accuracy", "objective")}
        return state._replace(params={"seen": notes}, step=state.step + 1), metrics

    data = Batch(jnp.zeros((12, 1)), jnp.arange(12))
    train_epoch = jax.jit(make_train_epoch(noting_step, RunConfig(epochs=3, batch_size=4)))
    keys = run_keys(5)
    for epoch in (0, 2):
        train, *_ = train_epoch(counting_state(12), jnp.int32(-1), epoch, keys, Hparams(), data)
        np.testing.assert_array_equal(train.params["seen"], epoch_order(keys.data, epoch, 12))


def test_after_a_bad_step_nothing_changes_though_later_batches_are_good():
    """One example makes the objective NaN: what was seen before its batch stays, and no step follows."""

    def step(state, batch, key, hparams, active):
        objective = jnp.where((batch.y == 7).any(), jnp.nan, 0.0)
        stepped, metrics = counting_step(state, batch, key, hparams, active)
        good = active & jnp.isfinite(objective)
        kept = jax.tree.map(lambda new, old: jnp.where(good, new, old), stepped, state)
        return kept, metrics | {"objective": objective}

    data, keys = Batch(jnp.zeros((12, 1)), jnp.arange(12)), run_keys(1)
    train_epoch = jax.jit(make_train_epoch(step, RunConfig(epochs=1, batch_size=3)))
    order = np.asarray(epoch_order(keys.data, 0, 12))
    bad = int(np.flatnonzero(order == 7)[0]) // 3
    assert bad in (1, 2), "batches must come before the bad one and after it"
    train, diverged_at, *_ = train_epoch(counting_state(12), jnp.int32(-1), 0, keys, Hparams(), data)
    assert int(diverged_at) == bad
    assert int(train.step) == bad
    np.testing.assert_array_equal(np.flatnonzero(train.params["seen"]), np.sort(order[: 3 * bad]))


@pytest.mark.parametrize("num_rows", [1, 7, 8, 9, 16, 23])
def test_evaluation_counts_every_row_once(num_rows, monkeypatch):
    """In blocks of 8: the mean over rows in NumPy; a row missed or used twice would move it."""
    monkeypatch.setattr(epoch_module, "EVAL_BLOCK", 8)
    x = np.random.default_rng(0).normal(size=(num_rows, 3)).astype(np.float32)
    eval_step = lambda state, batch: {"loss": batch.x.mean(), "accuracy": (batch.y == 1).mean()}
    split = Batch(jnp.asarray(x), jnp.arange(num_rows) % 3)
    metrics = jax.jit(lambda: evaluate(eval_step, counting_state(1), split, RunConfig(1, None)))()
    assert float(metrics["loss"]) == pytest.approx(x.astype(np.float64).mean(), rel=1e-5)
    assert float(metrics["accuracy"]) == pytest.approx((np.arange(num_rows) % 3 == 1).mean(), rel=1e-6)


def test_stored_images_are_scaled_on_the_device():
    """uint8 pixels times the scale, in float32; an autoencoder's targets are the scaled images themselves."""
    pixels = jnp.array([[0, 51, 255]], jnp.uint8)
    config = RunConfig(1, None, scale=1 / 255)
    batch = prepare(Batch(pixels, jnp.array([2])), config)
    np.testing.assert_allclose(batch.x, [[0, 0.2, 1]], rtol=1e-6)
    assert batch.x.dtype == jnp.float32
    np.testing.assert_array_equal(batch.y, [2])
    batch = prepare(Batch(pixels, jnp.array([2])), dataclasses.replace(config, reconstruct=True))
    np.testing.assert_array_equal(batch.y, batch.x)
