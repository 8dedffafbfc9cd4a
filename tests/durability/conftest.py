"""What the tests of durability share: the uninterrupted run, and processes of the same study."""

import contextlib
import subprocess
import sys
from pathlib import Path

import jax
import pytest
import tiny_run
from jax.experimental.compilation_cache.compilation_cache import reset_cache

from jaxnn import runtime
from jaxnn.study import environment, publish


@contextlib.contextmanager
def quickly():
    """Without figures, which take longer than the training here; with the user's cache of compiled programs."""
    patch = pytest.MonkeyPatch()
    patch.setattr(publish, "publish", lambda *_: None)
    patch.setattr(environment, "_commit", tiny_run.same_commit)
    before = jax.config.jax_compilation_cache_dir
    runtime.use_compilation_cache()
    reset_cache()  # JAX decides once whether there is a cache
    yield
    jax.config.update("jax_compilation_cache_dir", before)
    reset_cache()
    patch.undo()


@pytest.fixture(scope="module", autouse=True)
def quick():
    """Every test here is quick."""
    with quickly():
        yield


@pytest.fixture(scope="session")
def uninterrupted(tmp_path_factory) -> Path:
    """The directory of the study, trained in one go in this process: the oracle of every resumed one."""
    output = tmp_path_factory.mktemp("uninterrupted") / "run"
    with quickly():
        tiny_run.run(output)
    return output


@pytest.fixture(scope="session")
def spawn(tmp_path_factory):
    """spawn(output, *flags) -> a process that trains the study."""
    folder = tmp_path_factory.mktemp("processes")
    started = []

    def start(output: Path, *flags: str) -> subprocess.Popen:
        journal = folder / f"journal-{len(started)}"
        command = [sys.executable, tiny_run.__file__, str(output), "--journal", str(journal), *flags]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        process.journal = journal
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stderr.close()
