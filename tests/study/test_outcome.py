"""Outcomes: labelled results, selection by validation alone, retraining on everything, one use of the test set."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import sklearn.metrics
import xarray as xr
from tiny_studies import BLOBS, tiny_config, tiny_data

from jaxnn.data import DataConfig, merge
from jaxnn.population import make_member_run
from jaxnn.run import RunData
from jaxnn.study import conclude, plan_study, predict_members, train_study
from jaxnn.study.describe import About, describe_results
from jaxnn.study.environment import environment
from jaxnn.study.members import run_data
from jaxnn.study.results import load_dataset, save_dataset
from jaxnn.study.sweep import DIMENSIONS, VARIABLES
from jaxnn.train import run_keys
from jaxnn.types import Batch

# One program, padded; the third dimension has one value and no say.
SWEEP = {"hidden": ((3,), (5, 4)), "learning_rate": (0.001, 0.1), "activation": ("tanh",)}


def study(sweep, **options):
    """(plan, trained programs, outcome)."""
    plan = plan_study(tiny_config(**options), sweep)
    trained = train_study(plan)
    return plan, trained, conclude(plan, trained)


@pytest.fixture(scope="module")
def grid():
    return study(SWEEP)


def test_predictions_are_of_the_best_epochs_or_of_the_last():
    """Oracle: SciPy's cross-entropy of the outputs for the validation rows, and what was recorded in training."""
    outcome = study({"learning_rate": (0.1, 8.0)})[2]
    history, best = (outcome.results[name].values for name in ("val_loss", "best_epoch"))
    assert (best < 4).any()
    for setting in range(2):
        x, y, *_ = outcome.data(setting).validation
        for at, epochs in (("best", best[setting]), ("last", [4, 4])):
            log_p = scipy.special.log_softmax(outcome.predict(setting, x, at=at), axis=-1)
            losses = -log_p[:, np.arange(len(y)), y].mean(1)
            recorded = [history[setting, seed, epoch - 1] for seed, epoch in enumerate(epochs)]
            np.testing.assert_allclose(losses, recorded, rtol=1e-4)


def test_results_have_a_dimension_for_every_swept_field_the_seed_and_the_epoch(grid):
    results = grid[2].results
    assert set(results.variables) <= {*grid[0].sweep, *DIMENSIONS, *VARIABLES}  # which no axis may be called
    for split in ("train", "val"):
        for metric in ("loss", "accuracy"):
            variable = results[f"{split}_{metric}"]
            assert variable.dims == ("hidden", "learning_rate", "activation", "seed", "epoch")
            assert variable.shape == (2, 2, 1, 2, 4)
            assert np.isfinite(variable).all()
    assert results["best_epoch"].dims == ("hidden", "learning_rate", "activation", "seed")
    assert results["hidden"].values.tolist() == ["3", "5-4"]
    assert results["learning_rate"].values.tolist() == [0.001, 0.1]
    assert results["seed"].values.tolist() == [0, 1]
    assert results["epoch"].values.tolist() == [1, 2, 3, 4]
    rows = {"num_train": 45, "num_val": 25, "num_test": 30}
    assert results.attrs == {"selected_on": "val_loss", "mode": "min", "problem_axes": "[]", **rows}
    assert (results["stopped_at"] == 4).all()
    assert (results["diverged_at"] == -1).all()


def test_every_history_is_at_the_place_of_its_setting(grid):
    """Oracle: two settings studied by themselves, which are other programs, not padded: equal to rounding."""
    results = grid[2].results
    for hidden, rate, label in (((3,), 0.1, "3"), ((5, 4), 0.001, "5-4")):
        (alone,) = train_study(plan_study(tiny_config(hidden=hidden, learning_rate=rate, activation="tanh"), {}))
        place = results.sel(hidden=label, learning_rate=rate, activation="tanh")
        for name, values in alone.history.items():
            np.testing.assert_allclose(place[name], values, rtol=1e-3, atol=1e-4)
        np.testing.assert_array_equal(place["best_epoch"], alone.best_epoch)


def selected(results, select_on="val_loss", best=np.argmin):
    """The setting with the best mean over seeds of the best epoch, in NumPy: (flat position, its best epochs)."""
    values = results[select_on].values.reshape(-1, results.sizes["seed"], results.sizes["epoch"])
    at_best = np.take_along_axis(values, best(values, axis=2)[..., None], axis=2)[..., 0]
    return int(best(at_best.mean(1)))


def describe(plan, trained, outcome):
    return describe_results(About("tiny", "Does it work?"), outcome, environment())


def test_the_selected_setting_is_best_on_validation(grid):
    """Oracle: NumPy on the recorded histories."""
    plan, _, outcome = grid
    setting = plan.settings[selected(outcome.results)].config
    attributes = describe(*grid).attrs
    assert json.loads(attributes["selected"]) == {
        "hidden": "-".join(map(str, setting.model.hidden)),
        "learning_rate": setting.hparams.learning_rate,
        "activation": "tanh",
    }
    assert attributes["selected_on"] == "val_loss"
    assert setting.hparams.learning_rate == 0.1, "the slow setting cannot be the best one"


def test_the_test_metrics_are_those_of_the_selected_members(grid):
    """Oracle: scikit-learn on the outputs of the selected setting's best parameters, applied one by one."""
    _, _, outcome = grid
    position = selected(outcome.results)
    test = outcome.data(position).test
    model, params, _ = outcome.variables(position)
    for seed in (0, 1):
        variables = {"params": jax.tree.map(lambda leaf, seed=seed: leaf[seed], params)}
        logits = np.asarray(model.apply(variables, test.x), np.float64)
        place = outcome.results.sel(seed=seed)
        predicted = logits.argmax(1)
        assert float(place["test_accuracy"]) == pytest.approx(sklearn.metrics.accuracy_score(test.y, predicted))
        np.testing.assert_array_equal(place["confusion"], sklearn.metrics.confusion_matrix(test.y, predicted))
        loss = sklearn.metrics.log_loss(test.y, scipy.special.softmax(logits, axis=1))
        assert float(place["test_loss"]) == pytest.approx(loss, rel=1e-4)


def test_members_are_tested_a_few_at_a_time_where_their_outputs_are_large(grid, monkeypatch):
    """30 rows of 3 classes are 360 bytes: one member at a time, to the same metrics."""
    plan, trained, outcome = grid
    members = []

    def predict(recipe, variables, x):
        members.append(len(jax.tree.leaves(variables)[0]))
        return predict_members(recipe, variables, x)

    monkeypatch.setattr("jaxnn.study.results.predict_members", predict)
    monkeypatch.setattr("jaxnn.study.results.OUTPUTS_AT_ONCE", 500)
    found = conclude(plan, trained).results
    assert members == [1, 1]
    xr.testing.assert_allclose(found, outcome.results, rtol=1e-6)
    monkeypatch.setattr("jaxnn.study.results.OUTPUTS_AT_ONCE", 720)
    assert conclude(plan, trained).results.identical(outcome.results)
    assert members == [1, 1, 2]


def test_the_best_parameters_give_the_best_validation_value(grid):
    plan, _, outcome = grid
    shape = (len(plan.settings), len(plan.seeds))
    best_epochs = outcome.results["best_epoch"].values.reshape(shape)
    histories = outcome.results["val_loss"].values.reshape(*shape, -1)
    for position, setting in enumerate(plan.settings):
        model, params, _ = outcome.variables(position)
        assert model == setting.recipe.model
        for seed in plan.seeds:
            variables = {"params": jax.tree.map(lambda leaf, seed=seed: leaf[seed], params)}
            logits = np.asarray(model.apply(variables, setting.data.validation.x), np.float64)
            loss = sklearn.metrics.log_loss(setting.data.validation.y, scipy.special.softmax(logits, axis=1))
            assert histories[position, seed].min() == pytest.approx(loss, rel=1e-4)
            assert histories[position, seed].argmin() + 1 == best_epochs[position, seed]


def with_test(plan, trained, change):
    """The same plan over data whose test split is `change`d, and the programs as they were trained."""
    changed = [dataclasses.replace(one.data, test=change(one.data.test)) for one in plan.settings]
    settings = [one._replace(data=data) for one, data in zip(plan.settings, changed, strict=True)]
    return plan._replace(settings=settings), trained


def test_the_test_set_has_no_say(grid):
    """Training is given the other splits alone; and with the test labels turned round everything but the test
    metrics has the same bits."""
    plan, trained, outcome = grid
    (data,) = plan.programs[0].data
    for given, split in zip(run_data(plan.programs[0]), (data.train, data.validation), strict=True):
        for array, own in zip(given, split, strict=True):
            np.testing.assert_array_equal(array, own)
    turned = conclude(*with_test(plan, trained, lambda test: test._replace(y=(test.y + 1) % 3)))
    without_test = lambda results: results.drop_dims(["true", "predicted"]).drop_vars(
        ["test_accuracy", "test_loss"]
    )
    xr.testing.assert_identical(without_test(turned.results), without_test(outcome.results))
    jax.tree.map(np.testing.assert_array_equal, turned.final, outcome.final)
    assert not np.array_equal(turned.results["test_accuracy"], outcome.results["test_accuracy"])


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_retraining_uses_training_and_validation_data_for_the_median_of_the_best_epochs(schedule):
    """Oracle: the run of one member on all those rows, by itself, cut at that epoch: a schedule is not squeezed."""
    plan, _, outcome = study({"learning_rate": (0.001, 0.3)}, final="retrain", epochs=6, schedule=schedule)
    results = outcome.results
    position = selected(results)
    epochs = int(np.median(results["best_epoch"].values[position]))
    data = merge(tiny_data(BLOBS))
    assert len(data.train.x) == 70
    recipe = plan.settings[position].recipe
    recipe = dataclasses.replace(recipe, run=dataclasses.replace(recipe.run, select_on="train_loss"))
    run = make_member_run(recipe, num_examples=70)

    @jax.jit
    def train(seed, x, y):
        keys, hparams, rows = run_keys(seed), plan.settings[position].hparams, RunData(Batch(x, y), None)
        return run.advance(run.init(keys, hparams, rows), keys, hparams, rows, 0, epochs).train.params

    assert plan.settings[position].hparams.learning_rate == 0.3
    for seed in (0, 1):
        found = jax.tree.map(lambda leaf, seed=seed: leaf[seed], outcome.final[0])
        expected = train(seed, jnp.asarray(data.train.x), jnp.asarray(data.train.y))
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4), found, expected)


def test_a_member_that_diverged_has_no_test_result(grid):
    """Seed 0 of every setting: its test metrics are NaN, its confusion matrix counts nothing."""
    plan, trained, _ = grid
    bad = [one._replace(diverged_at=np.array([7, -1] * 4)) for one in trained]
    results = conclude(plan, bad).results
    assert results["diverged_at"].values.reshape(4, 2).tolist() == [[7, -1]] * 4
    assert np.isnan(results["test_accuracy"]).values.tolist() == [True, False]
    assert np.isnan(results["test_loss"]).values.tolist() == [True, False]
    assert results["confusion"].sum(("true", "predicted")).values.tolist() == [0, 30]
    assert results["confusion"].dtype.kind == "i"


@pytest.mark.parametrize("final", ["best", "every"])
def test_a_member_without_a_best_epoch_has_no_test_result(grid, final):
    """Its parameters are those it began with: nobody may take them for what it learned."""
    plan, trained, _ = grid
    plan = plan._replace(config=dataclasses.replace(plan.config, final=final))
    never = np.array([0, 3] * 4)
    results = conclude(plan, [one._replace(best_epoch=never) for one in trained]).results
    assert np.isnan(results["test_accuracy"]).values.tolist() == [True, False]
    if final == "every":
        assert np.isnan(results["each_test_loss"]).values.reshape(4, 2).tolist() == [[True, False]] * 4


def test_a_study_in_which_all_diverge_selects_nothing(grid):
    plan, trained, _ = grid
    outcome = conclude(plan, [one._replace(diverged_at=np.arange(8)) for one in trained])
    assert outcome.final is None
    assert "test_loss" not in outcome.results
    assert json.loads(describe(plan, trained, outcome).attrs["selected"]) == {}


def test_without_a_test_set_nothing_is_tested(grid):
    plan, trained, _ = grid
    outcome = conclude(*with_test(plan, trained, lambda test: type(test)(test.x[:0], test.y[:0])))
    assert outcome.final is None
    assert "test_loss" not in outcome.results


def test_every_setting_is_tested_where_the_study_asks_about_all():
    """Oracle: scikit-learn on what each setting predicts, and for the selected one the same study with `best`."""
    plan, _, outcome = study({"learning_rate": (0.001, 0.1)}, final="every")
    results = outcome.results
    assert results["each_test_loss"].dims == results["each_test_accuracy"].dims == ("learning_rate", "seed")
    _, _, tested_once = study({"learning_rate": (0.001, 0.1)})
    best = results.sel(learning_rate=0.1)
    for name in ("test_loss", "test_accuracy"):
        np.testing.assert_array_equal(best[f"each_{name}"], tested_once.results[name])
        np.testing.assert_array_equal(results[name], tested_once.results[name])
    np.testing.assert_array_equal(results["confusion"], tested_once.results["confusion"])
    test = plan.settings[0].data.test
    for setting in (0, 1):
        found = results["each_test_accuracy"][setting]
        for logits, accuracy in zip(outcome.predict(setting, test.x), found, strict=True):
            assert float(accuracy) == pytest.approx(sklearn.metrics.accuracy_score(test.y, logits.argmax(1)))


def test_settings_of_a_padded_program_are_tested_as_by_themselves():
    """Oracle: `best`, which tests the network without its padding; the same up to rounding."""
    sweep = {"hidden": ((3,), (6,))}
    plan, _, outcome = study(sweep, final="every")
    assert plan.programs[0].padded
    _, _, tested_once = study(sweep)
    for name in ("test_loss", "test_accuracy"):
        np.testing.assert_allclose(outcome.results[name], tested_once.results[name], rtol=1e-5)


def test_without_a_test_set_every_setting_is_tested_on_nothing():
    """As with the other ways to end: no metrics, and no error."""
    _, _, outcome = study({"learning_rate": (0.001, 0.1)}, final="every", data=dataclasses.replace(BLOBS, test=0))
    assert not [name for name in outcome.results if "test" in str(name)]


def test_members_of_one_program_have_their_own_data():
    """Oracle: each setting studied by itself: the same histories up to rounding, and its own test set."""
    noises = (1.0, 3.0)
    _, trained, outcome = study({"noise": noises}, final="every")
    assert len(trained) == 1
    for noise in noises:
        data = dataclasses.replace(BLOBS, noise=noise)
        _, (alone,), by_itself = study({}, data=data)
        place = outcome.results.sel(noise=noise)
        for name, values in alone.history.items():
            np.testing.assert_allclose(place[name], values, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(place["each_test_loss"], by_itself.results["test_loss"], rtol=1e-4)


def test_variants_are_settings_of_several_fields():
    """Oracle: the same settings studied one by one."""
    variants = {"small": {"hidden": (3,), "epochs": 2}, "fast": {"learning_rate": 0.2, "hidden": (4,)}}
    _, _, outcome = study({"network": variants})
    assert outcome.results["network"].values.tolist() == ["small", "fast"]
    for label, fields in variants.items():
        _, (alone,), _ = study({}, **fields)
        place = outcome.results.sel(network=label)
        for name, values in alone.history.items():
            padding = np.full((2, 4 - values.shape[1]), np.nan)
            np.testing.assert_allclose(place[name], np.hstack([values, padding]), rtol=1e-4, atol=1e-5)


def test_early_stopping_is_in_the_results():
    """NaN after the epoch a member stopped at, which is patience records after its best; a run that did not stop
    early ended with its last epoch."""
    _, _, outcome = study({}, patience=1, epochs=20, learning_rate=1.0, seeds=4)
    results = outcome.results
    stopped, best = results["stopped_at"].values, results["best_epoch"].values
    early = stopped < 20
    assert early.any(), "no run stopped early: the test would show nothing"
    np.testing.assert_array_equal(stopped[early], best[early] + 1)
    np.testing.assert_array_equal(np.isfinite(results["val_loss"]).sum("epoch"), stopped)


def test_settings_of_different_length_share_the_axis_of_epochs():
    """Epochs 2, 4 of the shorter; its later ones are missing."""
    _, _, outcome = study({"epochs": (4, 8)}, model="linear", hidden=None, eval_every=2)
    results = outcome.results
    assert results["epoch"].values.tolist() == [2, 4, 6, 8]
    assert np.isfinite(results["val_loss"].sel(epochs=4)).sum("epoch").values.tolist() == [2, 2]
    assert np.isfinite(results["val_loss"].sel(epochs=8)).all()


def test_regression_and_reconstruction_have_losses_alone():
    plane = DataConfig("plane", num_examples=60, validation=10, test=10)
    _, _, outcome = study({}, data=plane, epochs=1)
    assert set(outcome.results.data_vars) == {
        "train_loss", "val_loss", "test_loss", "best_epoch", "stopped_at", "diverged_at"
    }  # fmt: skip
    _, _, outcome = study({}, model="autoencoder", hidden=(), code=1, epochs=1)
    assert "test_accuracy" not in outcome.results
    test = tiny_data(BLOBS).test.x
    errors = ((outcome.predict(0, test) - test) ** 2).mean((1, 2))
    np.testing.assert_allclose(outcome.results["test_loss"], errors, rtol=1e-5)


def test_what_is_saved_is_read_back(grid, tmp_path):
    results = describe(*grid)
    save_dataset(results, tmp_path / "results.nc")
    xr.testing.assert_identical(load_dataset(tmp_path / "results.nc"), results)
