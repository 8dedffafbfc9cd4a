"""Populations: a member is its solo run, however it is executed and whatever its neighbours do."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from compilations import recorded_compilations

from jaxnn import augment, models, population
from jaxnn import run as run_module
from jaxnn.epoch import RunConfig
from jaxnn.population import (
    NEUTRAL,
    Execution,
    Recipe,
    choose_execution,
    eval_block,
    make_member_run,
    make_members,
    make_population,
    make_predict,
    pad_members,
    place,
    share_terms,
    stack_hparams,
)
from jaxnn.run import RunData
from jaxnn.train import run_keys
from jaxnn.types import Batch, Hparams

NUM_TRAIN, EPOCHS = 32, 3  # four full batches: a smaller one would be compiled too

# Everything that draws random numbers or carries statistics is in it: order, dropout, noise, batch norm.
RECIPE = Recipe(
    models.mlp((6,), 3, dropout=True, batch_norm=True), RunConfig(EPOCHS, batch_size=8), optimizer="momentum"
)
TERMS = {"momentum": 0.9, "dropout_rate": 0.3, "input_noise": 0.1, "label_smoothing": 0.1, "l2": 1e-4}
MEMBERS = (
    (0, Hparams(0.1, **TERMS)),
    (1, Hparams(0.1, **TERMS)),
    (0, Hparams(0.01, **TERMS)),
    (0, Hparams(0.1, **(TERMS | {"dropout_rate": 0.0}))),
)
EXECUTIONS = {
    "vmap": Execution(1, "vmap"),
    "map": Execution(1, "map"),
    "vmap on two devices": Execution(2, "vmap"),
    "map on two devices": Execution(2, "map"),
}


def make_data():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, NUM_TRAIN + 20)
    x = (np.eye(3)[y] + rng.normal(0, 0.5, (len(y), 3))).astype(np.float32)
    y = y.astype(np.int32)
    return RunData(Batch(x[:NUM_TRAIN], y[:NUM_TRAIN]), Batch(x[NUM_TRAIN:], y[NUM_TRAIN:]))


@functools.cache
def population_of(execution, recipe=RECIPE):
    """One population for all tests: it compiles once for every number of members.

    Compiled as studies are where two programs have to agree to the bit, else to slower code in less time; not found
    again by other tests.
    """
    make = make_population.__wrapped__
    if recipe is RECIPE and execution == EXECUTIONS["map"]:
        return make(recipe, execution, num_examples=NUM_TRAIN)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(population.program, "CPU_COMPILER_OPTIONS", {"xla_backend_optimization_level": 0})
        return make(recipe, execution, num_examples=NUM_TRAIN)


def train(members, execution, recipe=RECIPE, *, chunks=(0, EPOCHS)):
    """The final states of (seed, hparams) members, on the host."""
    whole = population_of(execution, recipe)
    seeds, hparams = zip(*members, strict=True)
    arguments = place(whole.mesh, make_members(seeds, stack_hparams(hparams)), make_data())
    state = whole.init(*arguments)
    for first, last in itertools.pairwise(chunks):
        state = whole.advance(state, *arguments, first, last)
    return jax.tree.map(np.asarray, state)


def member(state, position):
    return jax.tree.map(lambda leaf: leaf[position], state)


@pytest.fixture(scope="module")
def solo():
    """Every member trained alone, in a population of one."""
    return [member(train([one], Execution(1, "map")), 0) for one in MEMBERS]


def test_one_after_another_a_member_is_its_solo_run_to_the_bit(solo):
    """On one device "map" runs the same program on the same numbers."""
    state = train(MEMBERS, EXECUTIONS["map"])
    for position, alone in enumerate(solo):
        jax.tree.map(np.testing.assert_array_equal, member(state, position), alone)


@pytest.mark.parametrize("name", ["vmap", "vmap on two devices", "map on two devices"])
def test_vectorised_or_sharded_a_member_is_its_solo_run(name, solo):
    """Other programs: XLA may order their sums otherwise, and twelve steps carry that on to a few parts in 10^5."""
    state = train(MEMBERS, EXECUTIONS[name])
    close = lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5)
    for position, alone in enumerate(solo):
        jax.tree.map(close, member(state, position), alone)


def test_initial_parameters_are_drawn_from_the_seed_alone():
    """Members 0, 2 and 3 share a seed and differ in numbers; member 1 has another seed."""
    kernels = train(MEMBERS, EXECUTIONS["vmap"], chunks=(0,)).train.params["layers_1"]["kernel"]
    for position, same in ((1, False), (2, True), (3, True)):
        assert np.array_equal(kernels[0], kernels[position]) == same


def test_members_differ_by_seed_and_by_number(solo):
    """Neither the seed nor the learning rate nor the dropout rate is lost on the way to a member."""
    values = [one.history["train_loss"][-1] for one in solo]
    assert len({float(value) for value in values}) == len(MEMBERS)


def test_the_learning_rate_of_a_member_is_its_own():
    """A rate of 0 leaves one member's parameters where they were drawn, beside members that learn."""
    members = [(0, Hparams(rate, **TERMS)) for rate in (0.1, 0.0, 0.1, 0.2)]
    before = train(members, EXECUTIONS["vmap"], chunks=(0,)).train.params
    after = train(members, EXECUTIONS["vmap"]).train.params
    changed = [
        any(jax.tree.leaves(jax.tree.map(lambda a, b, i=i: (a[i] != b[i]).any(), before, after))) for i in range(4)
    ]
    assert changed == [True, False, True, True]
    jax.tree.map(np.testing.assert_array_equal, member(after, 0), member(after, 2))


@pytest.mark.parametrize("name", EXECUTIONS)
def test_a_member_that_diverges_touches_no_neighbour(name):
    """The same members with a harmless rate in the place of the bad one: all the others have the same bits."""
    bad = MEMBERS[1][0], Hparams(float("1e30"), **TERMS)
    state = train([MEMBERS[0], bad, *MEMBERS[2:]], EXECUTIONS[name])
    harmless = train(MEMBERS, EXECUTIONS[name])
    assert state.diverged_at.tolist()[1] >= 0
    assert np.delete(state.diverged_at, 1).tolist() == [-1, -1, -1]
    for position in (0, 2, 3):
        jax.tree.map(np.testing.assert_array_equal, member(state, position), member(harmless, position))


@pytest.mark.parametrize("name", EXECUTIONS)
def test_a_member_that_diverges_stays_where_it_was(name):
    """It diverges in the first of three epochs, beside members that go on, and is to the bit what it was then."""
    bad = MEMBERS[1][0], Hparams(float("1e30"), **TERMS)
    first, last = (
        member(train([MEMBERS[0], bad, *MEMBERS[2:]], EXECUTIONS[name], chunks=(0, epochs)), 1)
        for epochs in (1, EPOCHS)
    )
    assert 0 <= int(first.diverged_at) < 4
    for state in (first, last):
        assert int(state.train.step) == int(first.diverged_at)
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(state.train.params))
    for kept in ("params", "batch_stats"):
        jax.tree.map(np.testing.assert_array_equal, getattr(first.train, kept), getattr(last.train, kept))


def test_chunks_of_any_length_share_a_compilation_and_change_no_bit():
    whole = train(MEMBERS, EXECUTIONS["vmap"])
    with recorded_compilations() as compiled:
        chunked = train(MEMBERS, EXECUTIONS["vmap"], chunks=(0, 1, EPOCHS))
        changed = train([(seed + 5, Hparams(0.2, **TERMS)) for seed, _ in MEMBERS], EXECUTIONS["vmap"])
    assert not {"init", "advance"} & set(compiled)
    jax.tree.map(np.testing.assert_array_equal, whole, chunked)
    assert not np.array_equal(whole.history["train_loss"], changed.history["train_loss"])


def test_members_are_padded_to_the_devices():
    """Three members on two devices: the padding repeats the last, and the three are what they are without it."""
    padded = pad_members(MEMBERS[:3], 2)
    assert padded == [*MEMBERS[:3], MEMBERS[2]]
    assert pad_members(MEMBERS[:2], 2) == list(MEMBERS[:2])
    state, unpadded = (
        train(padded, EXECUTIONS["map on two devices"]),
        train(MEMBERS, EXECUTIONS["map on two devices"]),
    )
    for position in range(3):
        jax.tree.map(np.testing.assert_array_equal, member(state, position), member(unpadded, position))


def test_terms_are_shared_with_their_neutral_values():
    settings = [Hparams(0.1), Hparams(0.2, l2=0.5), Hparams(0.3, clip_norm=2.0)]
    assert share_terms(settings) == [
        Hparams(0.1, l2=0.0, clip_norm=float("inf")),
        Hparams(0.2, l2=0.5, clip_norm=float("inf")),
        Hparams(0.3, l2=0.0, clip_norm=2.0),
    ]
    stacked = stack_hparams(settings)
    np.testing.assert_array_equal(stacked.learning_rate, np.float32([0.1, 0.2, 0.3]))
    np.testing.assert_array_equal(stacked.l2, [0, 0.5, 0])
    assert stacked.l1 is None
    assert stacked.learning_rate.dtype == jnp.float32


def test_neutral_terms_change_nothing():
    """A member with every term there and neutral is a member without them, to rounding; bitwise is not promised
    by two different programs."""
    steps = 12  # of the full batch: no term is in the order of the examples, and both programs would draw it
    recipe = Recipe(models.mlp((6,), 3, dropout=True), RunConfig(steps, batch_size=None), optimizer="momentum")
    trained = functools.partial(train, execution=EXECUTIONS["map"], recipe=recipe, chunks=(0, steps))
    without = trained([(0, Hparams(0.1, momentum=0.9))])
    terms = {name: value for name, value in NEUTRAL.items() if name not in augment.TERMS}  # those are for images
    neutral = trained([(0, Hparams(0.1, **(terms | {"momentum": 0.9})))])
    close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    jax.tree.map(close, neutral.train.params, without.train.params)
    jax.tree.map(close, neutral.history, without.history)


def test_predictions_are_those_of_each_member(solo):
    """Oracle: `model.apply` with one member's variables."""
    stack = lambda *leaves: np.stack(leaves)
    variables = [(one.train.params, one.train.batch_stats) for one in solo]
    x = make_data().validation.x
    outputs = make_predict(RECIPE.model, RECIPE.run.scale)(jax.tree.map(stack, *variables), x)
    apply = jax.jit(lambda params, stats: RECIPE.model.apply({"params": params, "batch_stats": stats}, x))
    for position, one in enumerate(variables):
        np.testing.assert_allclose(outputs[position], apply(*one), rtol=1e-5, atol=1e-6)


def test_copies_of_data_do_not_become_large():
    """Ten members on each of two devices: of 2^24 bytes each they would be 160 MiB, of 2^25 twice that."""
    recipe, shapes = Recipe(models.mlp((2,), 2), RunConfig(1, 32)), {"input_shape": (2,), "num_examples": 100}
    for own_data_bytes, expected in ((0, "vmap"), (2**24, "vmap"), (2**25, "map")):
        found = choose_execution(recipe, **shapes, num_members=20, own_data_bytes=own_data_bytes)
        assert found.members == expected


@pytest.mark.parametrize(
    ("model", "input_shape", "batch_size", "num_members", "expected"),
    [
        (models.mlp((2,), 2), (2,), 32, 20, Execution(2, "vmap")),
        (models.mlp((2,), 2), (2,), 32, 1, Execution(1, "vmap")),
        (models.mlp((512,), 10), (28, 28, 1), 128, 8, Execution(2, "map")),
        (models.lenet(), (28, 28, 1), 64, 1, Execution(1, "map")),
        # full batch: 2 * (2 * 3 + 3 * 2) * 100,000 = 2.4 million operations a step
        (models.mlp((3,), 2), (2,), None, 8, Execution(2, "map")),
    ],
)
def test_on_cpu_members_are_spread_and_tiny_steps_vectorised(model, input_shape, batch_size, num_members, expected):
    recipe = Recipe(model, RunConfig(1, batch_size))
    found = choose_execution(recipe, input_shape=input_shape, num_examples=100_000, num_members=num_members)
    assert found == expected


@pytest.mark.parametrize(
    ("model", "batch_size", "expected"),
    [
        (models.mlp((512,), 10), 128, "vmap"),
        (models.lenet(), 64, "vmap"),
        # 2 * (9 * 200 * 100) * 28 * 28 * 128 = 36 billion operations in the second convolution alone
        (models.cnn(("conv:200", "conv:100"), 10), 128, "map"),
    ],
)
def test_on_an_accelerator_all_but_large_steps_are_vectorised(model, batch_size, expected, monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    recipe = Recipe(model, RunConfig(1, batch_size))
    found = choose_execution(recipe, input_shape=(28, 28, 1), num_examples=50_000, num_members=8)
    assert found == Execution(2, expected)


@pytest.mark.parametrize(("batch_size", "rows"), [(64, 91), (128, 128), (None, 300)])
def test_many_members_evaluate_as_many_rows_as_a_step_has_or_as_fit_in_four_mebibytes(batch_size, rows):
    """By hand: the widest two layers of LeNet are 24 x 24 x 10 before and after an activation, 46,080 bytes."""
    recipe = Recipe(models.lenet(), RunConfig(1, batch_size))
    assert eval_block(recipe, num_examples=300, input_shape=(28, 28, 1)) == rows
    small = Recipe(models.mlp((100,), 2), RunConfig(1, batch_size))
    assert eval_block(small, num_examples=300, input_shape=(2,)) == 1000


def test_vectorised_evaluations_take_the_rows_of_their_block(monkeypatch):
    """Oracle: the rows that an evaluation is seen to take, and the metrics of one that takes all at once."""
    taken = []
    evaluate = run_module.evaluate
    note = lambda *args, block: taken.append(block) or evaluate(*args, block=block)
    monkeypatch.setattr(run_module, "evaluate", note)
    monkeypatch.setattr("jaxnn.population.recipe.EVAL_BYTES", 0)  # as many rows as a batch has
    data = jax.tree.map(jnp.asarray, make_data())
    whole = make_member_run(RECIPE, num_examples=NUM_TRAIN)
    parts = make_member_run(RECIPE, num_examples=NUM_TRAIN, vectorised=True)
    histories = []
    for run in (whole, parts):

        @jax.jit
        def train(hparams, run=run):
            return run.advance(run.init(run_keys(0), hparams, data), run_keys(0), hparams, data, 0, EPOCHS).history

        histories.append(train(MEMBERS[0][1]))
    assert taken == [1000, 8]
    for name, values in histories[0].items():
        np.testing.assert_allclose(histories[1][name], values, rtol=1e-5, err_msg=name)
