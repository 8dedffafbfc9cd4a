"""The study in processes of its own, ended by what ends processes.  Oracle: the same study, trained in one go."""

import json
import random
import signal
import subprocess
import sys
import time

import pytest
import tiny_run
from durability_checks import assert_same_run, file_hashes, wait_for

from jaxnn.errors import InputError
from jaxnn.study.rundir import run_status

pytestmark = pytest.mark.once

PACE = "0.1"  # seconds before a chunk, so that a kill finds the study at work


def kill_at_random(spawn, output, *, kills: int, seed: int) -> list[str]:
    """Start the study, kill -9 it at a random instant, resume it, and so on; what it was doing each time."""
    draw, doing = random.Random(seed), []
    for _ in range(kills):
        process = spawn(output, "--resume", "--pace", PACE)
        wait_for(process, "ing")  # whatever it does first
        time.sleep(draw.uniform(0.0, 1.2))
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, "it was done before; make it slower"
        doing.append(process.journal.read_text())
    return doing


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 10))])
def test_killed_five_times(spawn, uninterrupted, tmp_path, record_property, seed):
    doing = kill_at_random(spawn, tmp_path / "run", kills=5, seed=seed)
    record_property("killed while", doing)
    print("killed while", doing)
    tiny_run.run(tmp_path / "run", resume=True)
    assert_same_run(tmp_path / "run", uninterrupted)


@pytest.mark.parametrize(
    ("phase", "count"),
    [
        ("saving", 1),
        ("committing", 3),
        pytest.param("deleting", 2, marks=pytest.mark.slow),
        pytest.param("committing", tiny_run.EPOCHS, marks=pytest.mark.slow),
        pytest.param("saving", 2 * tiny_run.EPOCHS + 1, marks=pytest.mark.slow),
        pytest.param("concluding", 1, marks=pytest.mark.slow),
        pytest.param("publishing", 1, marks=pytest.mark.slow),
    ],
)
def test_killed_at_a_certain_point(spawn, uninterrupted, tmp_path, phase, count):
    process = spawn(tmp_path / "run", "--signal", "SIGKILL", phase, str(count))
    assert process.wait(120) == -signal.SIGKILL, process.stderr.read()
    assert run_status(tmp_path / "run").state == "killed"
    tiny_run.run(tmp_path / "run", resume=True)
    assert_same_run(tmp_path / "run", uninterrupted)


@pytest.mark.parametrize(
    ("name", "phase", "status"),
    [("SIGTERM", "saving", 143), pytest.param("SIGINT", "training", 130, marks=pytest.mark.slow)],
)
def test_a_signal_saves_and_says_how_to_go_on(spawn, uninterrupted, tmp_path, name, phase, status):
    output = tmp_path / "run"
    process = spawn(output, "--signal", name, phase, "2")
    assert process.wait(120) == status
    last_line = process.stderr.read().splitlines()[-1]
    assert last_line == f"jaxnn: stopped by {name} and saved: continue with `jaxnn resume {output}`."
    assert run_status(output).state == "interrupted"
    logged = [json.loads(line)["epoch"] for line in (output / "log.jsonl").read_text().splitlines()]
    saved = max(int(path.name) for path in (output / "checkpoints" / "program-0").iterdir())
    assert saved == max(logged), "the chunk that was under way is saved"
    tiny_run.run(output, resume=True)
    assert_same_run(output, uninterrupted)


def test_two_signals_at_once_are_one_request(spawn, uninterrupted, tmp_path):
    """As a terminal that is closed sends them, by its shell and by the kernel."""
    output = tmp_path / "run"
    process = spawn(output, "--pace", "2")
    wait_for(process, "training")
    for _ in range(2):
        process.send_signal(signal.SIGTERM)
        time.sleep(0.02)  # or the kernel makes one of them
    assert process.wait(120) == 143
    assert run_status(output).state == "interrupted"
    tiny_run.run(output, resume=True)
    assert_same_run(output, uninterrupted)


def test_a_second_signal_ends_at_once(spawn, tmp_path):
    """Also in the middle of a chunk that takes an hour."""
    process = spawn(tmp_path / "run", "--pace", "3600")
    wait_for(process, "training")
    process.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 143


def test_a_second_writer_is_refused_until_the_first_is_gone(spawn, uninterrupted, tmp_path):
    output = tmp_path / "run"
    process = spawn(output, "--pace", "3600")
    wait_for(process, "training")
    before = file_hashes(output)
    assert run_status(output).state == "running"
    for options in ({"resume": True}, {"overwrite": True}):
        with pytest.raises(InputError, match=rf"in use by another process \(process {process.pid} on "):
            tiny_run.run(output, **options)
    assert file_hashes(output) == before
    process.kill()
    process.wait()
    assert run_status(output).state == "killed"
    tiny_run.run(output, resume=True)  # the lock of a dead process locks nobody out
    assert_same_run(output, uninterrupted)


def test_a_full_disk_fails_the_run_and_costs_nothing(spawn, uninterrupted, tmp_path):
    """Files may not grow beyond 6,000 bytes: the log and the manifest of a checkpoint are longer."""
    output = tmp_path / "run"
    process = spawn(output, "--max-file-bytes", "6000")
    assert process.wait(120) == 1
    message = process.stderr.read().splitlines()[-1]
    assert message.startswith("jaxnn: checkpoint `") or "File too large" in message
    assert run_status(output).state in ("failed", "killed")
    tiny_run.run(output, resume=True)
    assert_same_run(output, uninterrupted)


def test_ctrl_c_before_anything_is_trained_ends_the_process():
    """Also where Python reports an exception and goes on, as in a hook of the garbage collector, which JAX has."""
    script = """
import gc, os, signal, sys
import jaxnn.cli
signal.signal(signal.SIGINT, signal.default_int_handler)  # it is ignored where these tests run in the background
module = sys.modules["jaxnn.cli.main"]
def dispatch(arguments):
    gc.callbacks.append(lambda *_: os.kill(os.getpid(), signal.SIGINT))
    gc.collect()
    return 0
module._dispatch = dispatch
sys.exit(module.main())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "\njaxnn: interrupted\n")
