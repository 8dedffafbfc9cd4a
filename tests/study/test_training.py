"""Training the programs of a study: one compilation each, members as if alone, observed chunk by chunk."""

import jax
import numpy as np
import pytest
from compilations import recorded_compilations
from tiny_studies import BLOBS, tiny_config, tiny_data

from jaxnn import models
from jaxnn.data import DataConfig
from jaxnn.population import make_member_run
from jaxnn.study import plan_study, predict_members, train_study, training
from jaxnn.study import session as session_module
from jaxnn.study.members import run_data
from jaxnn.train import run_keys


def plan(sweep=None, **options):
    return plan_study(tiny_config(**options), sweep or {}, load=tiny_data)


GRID = {
    "learning_rate": (0.2, 0.05, 0.01),
    "l2": (None, 0.1),
    "label_smoothing": (None, 0.2),
    "dropout_rate": (0.0, 0.3),
}


@pytest.fixture(scope="module")
def grid():
    """24 settings of one seed: the plan, what was trained, what was observed, and what JAX compiled meanwhile."""
    chunks = []
    whole = plan(GRID, seeds=1)
    with recorded_compilations() as compiled:
        (trained,) = train_study(whole, observe=lambda plan, chunk: chunks.append(chunk))
    return whole, trained, chunks, compiled


def test_settings_that_differ_in_numbers_compile_once(grid):
    """As JAX itself counts: one initialisation and one training program for 24 settings and all chunks."""
    whole, trained, chunks, compiled = grid
    assert len(whole.settings) == 24
    assert len(whole.programs) == 1
    assert compiled.count("init") == 1
    assert compiled.count("advance") == 1
    assert len(chunks) > 1
    assert trained.history["val_loss"].shape == (24, 4)


def test_every_member_reproduces_alone_from_its_recipe_numbers_and_seed(grid):
    """Oracle: the run of one member, jitted by itself; another program, so equal to rounding."""
    whole, trained, _, _ = grid
    program = whole.programs[0]
    run = make_member_run(program.recipe, num_examples=45)

    @jax.jit
    def alone(hparams, data):
        keys = run_keys(0)
        return run.advance(run.init(keys, hparams, data), keys, hparams, data, 0, 4)

    for position in (0, 5, 10, 23):
        state = alone(jax.tree.map(np.float32, whole.settings[position].hparams), run_data(program))
        for name, values in state.history.items():
            np.testing.assert_allclose(trained.history[name][position], values, rtol=1e-4, atol=1e-5)
        own = jax.tree.map(lambda leaf, position=position: leaf[position], trained.last[0])
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5), own, state.train.params)
        assert trained.best_epoch[position] == state.best.epoch


def test_observers_see_every_record_once_and_what_is_known_by_then(grid):
    _, trained, chunks, _ = grid
    assert [chunk.first for chunk in chunks] == [0, *(chunk.last for chunk in chunks[:-1])]
    assert chunks[-1].last == 4
    for chunk in chunks:
        assert chunk.program == 0
        assert chunk.examples == 24 * 45 * (chunk.last - chunk.first)
        assert chunk.seconds > 0
        for name, values in chunk.history.items():
            np.testing.assert_array_equal(values[:, : chunk.last], trained.history[name][:, : chunk.last])
            assert np.isnan(values[:, chunk.last :]).all()


def test_members_that_fill_up_the_devices_are_dropped():
    """Three seeds on two devices: three members come back, each as in a study of more seeds."""
    assert jax.device_count() == 2
    (three,) = train_study(plan(seeds=3))
    (four,) = train_study(plan(seeds=4))
    for leaf in jax.tree.leaves((three.history, three.best, three.last, three.best_epoch)):
        assert len(leaf) == 3
    for name, values in three.history.items():
        np.testing.assert_allclose(values, four.history[name][:3], rtol=1e-4, atol=1e-5)
        assert len(np.unique(four.history[name], axis=0)) == 4


def test_predictions_do_not_depend_on_the_block():
    """Oracle: `model.apply`; 30 rows in blocks of 8, 30, 1000 and the second of two, the last filled up."""
    program = plan().programs[0]
    model, x = program.recipe.model, tiny_data(BLOBS).test.x
    variables = [jax.jit(model.init)(jax.random.key(seed), x) for seed in (0, 1, 2)]
    params = jax.tree.map(lambda *leaves: np.stack(leaves), *(one["params"] for one in variables))
    expected = np.stack([model.apply(one, x) for one in variables])
    assert expected.shape == (3, 30, 3)
    for blocks in ((8,), (30,), (1000,), (8, 40)):
        outputs = predict_members(program.recipe, (params, {}), x, blocks=blocks)
        np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)


def test_inputs_of_every_length_share_two_compilations():
    """As JAX itself counts: one up to 100 rows, one for all above; networks of no other test."""
    recipe = plan(hidden=(5, 3)).programs[0].recipe
    variables = jax.jit(recipe.model.init)(jax.random.key(0), np.zeros((1, 2), np.float32))
    params = jax.tree.map(lambda leaf: leaf[None], variables["params"])
    with recorded_compilations() as compiled:
        for rows in (1, 99, 100, 101, 1000, 1001):
            x = np.ones((rows, 2), np.float32)
            assert predict_members(recipe, (params, {}), x).shape == (1, rows, 3)
    assert compiled.count("predict") == 2


def test_images_are_predicted_from_their_stored_pixels():
    """uint8 pixels are scaled as in training."""
    config = tiny_config(model="linear", hidden=None)
    data = tiny_data(type(BLOBS)("digits"))
    recipe = plan_study(config, {}, load=lambda wanted: data).programs[0].recipe
    assert recipe.model == models.linear(10)
    x = data.test.x[:7]
    variables = jax.jit(recipe.model.init)(jax.random.key(0), x.astype(np.float32))
    params = jax.tree.map(lambda leaf: leaf[None], variables["params"])
    expected = recipe.model.apply(variables, x.astype(np.float32) / 16)
    np.testing.assert_allclose(predict_members(recipe, (params, {}), x)[0], expected, rtol=1e-5, atol=1e-6)


def test_a_member_whose_last_update_overflows_has_diverged():
    """One full-batch step at a rate that float32 cannot hold; the objective of that step is still finite."""
    (trained,) = train_study(plan({"learning_rate": (1e-6, 3e38)}, epochs=1, batch_size="full", l2=1000.0))
    assert np.isfinite(trained.history["train_loss"]).all()
    assert not np.isfinite(trained.last[0]["layers_1"]["kernel"][2:]).all()
    assert trained.diverged_at.tolist() == [-1, -1, 1, 1]


def test_two_studies_of_one_shape_share_what_was_compiled():
    """As JAX itself counts: the second study, with other numbers and other data, compiles nothing."""
    first = plan(seeds=3, activation="softplus")
    (once,) = train_study(first)
    second = plan_study(tiny_config(seeds=3, activation="softplus", learning_rate=0.1, l2=None), {}, load=tiny_data)
    with recorded_compilations() as compiled:
        (again,) = train_study(second)
    assert compiled == []
    assert not np.array_equal(once.history["val_loss"], again.history["val_loss"])


def test_augmentation_is_of_the_settings_that_have_images():
    """Of three settings one augments, one has images and does not, one has components: the numbers of each are
    those it has when it is planned alone, but for the neutral value that two settings of images share."""
    sweep = {"what": {"moved": {"shift": 0.1}, "plain": {"l2": 0.0}, "components": {"pca": 4}}}
    whole = plan(
        sweep, data=DataConfig("digits", train=40, validation=20), epochs=1, seeds=1, hidden=None, model="linear"
    )
    assert [setting.hparams.shift for setting in whole.settings] == [0.1, 0.0, None]
    trained = train_study(whole)
    assert sorted(setting for one in trained for setting in one.program.settings) == [0, 1, 2]
    assert all(np.isfinite(one.history["val_loss"]).all() for one in trained)


def test_outputs_of_no_rows_are_no_outputs():
    whole = plan(epochs=1, seeds=1)
    (one,) = train_study(whole)
    assert predict_members(one.program.recipe, one.best, np.zeros((0, 2), np.float32)).shape == (1, 0, 3)


@pytest.mark.parametrize("execution", ["vmap", "map"])
def test_nothing_is_computed_once_every_member_has_ended(execution, monkeypatch):
    """Two members, of which one diverges at once and the other stops after 2 of 200 epochs, its rate too small to
    change its loss.  Oracles: the chunks that the device is given, and a run of which it is given all."""
    sizes, chunks = [], []
    few = plan({"learning_rate": (1e-12, 1e12)}, seeds=1, epochs=200, patience=1, execution=execution)
    with monkeypatch.context() as patch:
        patch.setattr(session_module, "is_training", lambda session: np.ones(2, bool))
        (whole,) = train_study(few)
    open_session = training.open_session

    def counting(*args, **options):
        session = open_session(*args, **options)

        def train_records(state, first, last):
            sizes.append(last - first)
            return session.train_records(state, first, last)

        return session._replace(train_records=train_records)

    monkeypatch.setattr(training, "open_session", counting)
    (found,) = train_study(few, observe=lambda plan, chunk: chunks.append(chunk))
    assert whole.stopped_at.tolist() == [2, 0]
    assert whole.diverged_at[1] >= 0
    assert sum(sizes) < 200
    assert chunks[-1].last == 200
    jax.tree.map(np.testing.assert_array_equal, (found.history, found.best), (whole.history, whole.best))
    assert sum(chunk.examples for chunk in chunks) == 45 * (2 + whole.diverged_at[1] // 3)
