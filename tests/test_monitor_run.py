"""A monitored run: the same run as one that nobody watches, and samples that are what its steps did.

What these tests compile is all of their time, so they share it: one program for each way to execute members, with
everything that a test varies as an argument.
"""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnn import losses, models, monitor
from jaxnn.backprop.point import quick_jit
from jaxnn.epoch import RunConfig, epoch_order
from jaxnn.optim import make_optimizer, make_schedule
from jaxnn.run import Run, RunData, make_run
from jaxnn.train import make_eval_step, make_train_step, run_keys
from jaxnn.types import Batch, Hparams

pytestmark = pytest.mark.once

MODEL = models.mlp((4,), 3, dropout=True)
LINEAR = models.linear(3)  # the soonest to compile, for what has nothing to do with layers
LOSS = losses.softmax_cross_entropy
ADAM = make_optimizer("adam", make_schedule("constant", total_steps=1, steps_per_epoch=1))
HPARAMS = Hparams(0.05, beta1=0.9, beta2=0.999, epsilon=1e-8, dropout_rate=0.2, input_noise=0.1)
NUM_TRAIN, EPOCHS, BATCH_SIZE, EVERY = 44, 6, 8, 3  # 5 full batches of 8 and one of 4
NUM_MEMBERS, NUM_WATCHED = 3, 2
SAMPLED = EPOCHS * 5 // EVERY
LOOKS = []  # grows whenever a monitored program looks at a member
TRACES = []  # and whenever what looks is traced


def vmap(function, members):
    return jax.vmap(function)(members)


def one_by_one(function, members):
    return jax.lax.map(function, members)


def small_data():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 60)
    x = (np.eye(3)[y] + rng.normal(0, 0.7, (60, 3))).astype(np.float32)
    y = y.astype(np.int32)
    return RunData(Batch(x[:NUM_TRAIN], y[:NUM_TRAIN]), Batch(x[NUM_TRAIN:], y[NUM_TRAIN:]))


def run_config(batch_size=BATCH_SIZE, every=EVERY):
    return RunConfig(EPOCHS, batch_size, eval_every=2, monitor_every=every)


def small_run(vectorise, config, model) -> Run:
    probe = monitor.make_probe(model, LOSS, ADAM)

    def counted(*arguments):
        TRACES.append(1)
        jax.debug.callback(lambda: LOOKS.append(1))
        return probe(*arguments)

    look = monitor.make_look(model, counted, num_watched=NUM_WATCHED) if config.monitor_every else None
    vectorised = vectorise is vmap
    train_step = make_train_step(model, LOSS, ADAM, vectorised=vectorised)
    eval_step = make_eval_step(model, LOSS)
    return make_run(model, ADAM, train_step, eval_step, config, look=look, vectorised=vectorised)


@functools.cache
def initial_state(model=MODEL):
    """Members of seeds 0, 1, 2 before the first step, on the host: how they will be trained makes no difference."""
    whole, data = small_run(vmap, run_config(), model), small_data()
    state = quick_jit(jax.vmap(lambda seed: whole.init(run_keys(seed), HPARAMS, data)))(np.arange(NUM_MEMBERS))
    return jax.tree.map(np.asarray, state)


@functools.cache
def compiled_advance(vectorise, config, model):
    whole = small_run(vectorise, config, model)

    @quick_jit
    def advance(state, data, first, last, watched):
        def member(arguments):
            state, seed, watched = arguments
            return whole.advance(state, run_keys(seed), HPARAMS, data, first, last, watched)

        return vectorise(member, (state, jnp.arange(NUM_MEMBERS), watched))

    return advance


def train_members(config, watched, vectorise, *, cuts=(0, 3), data=None, state=None, model=MODEL):
    """The members after all records, and the samples of each chunk, on the host."""
    advance, samples = compiled_advance(vectorise, config, model), []
    state, data = state or initial_state(model), data or small_data()
    for first, last in itertools.pairwise(cuts):
        state = jax.tree.map(np.asarray, advance(state, data, first, last, np.asarray(watched)))
        samples.append(state.samples)
        state = state._replace(samples=None)
    return state, samples


def assert_same_run(tree, other):
    """Equal up to rounding: a monitored run is another program, whose sums the compiler may order otherwise."""
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7), tree, other)


# Of full batches, which an epoch has one of, every one is looked at.
@pytest.mark.parametrize("vectorise", [vmap, one_by_one])
@pytest.mark.parametrize(
    ("batch_size", "every", "model"), [(BATCH_SIZE, EVERY, MODEL), (None, 1, LINEAR)], ids=["batches", "full batch"]
)
def test_watching_changes_nothing(vectorise, batch_size, every, model):
    """The whole state of members that are watched, and of one that is not, against runs without monitoring."""
    watched = [True, False, True]
    plain, none = train_members(run_config(batch_size, None), watched, vectorise, model=model)
    seen, (samples,) = train_members(run_config(batch_size, every), watched, vectorise, model=model)
    assert_same_run(plain, seen)
    assert none == [None]
    np.testing.assert_array_equal(samples.taken.any(1), watched)


@pytest.mark.parametrize("vectorise", [vmap, one_by_one])
def test_nobody_looks_between_the_samples(vectorise):
    """Looking is work: as often as there are samples, not at every step or for every member."""
    jax.effects_barrier()
    LOOKS.clear()
    _, (chunk,) = train_members(run_config(), [False, True, False], vectorise)
    jax.effects_barrier()
    assert len(LOOKS) == int(chunk.taken.sum()) == SAMPLED


@pytest.mark.parametrize("vectorise", [vmap, one_by_one])
def test_what_looks_is_not_traced_again_and_again(vectorise):
    """Once alone and once for one out of several, though JAX batches the loops around it several times."""
    TRACES.clear()
    whole, data = small_run(vectorise, run_config(), LINEAR), jax.tree.map(jnp.asarray, small_data())
    member = lambda one: whole.advance(one[0], run_keys(one[1]), HPARAMS, data, 0, 3)
    jax.eval_shape(functools.partial(vectorise, member), (initial_state(LINEAR), np.arange(NUM_MEMBERS)))
    assert len(TRACES) == (2 if vectorise is vmap else 1)


@functools.cache
def orders():
    """The orders of the examples, (members, epochs, examples)."""
    one = lambda seed: jax.vmap(lambda epoch: epoch_order(run_keys(seed).data, epoch, NUM_TRAIN))(
        jnp.arange(EPOCHS)
    )
    return np.asarray(quick_jit(jax.vmap(one))(np.arange(NUM_MEMBERS)))


@pytest.fixture(scope="module")
def steps_by_hand():
    """Every step of seed 0 taken one by one: the state before it, its batch, and what the probe makes of them."""
    probe, train_step = monitor.make_probe(MODEL, LOSS, ADAM), make_train_step(MODEL, LOSS, ADAM)

    @functools.partial(quick_jit, static_argnames="full")
    def step(state, batch, full):
        key = run_keys(0).step
        return probe(state, batch, key, HPARAMS) if full else None, train_step(state, batch, key, HPARAMS)[0]

    data, found = small_data(), []
    state = jax.tree.map(lambda leaf: leaf[0], initial_state().train)
    for order in orders()[0]:
        for start in range(0, NUM_TRAIN, BATCH_SIZE):
            rows = order[start : start + BATCH_SIZE]
            batch = Batch(data.train.x[rows], data.train.y[rows])
            sample, after = jax.tree.map(np.asarray, step(state, batch, len(rows) == BATCH_SIZE))
            found.append((sample, state, after))
            state = after
    return found


@pytest.mark.parametrize("vectorise", [vmap, one_by_one])
def test_samples_are_those_of_the_steps(steps_by_hand, vectorise):
    """Every third full batch, the small one at the end of an epoch passed over, whatever the chunks."""
    sampling = run_config().sampling(NUM_TRAIN)
    full = [step for step, (sample, *_) in enumerate(steps_by_hand) if sample is not None]
    assert sampling.steps(0, 3).tolist() == full[::EVERY]
    for cuts in ((0, 3), (0, 1, 3)):
        _, chunks = train_members(run_config(), [True, False, False], vectorise, cuts=cuts)
        for (first, last), chunk in zip(itertools.pairwise(cuts), chunks, strict=True):
            steps = sampling.steps(first, last)
            assert chunk.taken.sum(1).tolist() == [len(steps), 0, 0]
            for place, step in enumerate(steps):
                sample = jax.tree.map(lambda leaf, place=place: leaf[0, place], chunk)
                expected = steps_by_hand[step][0]
                jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), sample, expected)


def test_the_shapes_of_a_sample_are_known_without_a_trace(steps_by_hand):
    sample, state, _ = steps_by_hand[0]
    expected = monitor.sample_shapes(MODEL, state.params)
    found = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), sample)
    assert found == expected


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


@pytest.mark.parametrize("vectorise", [vmap, one_by_one])
def test_a_network_that_diverged_is_not_looked_into(vectorise):
    """An example is NaN, in a step that is looked at: no later one is, and the gradient of this one says why."""
    data = small_data()
    row = orders()[0, 0, EVERY * BATCH_SIZE + 1]
    data.train.x[row] = np.nan
    state, (chunk,) = train_members(run_config(), [True, False, True], vectorise, data=data)
    # Each seed has an order of its own, and so comes upon it in another batch.
    bad_step = np.argmax(orders()[:, 0] == row, axis=1) // BATCH_SIZE
    assert state.diverged_at.tolist() == bad_step.tolist()
    assert bad_step[0] == EVERY
    steps = run_config().sampling(NUM_TRAIN).steps(0, 3)
    for member in (0, 2):
        np.testing.assert_array_equal(chunk.taken[member], steps <= bad_step[member])
        taken = steps[chunk.taken[member]]
        np.testing.assert_array_equal(
            np.isfinite(chunk.gradient_norm[member, : len(taken)]), taken < bad_step[member]
        )


@pytest.mark.parametrize("vectorise", [vmap, one_by_one])
def test_a_network_that_stopped_is_not_looked_into(vectorise):
    """Of two watched members the second stopped early, before this chunk: it has no samples, the first has all."""
    state = initial_state()._replace(stopped_at=np.array([0, 2, 0], np.int32))
    _, (chunk,) = train_members(run_config(), [True, True, False], vectorise, state=state)
    assert chunk.taken.sum(1).tolist() == [SAMPLED, 0, 0]
