"""A loaded run is the run.  Oracles: what the study recorded, and NumPy walking the layers in float64."""

import json
import shutil

import numpy as np
import pytest

from jaxnn.checkpoint import CheckpointError, load_last, save_checkpoint
from jaxnn.data import load, load_config
from jaxnn.errors import InputError
from jaxnn.saved import ensemble, evaluate_run, load_run, outputs, predictions
from jaxnn.study.results import load_dataset, save_dataset

SPLITS = {"train": 300, "validation": 60, "test": 50}


def digits():
    return load("digits", train=300, validation=60, test=50)


def walk(variables, x):
    """Dense, relu, (dropout,) dense in float64; positions of the layers are left to the order of their names."""
    first, last = (variables["params"][name] for name in sorted(variables["params"]))
    hidden = np.maximum(x.astype(np.float64) @ first["kernel"] + first["bias"], 0)
    return hidden @ last["kernel"] + last["bias"]


def test_every_setting_and_seed_gives_its_recorded_validation_metrics(digits_run):
    """The record at a member's best epoch is that of the parameters that were kept."""
    data = digits()
    x = data.validation.x.reshape(-1, 64) / 16
    for hidden in (5, 7):
        for rate in (0.003, 0.01):
            setting = {"hidden": hidden, "learning_rate": rate}
            for seed in range(3):
                run = load_run(digits_run, setting=setting, seed=seed)
                assert run.config.hparams.learning_rate == rate
                assert run.config.model.hidden == (hidden,)
                accuracy = (walk(run.variables, x).argmax(-1) == data.validation.y).mean()
                place = run.results.sel(hidden=hidden, learning_rate=rate, seed=seed)
                recorded = place.val_accuracy.sel(epoch=int(place.best_epoch))
                np.testing.assert_allclose(accuracy, recorded, atol=1e-6)


def test_the_model_is_a_pure_function_of_its_variables(digits_run):
    run = load_run(digits_run)
    x = digits().test.x
    expected = walk(run.variables, x.reshape(-1, 64) / 16)
    np.testing.assert_allclose(run.model.apply(run.variables, x / np.float32(16)), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(outputs(run, x), expected, rtol=1e-4, atol=1e-5)


def test_the_best_member_on_validation_is_the_default(digits_run):
    run = load_run(digits_run)
    selected = json.loads(run.results.attrs["selected"])
    best = run.results.sel(selected).val_accuracy.max("epoch")
    assert best.sel(seed=run.seed) == best.max()
    assert run.config.model.hidden == (selected["hidden"],)


def test_predictions_are_softmax_and_ensembles_their_mean(digits_run):
    run, x = load_run(digits_run), digits().test.x
    each = predictions(run, x, every_seed=True)
    np.testing.assert_allclose(each.sum(-1), 1, rtol=1e-5)
    np.testing.assert_array_equal(each[run.seeds.index(run.seed)], predictions(run, x))
    logits = outputs(run, x, every_seed=True).astype(np.float64)
    softmax = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    np.testing.assert_allclose(ensemble(run, x), softmax.mean(0), rtol=1e-4)


@pytest.fixture
def run_with_divergence(digits_run, tmp_path):
    """The run of digits as it would be had seed 1 of every setting diverged at step 4."""
    path = shutil.copytree(digits_run, tmp_path / "run")
    results = load_dataset(path / "results.nc")
    results["diverged_at"].loc[{"seed": 1}] = 4
    save_dataset(results, path / "results.nc")
    return path


def test_a_member_that_diverged_predicts_nothing(run_with_divergence, digits_run):
    """Oracle: the mean of the two other seeds, by the run in which all are well."""
    x, setting = digits().test.x, {"hidden": 7, "learning_rate": 0.01}
    run = load_run(run_with_divergence, setting=setting)
    well = predictions(load_run(digits_run, setting=setting), x, every_seed=True)
    assert (run.diverged_at.tolist(), run.usable.tolist()) == ([-1, 4, -1], [True, False, True])
    assert run.seed != 1
    np.testing.assert_allclose(ensemble(run, x), (well[0] + well[2]) / 2, rtol=1e-5)
    with pytest.raises(InputError, match="`seed` must be of a member that has a result, 0, 2; got 1"):
        load_run(run_with_divergence, setting=setting, seed=1)


def test_a_last_update_may_be_the_bad_one(table_run, tmp_path):
    """Trained again to parameters that are not numbers, as no step after it was there to see."""
    path = shutil.copytree(table_run, tmp_path / "run")
    checkpoint = load_last(path / "checkpoints" / "final")
    kernel = next(name for name in checkpoint.arrays if name.startswith("train/params") and "kernel" in name)
    checkpoint.arrays[kernel][0] = np.nan
    save_checkpoint(path / "checkpoints" / "final", checkpoint.number, checkpoint.arrays, checkpoint.about)
    run = load_run(path)
    assert (run.usable.tolist(), run.seed) == ([False, True], 1)
    assert run.diverged_at[0] == checkpoint.arrays["train/step"][0]
    assert np.isfinite(ensemble(run, load_config(run.config.data).test.x)).all()


def test_one_damaged_program_leaves_the_others_usable(digits_run, tmp_path):
    path = shutil.copytree(digits_run, tmp_path / "run")
    first, second = sorted((path / "checkpoints").glob("program-*"))
    for manifest in first.rglob("manifest.ocdbt"):
        manifest.write_bytes(b"")
    setting = load_last(second).about["settings"][0]
    hidden, rate = [(h, r) for h in (5, 7) for r in (0.003, 0.01)][setting]
    assert load_run(path, setting={"hidden": hidden, "learning_rate": rate}).config.model.hidden == (hidden,)


def test_one_output_tells_two_classes_apart(table_run):
    """A tanh output on its way from -1 to 1 is the probability of class 1; NumPy's tanh, and the record, judge."""
    run = load_run(table_run)
    test = load_config(run.config.data).test
    logits, shares = outputs(run, test.x, every_seed=True), predictions(run, test.x, every_seed=True)
    assert logits.shape == (2, len(test.x), 1)
    np.testing.assert_allclose(shares[..., 1:], (1 + np.tanh(logits)) / 2, atol=1e-6)
    hits = (shares.argmax(-1) == test.y[None]).mean(1)
    np.testing.assert_allclose(hits, run.results.test_accuracy, rtol=1e-6)


@pytest.mark.parametrize("fixture", ["digits_run", "table_run"])
def test_the_test_set_gives_what_was_recorded(fixture, request):
    """Also with members that were trained again on all rows, whose inputs are mapped and standardised."""
    path = request.getfixturevalue(fixture)
    found, recorded = evaluate_run(path), load_run(path).results
    for name in ("test_loss", "test_accuracy", "confusion"):
        np.testing.assert_array_equal(found[name].values, recorded[name].values)


def test_validation_is_evaluated_with_the_selected_members(table_run):
    found, results = evaluate_run(table_run, split="validation"), load_run(table_run).results
    np.testing.assert_allclose(found.validation_loss.values, results.val_loss.min("epoch").values, rtol=1e-6)


def test_other_data_are_refused(digits_run, tmp_path):
    other = shutil.copytree(digits_run, tmp_path / "run")
    description = json.loads((other / "config.json").read_text())
    description["config"]["data"]["data_seed"] = 1
    (other / "config.json").write_text(json.dumps(description))
    with pytest.raises(InputError, match=r"`test\.x` of `digits` must have SHA-256 \w{64}, as in the run; got"):
        evaluate_run(other)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": 3}, r"`seed` must be one of the run's, 0, 1, 2; got 3"),
        ({"setting": {"hidden": 6, "learning_rate": 0.003}}, r"`hidden` must be one of its swept values"),
        ({"setting": {"hidden": 5}}, r"`learning_rate` is swept and needs a value"),
        ({"setting": {"width": 5}}, r"`width` is not a known swept setting"),
    ],
)
def test_what_a_run_does_not_have(digits_run, options, message):
    with pytest.raises(InputError, match=message):
        load_run(digits_run, **options)


def test_what_is_not_a_finished_run(digits_run, tmp_path):
    with pytest.raises(InputError, match="is not the directory of a run"):
        load_run(tmp_path)
    cut = shutil.copytree(digits_run, tmp_path / "cut")
    (cut / "INCOMPLETE").write_text('{"state": "interrupted", "detail": "by SIGTERM", "date": ""}')
    with pytest.raises(InputError, match=r"is interrupted, not complete: `jaxnn resume"):
        load_run(cut)


def test_damaged_weights_are_not_used(digits_run, tmp_path):
    damaged = shutil.copytree(digits_run, tmp_path / "run")
    for folder in (damaged / "checkpoints").iterdir():
        for manifest in folder.rglob("manifest.ocdbt"):
            manifest.write_bytes(b"")
    with pytest.raises(CheckpointError, match="is whole"):
        load_run(damaged)
