"""What the tests of durability compare, and wait for."""

import hashlib
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
    """Two finished runs agree to the bit, in their results and their logs."""
    assert (found / "log.jsonl").read_bytes() == (expected / "log.jsonl").read_bytes()
    assert not (found / "INCOMPLETE").exists()
    one, other = (xr.load_dataset(path / "results.nc", engine="h5netcdf") for path in (found, expected))
    assert set(one.variables) == set(other.variables)
    for name in one.variables:
        np.testing.assert_array_equal(one[name].values, other[name].values, err_msg=name)


def file_hashes(folder: Path) -> dict[str, tuple[str, int]]:
    """Content and time of change of every file below a folder."""
    return {
        str(path.relative_to(folder)): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
