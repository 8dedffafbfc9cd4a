"""What a result depends on besides its configuration: versions, source, device, machine."""

import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import jax

from jaxnn import runtime

PACKAGES = ("jaxnn", "jax", "jaxlib", "flax", "optax", "numpy", "scikit-learn", "xarray", "orbax-checkpoint")

# What the last bits of a result depend on, and may differ between two machines.
BIT_RELEVANT = ("versions", "commit", "platform", "device", "cores", "xla_flags")

# Where experiments lie in a checkout, and in an installation.
PACKAGE = Path(__file__).resolve().parents[1]
EXPERIMENTS = (PACKAGE.parent / "experiments", PACKAGE / "experiments")


def environment() -> dict[str, Any]:
    """Date, versions, commit, device, cores and command of this process."""
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
        "cores": runtime.num_cores(),
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
        "command": _command(Path(sys.argv[0]), sys.argv[1:]),
    }


def environment_differences(earlier: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What differs between two environments that may move the last bits of a result, one sentence part each."""
    differences = []
    for name in BIT_RELEVANT:
        old, new = earlier.get(name), now.get(name)
        if name == "versions":
            old, new = old or {}, new or {}
            differences += [
                f"`{package}` was {old.get(package)} and is {new.get(package)}"
                for package in sorted({*old, *new})
                if old.get(package) != new.get(package)
            ]
        elif old != new:
            differences.append(f"`{name}` was {old} and is {new}")
    return differences


def _command(program: Path, arguments: Sequence[str]) -> str:
    """What to type to do it again: a file of `experiments/` is `jaxnn run NAME`, `python -m jaxnn` is `jaxnn`."""
    words, place = [program.name], program.resolve()
    if place == PACKAGE / "__main__.py":
        words = ["jaxnn"]
    elif place.suffix == ".py" and place.parent in EXPERIMENTS:
        words = ["jaxnn", "run", place.stem]
    return shlex.join([*words, *arguments])


def _device_name(device: Any) -> str:
    if device.platform != "cpu":
        return device.device_kind
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "CPU"


def _commit() -> str | None:
    """The commit of the source this package runs from, with a + where files differ; None outside a checkout."""
    checkout = PACKAGE.parent
    if not (checkout / ".git").exists():
        return None
    try:
        commit, status = (
            subprocess.run(["git", "-C", str(checkout), *words], capture_output=True, text=True, check=True).stdout
            for words in (("rev-parse", "HEAD"), ("status", "--porcelain"))
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return commit.strip() + ("+" if status else "")
