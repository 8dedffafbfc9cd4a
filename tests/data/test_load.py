"""Loading by name: what comes back, how it is divided, and the options that are refused."""

import dataclasses
import hashlib
import inspect
import subprocess
import sys

import numpy as np
import pytest
import tyro
from sklearn.datasets import load_digits

from jaxnn.data import DataConfig, array_sha256, available, load, load_config, merge
from jaxnn.data import digits as digits_module
from jaxnn.errors import InputError


def sorted_rows(x, y):
    rows = np.column_stack([np.asarray(x).reshape(len(x), -1), y])
    return rows[np.lexsort(rows.T)]


def joined(data):
    return tuple(np.concatenate([getattr(s, f) for s in (data.train, data.validation, data.test)]) for f in "xy")


def test_digits_are_scikit_learns():
    """Oracle: sklearn.datasets.load_digits."""
    data = load("digits")
    np.testing.assert_array_equal(sorted_rows(*joined(data)), sorted_rows(*load_digits(return_X_y=True)))
    assert data.train.x.shape[1:] == data.info.input_shape == (8, 8, 1)
    assert (data.train.x.dtype, data.train.y.dtype) == (np.uint8, np.int32)
    assert data.train.x.max() * data.info.scale == 1.0
    assert [len(s.y) for s in (data.train, data.validation, data.test)] == [1079, 359, 359]


def test_digits_come_through_scikit_learn_when_its_file_has_moved(monkeypatch):
    expected = digits_module._read_table()
    monkeypatch.setattr(digits_module.importlib.util, "find_spec", lambda name: None)
    np.testing.assert_array_equal(digits_module._read_table(), expected)


def test_importing_the_package_loads_nothing_heavy():
    """scikit-learn takes two seconds to import and TFDS one: digits and moons need neither, nor JAX."""
    code = (
        "import sys, jaxnn.data as d; d.load('digits'); d.load('moons');"
        "print([m for m in ('sklearn', 'tensorflow_datasets', 'tensorflow', 'jax', 'PIL') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_function_and_the_config_offer_the_same_options():
    parameters = dict(inspect.signature(load).parameters)
    assert parameters.pop("name")
    fields = {f.name: f.default for f in dataclasses.fields(DataConfig) if f.name != "dataset"}
    assert {name: p.default for name, p in parameters.items()} == fields
    assert all(p.kind is p.KEYWORD_ONLY for p in parameters.values())


def test_every_option_reaches_the_config(monkeypatch):
    """Each option is given a value of its own, so that two that were swapped would show."""
    from jaxnn.data import load as load_function

    module = sys.modules[load_function.__module__]
    given = {f.name: f"<{f.name}>" for f in dataclasses.fields(DataConfig) if f.name != "dataset"}
    monkeypatch.setattr(module, "load_config", lambda config: config)
    assert load_function("digits", **given) == DataConfig("digits", **given)


def test_the_config_reads_from_the_command_line_with_help_for_every_flag(capsys):
    arguments = "--dataset two_d/1 --validation 0.25 --test 100 --features x1 x1sq --noise 20 --label -1"
    config = tyro.cli(DataConfig, args=arguments.split())
    assert config == DataConfig(
        "two_d/1", validation=0.25, test=100, features=("x1", "x1sq"), noise=20.0, label=config.label
    )
    assert isinstance(config.test, int)
    assert int(config.label) == -1
    source = inspect.getsource(DataConfig)
    for field in dataclasses.fields(DataConfig):
        assert source.split(f"    {field.name}: ")[1].split("\n")[1].startswith('    """')


def test_load_and_load_config_are_the_same():
    one = load("moons", noise=0.1, data_seed=4, validation=50)
    other = load_config(DataConfig("moons", noise=0.1, data_seed=4, validation=50))
    assert one.info == other.info


def test_fingerprints_are_of_dtype_shape_and_bytes():
    data = load("blobs")
    x = data.test.x
    expected = hashlib.sha256(b"<f4 (100, 2) " + x.tobytes()).hexdigest()
    assert data.info.sha256["test.x"] == expected
    assert set(data.info.sha256) == {f"{s}.{f}" for s in ("train", "validation", "test") for f in "xy"}
    others = [x.astype(">f4"), np.asfortranarray(x), x.reshape(2, 100), x.astype(np.float64), x + 1]
    assert [array_sha256(a) == expected for a in others] == [True, True, False, False, False]


def test_merging_joins_training_and_validation_rows_only():
    data = load("digits", data_seed=2)
    merged = merge(data)
    np.testing.assert_array_equal(merged.train.x, np.concatenate([data.train.x, data.validation.x]))
    np.testing.assert_array_equal(merged.train.y, np.concatenate([data.train.y, data.validation.y]))
    assert merged.validation.x.shape == (0, 8, 8, 1)
    assert merged.test is data.test
    assert merged.info.sha256["test.x"] == data.info.sha256["test.x"]
    assert merged.info.sha256["train.x"] == array_sha256(merged.train.x) != data.info.sha256["train.x"]


def test_a_split_of_no_rows_is_there_and_empty():
    data = load("digits", validation=0, test=0)
    assert len(data.train.y) == 1797
    assert data.validation.x.shape == data.test.x.shape == (0, 8, 8, 1)


def test_training_rows_can_be_limited_without_touching_the_others():
    small, whole = load("digits", train=100), load("digits")
    assert len(small.train.y) == 100
    assert small.info.sha256["test.x"] == whole.info.sha256["test.x"]
    assert small.info.sha256["validation.x"] == whole.info.sha256["validation.x"]


def test_every_set_has_its_line():
    assert {"mnist", "fashion_mnist", "digits", "csv", "moons", "spiral_k", "two_d/Xor"} <= set(available())
    assert all(line and "\n" not in line for line in available().values())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fashion-mnist", "`fashion-mnist` is not a known dataset: did you mean `fashion_mnist`?"),
        ("Moons", "did you mean `moons`?"),
        ("multi-gauss", "did you mean `multi_gauss`?"),
        ("two_d/5", "did you mean `two_d/"),
        ("", "choose one of `blobs`"),
        (7, "`7` is not a known dataset"),
    ],
)
def test_unknown_names_are_answered_with_the_nearest(name, message):
    with pytest.raises(InputError, match=message):
        load(name)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("mnist", {"noise": 0.0}, "`noise` must be left out for `mnist`, which has no such option; got 0.0"),
        ("digits", {"num_examples": 100}, "`num_examples` must be left out for `digits`.*`moons`, `blobs`"),
        ("moons", {"num_arms": 3}, "It is for `spiral_k`."),
        ("spiral_k", {"num_classes": 3}, "It is for `blobs`."),
        ("moons", {"path": "a.csv"}, "It is for `csv`."),
        ("digits", {"label": 0}, "It is for `csv`."),
        ("moons", {"task": "regression"}, "It is for `csv`."),
        ("digits", {"resplit": True}, "It is for `mnist`, `fashion_mnist`, `two_d/1`"),
        ("two_d/3class", {"resplit": True}, "`resplit` must be left out for `two_d/3class`"),
        ("mnist", {"standardize": True}, "`standardize` must be left out for `mnist`"),
    ],
)
def test_an_option_that_means_nothing_to_the_set_is_refused(name, options, message):
    with pytest.raises(InputError, match=message):
        load(name, **options)
