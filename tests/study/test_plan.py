"""A plan: settings fall into programs, and everything that cannot work is refused before anything is computed."""

import dataclasses
import json
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from compilations import recorded_compilations
from tiny_studies import BLOBS, tiny_config, tiny_data

from jaxnn.data import DataConfig
from jaxnn.discover import experiment_files, load_experiment
from jaxnn.errors import InputError
from jaxnn.experiment import Preset
from jaxnn.study import ModelConfig, MonitorConfig, padding, plan_study, rundir
from jaxnn.study.publish import network_summaries, setup_rows
from jaxnn.study.reading import read_study
from jaxnn.study.sweep import settled, settled_config
from jaxnn.types import Hparams


def plan(sweep=None, **options):
    return plan_study(tiny_config(**options), sweep or {}, load=tiny_data)


def test_settings_that_differ_in_numbers_are_one_program():
    """24 settings; some have no penalty, some no dropout, some no momentum: terms that are shared."""
    swept = {
        "learning_rate": (0.1, 0.01, 0.001),
        "l2": (None, 0.1),
        "dropout_rate": (None, 0.2),
        "momentum": (None, 0.9),
    }
    found = plan(swept, optimizer="rmsprop")
    assert [program.settings for program in found.programs] == [tuple(range(24))]
    assert len({setting.hparams for setting in found.settings}) == 24
    # As one program needs it: all have the same terms.
    assert len({jax.tree.structure(setting.hparams) for setting in found.settings}) == 1


def test_settings_that_differ_in_shape_are_programs_of_their_own():
    """In sweep order 0..7: the activation outermost, then the number of examples, then the learning rate."""
    swept = {"activation": ("relu", "tanh"), "train": (40, 30), "learning_rate": (0.1, 0.2)}
    found = plan(swept)
    assert [program.settings for program in found.programs] == [(0, 1), (2, 3), (4, 5), (6, 7)]
    for program in found.programs:
        for position in program.settings:
            setting = found.settings[position]
            assert setting.recipe == program.recipe
            assert program.data == (tiny_data(setting.config.data),)


def test_data_sets_of_one_shape_share_a_program():
    """In sweep order: the noise, then the learning rate; each set is there once."""
    found = plan({"noise": (1.0, 2.0), "learning_rate": (0.1, 0.2)})
    (program,) = found.programs
    assert (program.settings, program.data_index) == ((0, 1, 2, 3), (0, 0, 1, 1))
    assert program.data == tuple(tiny_data(dataclasses.replace(BLOBS, noise=noise)) for noise in (1.0, 2.0))


@pytest.mark.parametrize(
    "sweep",
    [
        {"net": {"a": {}, "b": {"loss": "squared_error"}}},
        {"loss": ("softmax_cross_entropy", "squared_error")},
        {"model": ("mlp", "autoencoder")},
    ],
)
def test_losses_without_a_common_measure_are_not_selected_by(sweep):
    with pytest.raises(InputError, match=r"`select_on` must be .* are so.*, squ.*`--select-on val_accuracy`"):
        plan(sweep)


def test_losses_are_swept_where_accuracy_decides():
    assert len(plan({"loss": ("softmax_cross_entropy", "squared_error")}, select_on="val_accuracy").settings) == 2


def test_the_inputs_of_an_autoencoder_are_its_problem():
    assert plan({"standardize": (True, False)}, model="autoencoder").problem_axes == ("standardize",)
    assert plan({"standardize": (True, False)}).problem_axes == ()


def test_lists_are_values_as_tuples_are():
    assert plan({"hidden": [[3], [4, 5]]}).settings == plan({"hidden": ((3,), (4, 5))}).settings
    with pytest.raises(InputError, match=r"`learning_rate` must be swept over a sequence of values; got 0\.1"):
        plan({"learning_rate": 0.1})


@pytest.mark.parametrize(
    "options",
    [
        {"padding": "never"},
        {"gradients": "by-hand"},
        {"dropout_rate": 0.1},
        {"activity_l1": 0.1},
        {"batch_norm": True},
    ],
)
def test_small_mlps_share_a_padded_program_unless_something_is_in_the_way(options):
    swept = {"hidden": ((3,), (4, 2))}
    (program,) = plan(swept).programs
    assert program.padded
    assert [program.padded for program in plan(swept, **options).programs] == [False, False]


def test_networks_too_large_to_be_padded_train_apart(monkeypatch):
    """By hand: 16 examples a step, each of 2 (2*3 + 3*3) = 30 operations with 3 units, 40 with 4, 400 with 40."""
    monkeypatch.setattr(padding, "PAD_BELOW_FLOPS", 16 * 40)
    found = plan({"hidden": ((40,), (3,), (4,))})
    assert [(program.settings, program.padded) for program in found.programs] == [((0,), False), ((1, 2), True)]
    monkeypatch.setattr(padding, "PAD_BELOW_FLOPS", 16 * 40 - 1)
    assert not any(program.padded for program in plan({"hidden": ((3,), (4,))}).programs)


def test_data_are_loaded_once_for_each_configuration_of_them():
    loaded = []

    def load_and_note(config):
        loaded.append(config)
        return tiny_data(config)

    sweep = {"learning_rate": (0.1, 0.2), "noise": (1.0, 2.0)}
    plan_study(tiny_config(), sweep, load=load_and_note)
    assert loaded == [dataclasses.replace(BLOBS, noise=noise) for noise in (1.0, 2.0)]


def test_a_plan_compiles_nothing():
    with recorded_compilations() as compiled:
        plan({"hidden": ((3,), (5,))}, dropout_rate=0.1, optimizer="adam")
    assert not compiled


@pytest.mark.parametrize("seeds", [0, -1, 1.5, "2"])
def test_seeds_are_a_count(seeds):
    with pytest.raises(InputError, match="`seeds` must be a whole number of 1 or more"):
        plan(seeds=seeds)


def test_a_study_needs_validation_rows():
    data = dataclasses.replace(BLOBS, validation=0)
    with pytest.raises(InputError, match="`validation` must leave validation rows"):
        plan(data=data)


def test_one_setting_that_cannot_work_refuses_the_whole_study():
    with pytest.raises(InputError, match=r"`dropout_rate` must be .*got 1.5"):
        plan({"dropout_rate": (0.1, 1.5)})
    with pytest.raises(InputError, match="`batch_size` must be at most the 45 training examples"):
        plan({"batch_size": (16, 46)})
    with pytest.raises(InputError, match="`beta1` is not used by the optimizer `sgd`"):
        plan({"optimizer": ("adam", "sgd")}, beta1=0.5)


def test_losses_of_different_problems_choose_nothing_for_the_test_set():
    """Of a classification and a regression; where there is no test set, or all are tested, nothing is chosen."""
    sweep = {"dataset": ("circle", "plane")}

    def planned(final="best", **data):
        config = dataclasses.replace(tiny_config(), data=DataConfig("circle", num_examples=100, **data))
        return plan_study(dataclasses.replace(config, final=final), sweep)

    for final in ("best", "retrain"):
        with pytest.raises(InputError, match="`final` must be every where problems differ in their losses, here"):
            planned(final)
    assert planned(test=0, validation=20).problem_axes == ("dataset",)
    assert planned("every").problem_axes == ("dataset",)


def test_settings_keep_what_the_configuration_says():
    found = plan({"learning_rate": (0.1, 0.2)}, l2=0.5, optimizer="adam")
    assert found.seeds == (0, 1)
    assert [s.config.hparams for s in found.settings] == [Hparams(0.1, l2=0.5), Hparams(0.2, l2=0.5)]
    assert [s.hparams.beta1 for s in found.settings] == [0.9, 0.9]


def test_the_page_has_a_table_for_every_network():
    """Kernels of one width have one name, and are told apart by their settings; numbers make no other network."""
    kernels = {"layers": (("conv:2:3", "relu"), ("conv:2:1", "relu")), "learning_rate": (0.1, 0.2)}
    digits = dataclasses.replace(tiny_config(), data=DataConfig("digits", train=40), model=ModelConfig("cnn"))
    names = [name for name, _ in network_summaries(plan_study(digits, kernels))]
    assert names == [
        f"2 - relu - 10 (layers {words}, learning rate 0.1)" for words in ("conv:2:3-relu", "conv:2:1-relu")
    ]
    assert [name for name, _ in network_summaries(plan({"hidden": ((3,), (4,))}))] == [
        "3 - relu - 3",
        "4 - relu - 3",
    ]


def test_the_set_up_says_what_is_the_same_for_all():
    assert "Learning rate" in setup_rows(plan())
    varied = setup_rows(plan({"schedule": ("constant", "step"), "train": (30, 40)}))
    assert not {"Schedule", "Training / validation / test"} & set(varied)
    assert varied["Optimizer"] == setup_rows(plan())["Optimizer"]


def test_the_set_up_says_the_rate_where_the_schedule_is_swept_and_the_other_way_round():
    assert setup_rows(plan({"schedule": ("constant", "cosine")}, learning_rate=0.037))["Learning rate"] == "0.037"
    assert setup_rows(plan({"learning_rate": (0.1, 0.2)}, schedule="cosine"))["Schedule"] == "cosine"


def test_the_set_up_says_what_is_not_as_usual():
    """By hand: what `tiny_config` and this plan choose; of fields that are swept, or as usual, nothing."""
    given = {"l2": 0.01, "dropout_rate": 0.3, "patience": 2, "batch_norm": True, "hidden": (4, 3)}
    found = setup_rows(plan({"kernel_init": ("he_normal", "glorot_normal")}, **given))
    wanted = {"L2": "0.01", "Dropout rate": "0.3", "Patience": "2", "Batch norm": "True", "Hidden": "4-3"}
    assert {label: found.get(label) for label in wanted} == wanted
    data = {"Num examples": "100", "Num classes": "3", "Noise": "2"}
    usual = {"Data", "Training / validation / test", "Model", "Optimizer", "Learning rate", "Batch size"}
    assert set(found) == {*wanted, *data, *usual}


def test_numbers_of_numpy_are_numbers():
    """What is planned is what would be with those of Python, as JSON has them, and with tuples."""
    given = plan(
        {"batch_size": np.array([5, 15]), "hidden": [np.array([3, 2])]},
        data=dataclasses.replace(BLOBS, features=["x1", "x2"], noise=np.float64(2.0)),
        learning_rate=np.float32(0.25),
        epochs=np.int64(4),
    )
    wanted = plan(
        {"batch_size": (5, 15), "hidden": ((3, 2),)},
        data=dataclasses.replace(BLOBS, features=("x1", "x2")),
        learning_rate=0.25,
    )
    assert given.settings == wanted.settings
    assert json.dumps(rundir.plain(given.config)) == json.dumps(rundir.plain(wanted.config))


@pytest.mark.parametrize("name", sorted(experiment_files()))
def test_every_preset_is_read_back_as_it_was_written(name):
    """Or a run would be another study when it is resumed.  Whole numbers in fields of floats are among them."""
    for preset in load_experiment(experiment_files()[name]).presets.values():
        for one in preset.values() if isinstance(preset, Mapping) else [preset]:
            if isinstance(one, Preset):  # not a calculation
                held = {"config": settled_config(one.config), "sweep": settled(one.sweep)}
                written = json.dumps(rundir.plain(held))
                config, sweep = read_study(json.loads(written))
                assert json.dumps(rundir.plain({"config": config, "sweep": sweep})) == written


def test_whole_numbers_are_floats_where_a_field_is_one():
    given = plan({"rates": {"a": {"learning_rate": 1}, "b": {"l2": 0}}}, data=dataclasses.replace(BLOBS, noise=2))
    assert repr(given.config.data.noise) == "2.0"
    assert repr(given.sweep) == "{'rates': {'a': {'learning_rate': 1.0}, 'b': {'l2': 0.0}}}"
    assert repr(plan({"momentum": (0,)}, optimizer="momentum").sweep["momentum"]) == "(0.0,)"
    assert repr(given.config.data.num_examples) == "100"


def test_arrays_of_jax_are_numbers():
    assert plan({"learning_rate": jnp.array([0.25, 0.5])}).settings == plan({"learning_rate": (0.25, 0.5)}).settings


def test_what_is_no_study_is_refused():
    with pytest.raises(InputError, match="`data` must be a DataConfig; got 'moons'"):
        plan(data="moons")
    with pytest.raises(InputError, match=r"`sweep` must map fields to values.*got 'hidden=3'"):
        plan("hidden=3")


def test_a_study_trains_in_float32():
    with jax.enable_x64(True), pytest.raises(InputError, match="`jax_enable_x64` must be off where a study trains"):
        plan()


def test_somebody_is_watched_or_nobody():
    with pytest.raises(InputError, match="`monitor_seeds` must name a seed to look into; got none"):
        plan(monitoring=MonitorConfig(True, monitor_seeds=()))
    with pytest.raises(InputError, match="`monitor_every` is given, but nothing is looked into: add `monitor`"):
        plan(monitoring=MonitorConfig(monitor_every=10))
    with pytest.raises(InputError, match=r"`monitor_seeds` must be a tuple of seeds, as \(0,\); got 1"):
        plan(monitoring=MonitorConfig(True, monitor_seeds=1))
    with pytest.raises(InputError, match="`monitor_seeds` is given, but nothing is looked into"):
        plan(monitoring=MonitorConfig(monitor_seeds=(1,)))
