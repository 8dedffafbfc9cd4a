"""What the control group of this process, that of a container, leaves of its machine; infinite without one."""

import contextlib
import math
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


def container_cores(root: Path = CGROUP) -> float:
    """Cores' worth of time that the group has, by its quota of version 2 or 1."""
    with contextlib.suppress(OSError, ValueError):  # there is none, or it is "max"
        quota, period = (root / "cpu.max").read_text().split()
        return int(quota) / int(period)
    with contextlib.suppress(OSError, ValueError):
        quota, period = (int((root / f"cpu/cpu.cfs_{name}_us").read_text()) for name in ("quota", "period"))
        return quota / period if quota > 0 else math.inf
    return math.inf


def container_memory(root: Path = CGROUP) -> float:
    """Bytes that the limit of the group leaves free, of version 2 or 1.

    Files that are kept in memory, and not in use, count as free: they make room.
    """
    for prefix, limit, used, idle in (
        ("", "max", "current", "inactive_file"),
        ("memory/", "limit_in_bytes", "usage_in_bytes", "total_inactive_file"),
    ):
        read = lambda name, prefix=prefix: (root / f"{prefix}memory.{name}").read_text()
        with contextlib.suppress(OSError, ValueError):
            kept = dict(line.split() for line in read("stat").splitlines())
            return int(read(limit)) - int(read(used)) + int(kept.get(idle, 0))
    return math.inf
