"""The directory of one run: claimed before training, filled as it goes, marked until it is complete.

config.json     everything needed to run it again
log.jsonl       one line for every member and record
results.nc      the results, an xarray dataset as netCDF
figures/        PNG and SVG
report.html     the report, one self-contained file
INCOMPLETE      there while the run is not finished, and after one that failed
"""

import dataclasses
import json
import math
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import jax

from jaxnn.errors import InputError

MARKER = "INCOMPLETE"
PACKAGES = ("jaxnn", "jax", "jaxlib", "flax", "optax", "numpy", "scikit-learn", "xarray")


def default_output(name: str, now: datetime) -> Path:
    """A directory of its own for every run: runs/widths-20260131-120000."""
    return Path("runs") / f"{name}-{now:%Y%m%d-%H%M%S}"


def claim(path: Path, *, overwrite: bool) -> None:
    """Make `path` the directory of a new run.

    Args:
        path: it must not exist, or be empty.
        overwrite: replace an earlier run there; anything else that is there is never removed.

    Raises:
        InputError: the place is taken, is not a directory, or cannot be written.
    """
    if path.exists() and not path.is_dir():
        raise InputError(f"`--output {path}` must be a directory, and is a file: choose another.")
    if path.is_dir() and any(path.iterdir()):
        if not overwrite:
            raise InputError(
                f"`--output {path}` holds an earlier run: choose another directory, or `--overwrite` to replace it."
            )
        if not (path / "config.json").is_file():
            raise InputError(
                f"`--output {path}` is not a run of jaxnn and will not be overwritten: choose another."
            )
        shutil.rmtree(path)
    try:
        (path / "figures").mkdir(parents=True, exist_ok=True)
        (path / MARKER).write_text("This run has not finished.\n")
    except OSError as error:
        raise InputError(
            f"`--output {path}` cannot be written: {error.strerror}; choose another directory."
        ) from None


def complete(path: Path) -> None:
    """Take away the mark of an unfinished run."""
    (path / MARKER).unlink()


def environment() -> dict[str, Any]:
    """What a result depends on besides its configuration: date, versions, commit, device, cores."""
    versions = {name: metadata.version(name) for name in PACKAGES}
    versions["python"] = platform.python_version()
    device = jax.devices()[0]
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions,
        "commit": _commit(),
        "platform": device.platform,
        "device": f"{jax.device_count()} x {_device_name(device)}",
        "machine": platform.platform(),
        "cores": os.cpu_count(),
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
    }


def write_json(path: Path, value: Any) -> None:
    """Write `value`, dataclasses and tuples included, as readable JSON."""
    path.write_text(json.dumps(_plain(value), indent=2) + "\n", encoding="utf-8")


def log_line(record: Mapping[str, Any]) -> str:
    """One line of `log.jsonl`; a number that is not finite becomes null, since JSON has none."""
    return json.dumps(_plain(record)) + "\n"


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value


def _device_name(device: jax.Device) -> str:
    if device.platform != "cpu":
        return device.device_kind
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "CPU"


def _commit() -> str | None:
    """The commit of the source this package runs from, with a + where files differ; None outside a checkout."""
    here = Path(__file__).resolve().parent.parent
    if not (here / ".git").exists():
        return None
    try:
        commit = subprocess.run(
            ["git", "-C", str(here), "rev-parse", "HEAD"], capture_output=True, text=True, check=True
        ).stdout.strip()
        status = subprocess.run(
            ["git", "-C", str(here), "status", "--porcelain"], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    return commit + ("+" if status else "")
