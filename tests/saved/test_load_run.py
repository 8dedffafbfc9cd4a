"""A loaded run is the run.  Oracles: what the study recorded, and NumPy walking the layers in float64."""

import json
import shutil

import numpy as np
import pytest

from jaxnn.checkpoint import CheckpointError
from jaxnn.data import load, load_config
from jaxnn.errors import InputError
from jaxnn.saved import ensemble, evaluate_run, load_run, outputs, predictions

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
