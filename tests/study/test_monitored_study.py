"""A study that is monitored: the same results as one that is not, and samples that survive."""

import dataclasses

import jax
import numpy as np
import pytest
from tiny_studies import tiny_config, tiny_data

from jaxnn import population
from jaxnn.errors import InputError
from jaxnn.study import ModelConfig, plan_study
from jaxnn.study.board import own_tensors
from jaxnn.study.config import MonitorConfig
from jaxnn.study.members import program_members
from jaxnn.study.training import train_program

SWEEP = {"learning_rate": (0.05, 0.01)}
CONFIG = dataclasses.replace(tiny_config(seeds=3), monitoring=MonitorConfig(True, 2, (0, 2)))
# Three steps an epoch, two of them of full batches; every second of those is looked at.
STEPS = [0, 3, 6, 9]


@pytest.fixture(scope="module")
def quick_programs():
    """Programs are compiled in less time, to slower code; nothing of it is left behind."""
    population.make_population.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(population.program, "CPU_COMPILER_OPTIONS", {"xla_backend_optimization_level": 0})
        yield
    population.make_population.cache_clear()


@pytest.fixture(scope="module", params=["vmap", "map"])
def trained(request, quick_programs):
    """(unwatched, watched, what an observer saw of the watched one), all of one program."""
    programs, chunks = [], []
    for monitoring in (MonitorConfig(), CONFIG.monitoring):
        training = dataclasses.replace(CONFIG.training, execution=request.param)
        # Of the networks the soonest to compile: what is in a sample is no matter of the study.
        config = dataclasses.replace(CONFIG, model=ModelConfig("linear"), training=training, monitoring=monitoring)
        plan = plan_study(config, SWEEP, load=tiny_data)
        programs.append(train_program(plan, 0, observe=lambda _, chunk: chunks.append(chunk)))
    return *programs, [chunk for chunk in chunks if chunk.samples is not None]


def test_monitoring_changes_nothing_in_a_study(trained):
    """Up to rounding, since the monitored program is another one."""
    unwatched, watched, _ = trained
    same = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    for name in ("history", "best", "last", "best_epoch", "stopped_at", "diverged_at"):
        jax.tree.map(same, getattr(unwatched, name), getattr(watched, name))
    assert (unwatched.samples, unwatched.watched) == (None, ())


def test_the_watched_members_are_sampled_in_every_setting(trained):
    """Seeds 0 and 2 of two settings are members 0, 2, 3 and 5; settings share their first step, and no other."""
    _, watched, _ = trained
    assert watched.watched == (0, 2, 3, 5)
    assert watched.samples.taken.shape == (4, len(STEPS))
    assert watched.samples.taken.all()
    norms = watched.samples.gradient_norm
    np.testing.assert_array_equal(norms[:2, 0], norms[2:, 0])
    assert len(np.unique(norms[:, 1:])) == norms[:, 1:].size


def test_an_observer_sees_every_sample_once(trained):
    _, watched, chunks = trained
    assert len(chunks) > 1
    together = jax.tree.map(lambda *parts: np.concatenate(parts, axis=1), *(chunk.samples for chunk in chunks))
    jax.tree.map(np.testing.assert_array_equal, together, watched.samples)
    assert all(chunk.watched == watched.watched for chunk in chunks)


@pytest.mark.parametrize(
    ("monitoring", "message"),
    [
        (MonitorConfig(True, 0), "`monitor_every` must be a whole number of 1 or more; got 0"),
        (MonitorConfig(True, monitor_seeds=(1, 3)), "`monitor_seeds` must be among the seeds 0 to 2; got 3"),
    ],
)
def test_what_cannot_be_watched_is_refused(monitoring, message):
    with pytest.raises(InputError, match=message):
        plan_study(dataclasses.replace(CONFIG, monitoring=monitoring), SWEEP, load=tiny_data)


def test_a_padded_network_is_seen_as_if_it_were_not(quick_programs):
    """Whatever its depth and widths: no unit or layer that it has not is counted, none that it has is missed."""
    sweep = {"hidden": ((2,), (3, 4), (4, 2, 3))}
    seen = []
    for padding in ("auto", "never"):
        training = dataclasses.replace(CONFIG.training, padding=padding)
        plan = plan_study(dataclasses.replace(CONFIG, training=training), sweep, load=tiny_data)
        found = {}
        for position, program in enumerate(plan.programs):
            assert program.padded == (padding == "auto")
            trained = train_program(plan, position)
            for row, member in enumerate(trained.watched):
                setting, seed = program_members(plan, program)[member]
                samples = jax.tree.map(lambda leaf, row=row: leaf[row], trained.samples)
                found[setting, seed] = own_tensors(plan, program, setting, samples)[1]
        seen.append(found)
    assert set(seen[0]) == set(seen[1]) == {(setting, seed) for setting in range(3) for seed in (0, 2)}
    for watched, samples in seen[0].items():
        expected = seen[1][watched]
        same = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
        jax.tree.map(same, samples._replace(tensors=0), expected._replace(tensors=0))
        same(samples.tensors.statistics, expected.tensors.statistics)
        moved = np.abs(samples.tensors.counts - expected.tensors.counts).sum(-1)
        assert moved.max() <= 2  # a value on the edge of two bins
