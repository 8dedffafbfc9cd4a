"""A monitored run: the same run as one that nobody watches, and samples that are what its steps did."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnn import losses, models, monitor
from jaxnn.epoch import RunConfig, epoch_order
from jaxnn.optim import make_optimizer, make_schedule
from jaxnn.run import Run, RunData, make_run
from jaxnn.train import make_eval_step, make_train_step, run_keys
from jaxnn.types import Batch, Hparams

pytestmark = pytest.mark.once

MODEL = models.mlp((4,), 3, dropout=True)
LOSS = losses.softmax_cross_entropy
ADAM = make_optimizer("adam", make_schedule("constant", total_steps=1, steps_per_epoch=1))
HPARAMS = Hparams(0.05, beta1=0.9, beta2=0.999, epsilon=1e-8, dropout_rate=0.2, input_noise=0.1)
PROBE = monitor.make_probe(MODEL, LOSS, ADAM)
TRAIN_STEP = make_train_step(MODEL, LOSS, ADAM)
EPOCHS, BATCH_SIZE, EVERY = 6, 8, 3


def small_data():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 60)
    x = jnp.asarray(np.eye(3)[y] + rng.normal(0, 0.7, (60, 3)), jnp.float32)
    y = jnp.asarray(y)
    return RunData(Batch(x[:44], y[:44]), Batch(x[44:], y[44:]))  # 5 full batches of 8 and one of 4


def small_run(*, num_watched=0, probe=PROBE, vectorised=False, **options) -> Run:
    config = RunConfig(epochs=EPOCHS, eval_every=2, **{"batch_size": BATCH_SIZE, **options})
    look = monitor.make_look(probe, num_watched=num_watched) if config.monitor_every else None
    eval_step = make_eval_step(MODEL, LOSS)
    return make_run(MODEL, ADAM, TRAIN_STEP, eval_step, config, look=look, vectorised=vectorised)


def train_members(whole, watched, vectorise, *, cuts=(0, 3), data=None):
    """Members of seeds 0, 1, ... after all records, and the samples of each chunk."""
    data = data or small_data()

    @jax.jit
    def init(seeds):
        return vectorise(lambda seed: whole.init(run_keys(seed), HPARAMS, data), seeds)

    @jax.jit
    def advance(state, seeds, first, last, watched):
        def member(arguments):
            state, seed, watched = arguments
            return whole.advance(state, run_keys(seed), HPARAMS, data, first, last, watched)

        return vectorise(member, (state, seeds, watched))

    seeds = jnp.arange(len(watched))
    state, samples = init(seeds), []
    for first, last in itertools.pairwise(cuts):
        state = advance(state, seeds, first, last, jnp.asarray(watched))
        samples.append(state.samples)
        state = state._replace(samples=None)
    return state, samples


def vmap(function, members):
    return jax.vmap(function)(members)


def one_by_one(function, members):
    return jax.lax.map(function, members)


def assert_same_run(tree, other):
    """Equal up to rounding: a monitored run is another program, whose sums the compiler may order otherwise."""
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7), tree, other)


@pytest.mark.parametrize("vectorise", [vmap, one_by_one])
@pytest.mark.parametrize("batch_size", [BATCH_SIZE, None])
def test_watching_changes_nothing(vectorise, batch_size):
    """The whole state of members that are watched, and of one that is not, against runs without monitoring."""
    watched = [True, False, True]
    options = {"batch_size": batch_size, "vectorised": vectorise is vmap}
    plain, none = train_members(small_run(**options), watched, vectorise)
    monitored = small_run(**options, monitor_every=EVERY, num_watched=2)
    seen, samples = train_members(monitored, watched, vectorise)
    assert_same_run(plain, seen)
    assert none == [None]
    np.testing.assert_array_equal(samples[0].taken.any(1), watched)


@pytest.mark.parametrize("vectorise", [vmap, one_by_one])
def test_nobody_looks_between_the_samples(vectorise):
    """Looking is work: as often as there are samples, not at every step or for every member."""
    looks = []

    def counted(*arguments):
        jax.debug.callback(lambda: looks.append(1))
        return PROBE(*arguments)

    whole = small_run(monitor_every=EVERY, num_watched=1, probe=counted, vectorised=vectorise is vmap)
    _, (chunk,) = train_members(whole, [True, False, False], vectorise)
    jax.effects_barrier()
    assert len(looks) == int(np.asarray(chunk.taken).sum()) == EPOCHS * 5 // EVERY


@pytest.fixture(scope="module")
def steps_by_hand():
    """Every step of seed 0 taken one by one: the state before it, its batch, and what the probe makes of them."""
    data, keys = small_data(), run_keys(0)
    state = small_run().init(keys, HPARAMS, data).train
    step, probe, found = jax.jit(TRAIN_STEP), jax.jit(PROBE), []
    for epoch in range(EPOCHS):
        order = np.asarray(epoch_order(keys.data, epoch, 44))
        for start in range(0, 44, BATCH_SIZE):
            rows = order[start : start + BATCH_SIZE]
            batch = Batch(data.train.x[rows], data.train.y[rows])
            full = len(rows) == BATCH_SIZE
            after = step(state, batch, keys.step, HPARAMS)[0]
            found.append((probe(state, batch, keys.step, HPARAMS) if full else None, state, after))
            state = after
    return found


@pytest.mark.parametrize("vectorise", [vmap, one_by_one])
def test_samples_are_those_of_the_steps(steps_by_hand, vectorise):
    """Every third full batch, the small one at the end of an epoch passed over, whatever the chunks."""
    whole = small_run(monitor_every=EVERY, num_watched=1, vectorised=vectorise is vmap)
    sampling = RunConfig(EPOCHS, BATCH_SIZE, eval_every=2, monitor_every=EVERY).sampling(44)
    full = [step for step, (sample, *_) in enumerate(steps_by_hand) if sample is not None]
    assert sampling.steps(0, 3).tolist() == full[::EVERY]
    for cuts in ((0, 3), (0, 1, 3)):
        _, chunks = train_members(whole, [True, False], vectorise, cuts=cuts)
        for (first, last), chunk in zip(itertools.pairwise(cuts), chunks, strict=True):
            steps = sampling.steps(first, last)
            assert np.asarray(chunk.taken).sum(1).tolist() == [len(steps), 0]
            for place, step in enumerate(steps):
                sample = jax.tree.map(lambda leaf, place=place: np.asarray(leaf)[0, place], chunk)
                expected = steps_by_hand[step][0]
                jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), sample, expected)


def test_updates_are_what_the_step_adds(steps_by_hand):
    """The norm of an update, against the difference of the parameters after and before the step."""
    names = monitor.tensor_names(MODEL, steps_by_hand[0][1].params)
    norm = monitor.STATISTICS.index("norm")
    for sample, before, after in (steps_by_hand[0], steps_by_hand[7]):
        for layer, name in (("layers_1", "dense_1"), ("layers_4", "dense_2")):
            for parameter, word in (("kernel", "weights"), ("bias", "biases")):
                moved = after.params[layer][parameter] - before.params[layer][parameter]
                found = sample.tensors.statistics[names.index(f"{name}/{word}_update"), norm]
                assert float(found) == pytest.approx(float(np.linalg.norm(moved)), rel=1e-4)


def test_a_network_that_diverged_is_not_looked_into():
    """An example is NaN, in the third batch: that step is the last with a sample, and its gradient says why."""
    data = small_data()
    row = epoch_order(run_keys(0).data, 0, 44)[2 * BATCH_SIZE + 1]
    bad = RunData(Batch(data.train.x.at[row].set(jnp.nan), data.train.y), data.validation)
    state, (chunk,) = train_members(small_run(monitor_every=1, num_watched=1), [True], vmap, data=bad)
    assert int(state.diverged_at[0]) == 2
    np.testing.assert_array_equal(np.flatnonzero(chunk.taken[0]), [0, 1, 2])
    np.testing.assert_array_equal(np.isfinite(chunk.gradient_norm[0, :3]), [True, True, False])


@pytest.mark.parametrize("vectorise", [vmap, one_by_one])
def test_a_network_that_stopped_is_not_looked_into(vectorise):
    """Of two watched members the second stopped early, before this chunk: it has no samples, the first has all."""
    data, seeds = small_data(), jnp.arange(2)
    whole = small_run(monitor_every=EVERY, num_watched=2, vectorised=vectorise is vmap)
    state = jax.jit(jax.vmap(lambda seed: whole.init(run_keys(seed), HPARAMS, data)))(seeds)
    state = state._replace(stopped_at=jnp.asarray([0, 2], jnp.int32))

    def member(arguments):
        state, seed = arguments
        return whole.advance(state, run_keys(seed), HPARAMS, data, 0, 3, True)

    taken = jax.jit(lambda *arguments: vectorise(member, arguments))(state, seeds).samples.taken
    assert np.asarray(taken).sum(1).tolist() == [EPOCHS * 5 // EVERY, 0]
