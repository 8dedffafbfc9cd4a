"""Sweeps: the product of the swept values, their words on the command line, and what is refused."""

import dataclasses
import itertools

import pytest

from jaxnn.errors import InputError
from jaxnn.study import ModelConfig, StudyConfig
from jaxnn.study.sweep import expand, parse_sweep, places, problem_axes, sweepable, swept_value_coordinate
from jaxnn.types import Hparams

CONFIG = StudyConfig(model=ModelConfig(activation="tanh"), hparams=Hparams(0.5, l2=0.1), seeds=2)


def test_settings_are_the_product_with_the_last_field_fastest():
    """Oracle: `itertools.product`, and every other field as it was."""
    sweep = {"hidden": ((4,), (8, 8)), "learning_rate": (0.1, 0.2, 0.3), "epochs": (5,)}
    settings = expand(CONFIG, sweep)
    found = [(s.model.hidden, s.hparams.learning_rate, s.training.epochs) for s in settings]
    assert found == list(itertools.product(*sweep.values()))
    for setting in settings:
        assert setting.model.activation == "tanh"
        assert setting.hparams.l2 == 0.1
        assert (setting.data, setting.seeds) == (CONFIG.data, 2)


def test_variants_set_several_fields_at_once():
    """Written out by hand; the places say which variant a setting is of."""
    sweep = {"network": {"a": {"hidden": (4,), "optimizer": "sgd"}, "b": {}}, "learning_rate": (0.1, 0.2)}
    found = [(s.model.hidden, s.training.optimizer, s.hparams.learning_rate) for s in expand(CONFIG, sweep)]
    assert found == [((4,), "sgd", 0.1), ((4,), "sgd", 0.2), (None, "adam", 0.1), (None, "adam", 0.2)]
    assert places(sweep) == [{"network": n, "learning_rate": r} for n, r in itertools.product("ab", (0.1, 0.2))]


def test_no_sweep_is_one_setting():
    assert expand(CONFIG, {}) == [CONFIG]


def test_a_field_has_one_name_in_the_whole_configuration():
    """So that `--sweep hidden=16` needs no path; and none has the name of a dimension of the results."""
    sections = [type(getattr(CONFIG, name)) for name in ("data", "model", "training", "hparams")]
    names = [field.name for section in sections for field in dataclasses.fields(section)]
    assert len(names) == len(set(names))
    assert not {"seed", "epoch", "true", "predicted"} & set(sweepable())


@pytest.mark.parametrize(
    ("words", "sweep"),
    [
        (["learning_rate=1e-3,1e-2"], {"learning_rate": (0.001, 0.01)}),
        (["hidden=16,64,100-10,none"], {"hidden": ((16,), (64,), (100, 10), ())}),
        (["features=x1+x2,x1x2"], {"features": (("x1", "x2"), ("x1x2",))}),
        (["layers=conv:8+relu,conv:16:5:2:valid+tanh"],
         {"layers": (("conv:8", "relu"), ("conv:16:5:2:valid", "tanh"))}),
        (["batch_size=16,full"], {"batch_size": (16, "full")}),
        (["patience=none,5"], {"patience": (None, 5)}),
        (["batch_norm=true,False"], {"batch_norm": (True, False)}),
        (["validation=0.25,100"], {"validation": (0.25, 100)}),
        (["dropout-rate=0, 0.5"], {"dropout_rate": (0.0, 0.5)}),
        (["model=mlp,linear", "epochs=3"], {"model": ("mlp", "linear"), "epochs": (3,)}),
        ([], {}),
    ],
)  # fmt: skip
def test_words_of_the_command_line(words, sweep):
    parsed = parse_sweep(words)
    assert parsed == sweep
    for name, values in parsed.items():
        assert [type(value) for value in values] == [type(value) for value in sweep[name]]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["learning_rte=1"], "`learning_rte` is not a known field to sweep: did you mean `learning_rate`"),
        (["select_on=val_loss"], "`select_on` is not a known field to sweep"),
        (["seeds=1,2"], "`seeds` is not a known field to sweep"),
        (["learning_rate"], "`--sweep learning_rate` must be a field and its values"),
        (["learning_rate="], "must be a field and its values"),
        (["=0.1"], "`--sweep =0.1` must be a field and its values"),
        (["learning_rate=fast"], "`learning_rate` must be a number; got `fast`"),
        (["learning_rate=0.1,,0.2"], "`learning_rate` must be a number; got ``"),
        (["epochs=1.5"], "`epochs` must be a whole number; got `1.5`"),
        (["hidden=16-a"], "`hidden` must be whole numbers or none; got `16-a`"),
        (["batch_size=half"], "`batch_size` must be a whole number or `full`; got `half`"),
        (["batch_norm=yes"], "`batch_norm` must be true or false or none; got `yes`"),
        (["epochs=1", "epochs=2"], "`epochs` is swept twice; give all its values in one `--sweep`"),
    ],
)
def test_other_words_are_refused(words, message):
    with pytest.raises(InputError, match=message):
        parse_sweep(words)


@pytest.mark.parametrize(
    ("sweep", "message"),
    [
        ({"learning_rte": (1.0,)}, "`learning_rte` is not a known field to sweep: did you mean `learning_rate`"),
        ({"epochs": ()}, "`epochs` is swept over no values"),
        ({"epochs": (1, 2, 1)}, "`epochs` is swept over 1 twice"),
        ({"learning_rate": (1, 1.0)}, "`learning_rate` is swept over 1.0 twice"),
        ({"seed": {"a": {}}}, "`seed` cannot be the name of variants"),
        ({"hidden": {"a": {}}}, "`hidden` cannot be the name of variants"),
        ({"best_epoch": {"a": {}}}, "`best_epoch` cannot be the name of variants"),
        ({"net": {}}, "`net` is swept over no values"),
        (
            {"lr/wd": {"a": {}}},
            "`lr/wd` cannot be the name of variants: that names a dimension",
        ),
        ({"": {"a": {}}}, "`` cannot be the name of variants"),
        ({".": {"a": {}}}, "`.` cannot be the name of variants"),
        (
            {"net": {"a": {"hiden": (4,)}}},
            "`hiden` is not a known field of the variant `a` of `net`: did you mean `hidden`",
        ),
        ({"net": {"a": {"hidden": (4,)}}, "hidden": ((3,),)}, "`hidden` is set by two axes, `net` and `hidden`"),
    ],
)
def test_sweeps_without_a_meaning_are_refused(sweep, message):
    with pytest.raises(InputError, match=message):
        expand(CONFIG, sweep)


@pytest.mark.parametrize(
    ("value", "coordinate"),
    [
        (0.1, 0.1), (3, 3), ("relu", "relu"), ((16,), 16), ((100, 10), "100-10"), ((), "none"), (None, "none"),
        (True, "True"), (("x1", "x2"), "x1-x2"), (("x1",), "x1"),
    ],
)  # fmt: skip
def test_coordinates_are_numbers_or_words(value, coordinate):
    found = swept_value_coordinate(value)
    assert found == coordinate
    assert type(found) is type(coordinate)


def test_axes_that_change_what_is_judged_are_problems():
    """Data sets, folds and redrawn data are, where there are several; features, networks, training rows are not."""
    sweep = {
        "dataset": ("moons", "circle"),
        "features": (("x1",), ("x2",)),
        "train": (10, 20),
        "hidden": ((3,), (4,)),
        "fold": (0, 1),
        "data_seed": (7,),
        "problem": {"one": {"noise": 0.1, "hidden": (3,)}, "two": {"hidden": (4,)}},
        "kind": {"one": {"hidden": (3,)}, "two": {"learning_rate": 0.1}},
    }
    assert problem_axes(sweep) == ("dataset", "fold", "problem")
    assert problem_axes(sweep, reconstructs=True) == ("dataset", "features", "fold", "problem")
