"""What the tests of durability compare, and wait for."""

import hashlib
import json
import subprocess
import time
from pathlib import Path

import numpy as np
import xarray as xr


def wait_for(process: subprocess.Popen, phase: str, *, seconds: float = 120) -> None:
    """Wait until a process has said that it is in `phase`."""
    until = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < until:
        if process.journal.exists() and phase in process.journal.read_text():
            return
        time.sleep(0.01)
    raise AssertionError(f"never {phase}: {process.stderr.read() if process.poll() is not None else 'too slow'}")


def assert_same_run(found: Path, expected: Path) -> None:
    """Two finished runs agree to the bit: results, logs, and the whole last state of every program."""
    assert (found / "log.jsonl").read_bytes() == (expected / "log.jsonl").read_bytes()
    assert not (found / "INCOMPLETE").exists()
    one, other = (xr.load_dataset(path / "results.nc", engine="h5netcdf") for path in (found, expected))
    assert set(one.variables) == set(other.variables)
    for name in one.variables:
        np.testing.assert_array_equal(one[name].values, other[name].values, err_msg=name)
    programs = {path.name for path in (expected / "checkpoints").iterdir()}
    assert programs == {"program-0", "program-1", "final"}
    for program in programs:
        state, oracle = (last_state(path / "checkpoints" / program) for path in (found, expected))
        assert state == oracle, program


def last_state(program: Path) -> dict:
    """Shape, dtype and SHA-256 of every array of a program's last checkpoint, which was proven to hold them."""
    last = max(path for path in program.iterdir() if path.name.isdecimal())
    return json.loads((last / "manifest.json").read_text())["arrays"]


def file_hashes(folder: Path) -> dict[str, tuple[str, int]]:
    """Content and time of change of every file below a folder."""
    return {
        str(path.relative_to(folder)): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
