"""A plan: settings fall into programs, and everything that cannot work is refused before anything is computed."""

import dataclasses

import jax
import pytest
from compilations import recorded_compilations
from tiny_studies import BLOBS, tiny_config, tiny_data

from jaxnn.data import load
from jaxnn.errors import InputError
from jaxnn.study import memory, plan_study
from jaxnn.study.memory import estimate_bytes
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


def member_bytes():
    """A member of `tiny_config` by hand, in bytes of four: see `estimate_bytes` for what is counted.

    Parameters 2*3 + 3 + 3*3 + 3 = 21, once in training and once as the best; sgd keeps one count, for its schedule;
    a counter of steps, the best epoch and its value, the epoch it stopped and the step it diverged at; a history of
    4 metrics over 4 epochs.
    """
    return 4 * (2 * 21 + 1 + 1 + 2 + 2 + 4 * 4)


def test_memory_is_counted_exactly_from_shapes():
    """Twice the state of every member, and the data (45 + 25 rows of two floats and a label) on both devices."""
    found = plan()
    program, hparams = found.programs[0], found.settings[0].hparams
    data_bytes = 70 * 3 * 4
    for num_members in (1, 1000):
        needed = estimate_bytes(program.recipe, program.data, hparams, num_members=num_members)
        assert needed == 2 * num_members * member_bytes() + 2 * data_bytes


def test_a_population_too_large_for_memory_is_refused(monkeypatch):
    """One byte less than the two settings of two seeds need, then as much as they need."""
    needed = 2 * 4 * member_bytes() + 2 * 70 * 3 * 4
    sweep = {"learning_rate": (0.1, 0.2)}
    monkeypatch.setattr(memory, "available_bytes", lambda: needed - 1)
    with pytest.raises(InputError, match=r"`seeds` and the sweep make 4 members of one program.*0.0 GiB are free"):
        plan(sweep)
    monkeypatch.setattr(memory, "available_bytes", lambda: needed)
    assert len(plan(sweep).settings) == 2


def test_a_million_members_are_refused_at_once():
    """By this machine's own memory, whatever it is: 64-1000-10 has 75,010 parameters, of which adam and the best
    so far make four copies, and the host holds them again: 2.2 TiB."""
    with pytest.raises(
        InputError, match=r"1,000,000 members .* 2[0-9]{3}\.[0-9] GiB; .* GiB are free: use fewer seeds"
    ):
        plan_study(
            tiny_config(seeds=1_000_000, hidden=(1000,), optimizer="adam"), {}, load=lambda config: load("digits")
        )


def test_settings_keep_what_the_configuration_says():
    found = plan({"learning_rate": (0.1, 0.2)}, l2=0.5, optimizer="adam")
    assert found.seeds == (0, 1)
    assert [s.config.hparams for s in found.settings] == [Hparams(0.1, l2=0.5), Hparams(0.2, l2=0.5)]
    assert [s.hparams.beta1 for s in found.settings] == [0.9, 0.9]
