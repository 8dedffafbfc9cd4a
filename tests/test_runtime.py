"""Starting JAX: cores, devices, the cache of compiled programs, and what cannot be started."""

import os
import subprocess
import sys
from pathlib import Path

import jax
import pytest

from jaxnn import runtime
from jaxnn.errors import InputError


def test_cores_are_those_this_process_may_use(monkeypatch):
    monkeypatch.delenv("NPROC", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 2, 5}, raising=False)
    assert runtime.num_cores() == 3


@pytest.mark.parametrize(
    ("limit", "cores"), [("2", 2), ("1", 1), ("8", 3), ("0", 3), ("-1", 3), ("many", 3), ("", 3)]
)
def test_nproc_lowers_the_number_of_cores(limit, cores, monkeypatch):
    monkeypatch.setenv("NPROC", limit)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 2, 5}, raising=False)
    assert runtime.num_cores() == cores


@pytest.mark.parametrize(("quota", "cores"), [(1.5, 2), (0.5, 1), (64.0, 3)])
def test_the_quota_of_a_container_lowers_the_number_of_cores(quota, cores, monkeypatch):
    monkeypatch.delenv("NPROC", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 2, 5}, raising=False)
    monkeypatch.setattr(runtime, "container_cores", lambda: quota)
    assert runtime.num_cores() == cores


@pytest.mark.parametrize(
    "chosen", [{"XLA_FLAGS": "--xla_force_host_platform_device_count=5"}, {"JAX_NUM_CPU_DEVICES": "5"}]
)
def test_devices_that_the_user_chose_stay(chosen, tmp_path):
    script = "import jax; from jaxnn import runtime; runtime.start(platform='cpu'); print(jax.device_count())"
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), **chosen}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout.split() == ["5"]


def test_the_cache_is_where_the_desktop_keeps_its_caches(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert runtime.cache_dir() == Path("/somewhere/jaxnn")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert runtime.cache_dir() == Path.home() / ".cache" / "jaxnn"


def test_what_cannot_be_started_is_refused():
    """JAX is running with two devices in this process: three cannot be had any more."""
    assert jax.device_count() == 2
    with pytest.raises(InputError, match=r"`platform` default with 3 CPU devices cannot be started.*before"):
        runtime.start(cpu_devices=3)
    with pytest.raises(InputError, match="`cpu_devices` must be 1 or more; got 0"):
        runtime.start(cpu_devices=0)
    with pytest.raises(InputError, match="`gpu` is not a known platform: did you mean `tpu`"):
        runtime.start(platform="gpu")


@pytest.mark.parametrize("platform", ["cuda", "tpu"])
def test_a_platform_that_is_not_there_is_one_sentence(platform, tmp_path):
    """From the command line, where nothing has started JAX yet; whatever JAX itself raises."""
    script = "import sys; from jaxnn.cli import main; sys.exit(main())"
    arguments = ["run", "widths", "--preset", "quick", "--platform", platform, "--epochs", "0"]
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    if "`epochs`" in done.stderr:
        pytest.skip(f"this machine has a {platform}")
    assert done.stderr.startswith(f"jaxnn: `platform` {platform} with")
    assert done.stderr.count("\n") == 1
    assert "cannot be started" in done.stderr


def test_a_process_starts_with_its_devices_and_keeps_what_it_compiled(tmp_path):
    """Three devices on any machine, strict broadcasting in debug mode; the program that took long is on disk."""
    script = """
import jax
from jaxnn import runtime
runtime.start(platform="cpu", cpu_devices=3, debug=True)
print(jax.device_count(), jax.default_backend(), jax.config.jax_numpy_rank_promotion)
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
jax.jit(lambda x: x * 2)(1.0)
"""
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    command = [sys.executable, "-W", "error", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.split() == ["3", "cpu", "raise"]
    assert any((tmp_path / "jaxnn" / "compiled").iterdir())
