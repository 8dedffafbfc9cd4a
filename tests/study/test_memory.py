"""The memory of a study is known before any is used.  Oracles: a count by hand, and the operating system's."""

import json
import subprocess
import sys

import pytest
from tiny_studies import tiny_config, tiny_data

from jaxnn.data import load
from jaxnn.errors import InputError
from jaxnn.study import MonitorConfig, memory, plan_study
from jaxnn.study.memory import Memory, estimate_memory


def plan(sweep=None, **options):
    return plan_study(tiny_config(**options), sweep or {}, load=tiny_data)


def member_bytes():
    """A member of `tiny_config` by hand, in bytes of four: see `estimate_memory` for what is counted.

    Parameters 2*3 + 3 + 3*3 + 3 = 21, once in training and once as the best; sgd keeps one count, for its schedule;
    a counter of steps, the best epoch and its value, the epoch it stopped and the step it diverged at; a history of
    4 metrics over 4 epochs.
    """
    return 4 * (2 * 21 + 1 + 1 + 2 + 2 + 4 * 4)


# Two inputs, flat, three units before and after the activation, three outputs, of a batch of 16: more than the
# widest two layers of the 25 rows for validation.
ACTIVATION_BYTES = 4 * 16 * (2 + 2 + 3 + 3 + 3)
DATA_BYTES = 2 * 70 * 3 * 4  # 45 + 25 rows of two floats and a label, on both devices


def test_memory_is_counted_exactly_from_shapes():
    """Two copies of every member's state, its activations and the data on the devices, six copies on the host."""
    found = plan()
    program, hparams = found.programs[0], found.settings[0].hparams
    for num_members in (1, 1000):
        needed = estimate_memory(program.recipe, program.data, hparams, num_members=num_members)
        on_devices = num_members * (2 * member_bytes() + ACTIVATION_BYTES)
        assert needed == (on_devices + DATA_BYTES, 6 * num_members * member_bytes())


def test_vectorised_members_with_data_of_their_own_have_copies():
    """Two sets of the same size, on both devices, and one of them for each of 7 members; one set has no copies."""
    found = plan({"noise": (1.0, 2.0)})
    (program,) = found.programs
    needed = estimate_memory(program.recipe, program.data, found.settings[0].hparams, num_members=7)
    assert needed.devices == 7 * (2 * member_bytes() + ACTIVATION_BYTES + DATA_BYTES // 2) + 2 * DATA_BYTES


def test_a_monitored_population_has_a_place_for_its_samples():
    """By hand: 15 tensors (of two dense layers weights and biases, their gradients and updates, and net inputs; one
    activation) of 10 statistics and 32 counts, two norms, and a byte that says whether there is anything."""
    plain, monitored = plan(), plan(monitoring=MonitorConfig(True, monitor_every=2))
    needed = [
        estimate_memory(
            one.programs[0].recipe, one.programs[0].data, one.settings[0].hparams, num_members=7, num_watched=3
        )
        for one in (plain, monitored)
    ]
    sampling, sample_bytes = monitored.programs[0].recipe.run.sampling(45), 4 * (15 * 42 + 2) + 1
    assert needed[1].devices - needed[0].devices == 2 * 7 * sampling.capacity * sample_bytes
    num_looks = len(sampling.steps(0, sampling.num_records))
    assert needed[1].host - needed[0].host == 6 * 3 * num_looks * sample_bytes


def test_the_members_of_a_program_share_its_places_for_samples():
    """By hand: of 2 seeds all 30 samples have a place (a look every 2 batches, an epoch); the rest share 4,096.

    Of two programs each has as many; the recipe of a setting is that of its program.
    """
    places = {}
    for seeds in (2, 400, 4_000):
        found = plan(
            {"activation": ("relu", "tanh")},
            monitoring=MonitorConfig(True, monitor_every=2),
            epochs=30,
            seeds=seeds,
        )
        assert [setting.recipe for setting in found.settings] == [program.recipe for program in found.programs]
        (places[seeds],) = {one.recipe.run.sampling(one.num_train).capacity for one in found.programs}
    assert places == {2: 30, 400: 4096 // 400, 4_000: 1}


def test_a_population_too_large_for_memory_is_refused(monkeypatch):
    """On a CPU, where devices and host share: a byte less than 2 settings of 2 seeds need, then what they need."""
    needed = 4 * (8 * member_bytes() + ACTIVATION_BYTES) + DATA_BYTES
    sweep = {"learning_rate": (0.1, 0.2)}
    monkeypatch.setattr(memory, "free_memory", lambda: Memory(2**60, needed - 1))
    with pytest.raises(InputError, match=r"sweep make 4 members of one program.* on the host; 0.0 MiB are free"):
        plan(sweep)
    monkeypatch.setattr(memory, "free_memory", lambda: Memory(0, needed))
    assert len(plan(sweep).settings) == 2


@pytest.mark.parametrize("place", ["devices", "host"])
def test_an_accelerator_and_its_host_are_asked_apart(place, monkeypatch):
    """Each with as much as it needs, then the one with a byte less."""
    enough = Memory(2 * (2 * member_bytes() + ACTIVATION_BYTES) + DATA_BYTES, 6 * 2 * member_bytes())
    monkeypatch.setattr("jax.default_backend", lambda: "gpu")
    monkeypatch.setattr(memory, "free_memory", lambda: enough)
    plan()
    monkeypatch.setattr(memory, "free_memory", lambda: enough._replace(**{place: getattr(enough, place) - 1}))
    with pytest.raises(InputError, match=f"MiB on the {place}; 0.0 MiB are free"):
        plan()


def test_a_million_members_are_refused_at_once():
    """By this machine's own memory, whatever it is: 64-1000-10 has 75,010 parameters, of which adam and the best
    so far make four copies, and eight copies of that: 8.7 TiB."""
    with pytest.raises(
        InputError,
        match=r"1,000,000 members .* 8,9[0-9]{2}\.[0-9] GiB on the host; .* GiB are free: use fewer seeds",
    ):
        plan_study(
            tiny_config(seeds=1_000_000, hidden=(1000,), optimizer="adam"), {}, load=lambda config: load("digits")
        )


SAVED_AT_EVERY_RECORD = """
import json, resource, sys
from jaxnn import runtime
runtime.start(platform="cpu")
import orbax.checkpoint.experimental.v1
from jaxnn.data import DataConfig
from jaxnn.study import CheckpointConfig, ModelConfig, StudyConfig, TrainConfig, plan_study, publish, run_study
from jaxnn.study.memory import estimate_memory
publish.publish = lambda *_: None
data = DataConfig("digits", train=50, validation=50, test=0)
config = StudyConfig(data, ModelConfig("mlp", hidden=(4000,)), TrainConfig(epochs=6, batch_size="full"), seeds=40)
plan = plan_study(config, {})
program = plan.programs[0]
needed = estimate_memory(program.recipe, program.data, plan.settings[0].hparams, num_members=40)
peak = lambda: 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = peak()
run_study(config, {}, output=sys.argv[1], checkpoints=CheckpointConfig(checkpoint_epochs=1))
print(json.dumps({"needed": sum(needed), "used": peak() - before}))
"""


@pytest.mark.slow
def test_a_study_uses_the_memory_that_was_estimated(tmp_path):
    """The peak that the operating system saw, of a population of 180 MiB that is saved at every record."""
    command = [sys.executable, "-c", SAVED_AT_EVERY_RECORD, str(tmp_path / "run")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    memory = json.loads(done.stdout.splitlines()[-1])
    assert 0.7 * memory["needed"] < memory["used"] < 1.2 * memory["needed"]


def test_what_is_free_is_free_in_the_container_too(monkeypatch):
    monkeypatch.setattr(memory, "container_memory", lambda: 12_345)
    assert memory.free_memory().host == 12_345
