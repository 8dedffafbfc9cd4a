"""Starting JAX as studies want it: platform, a CPU device for each core, compiled programs on disk, debugging.

Everything here must be said before JAX touches a device, so it is one function that is called first.
"""

import gc
import math
import os
from pathlib import Path

import jax

from jaxnn.container import container_cores
from jaxnn.errors import InputError, unknown

PLATFORMS = ("cpu", "cuda", "tpu")


def cache_dir() -> Path:
    """Where jaxnn keeps what can be made again: $XDG_CACHE_HOME/jaxnn, else ~/.cache/jaxnn."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jaxnn"


def num_cores() -> int:
    """Cores this process may use: its affinity, the quota of its container, and NPROC, whichever is least."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    cores = math.ceil(min(cores, container_cores()))
    limit = os.environ.get("NPROC", "")
    return min(cores, int(limit)) if limit.isdecimal() and int(limit) > 0 else cores


# What says how many devices the CPU is divided into, besides `start`.
FORCED_DEVICES = "--xla_force_host_platform_device_count"

# Kernels that add in an order of their own making are replaced by slower ones, or refused.
DETERMINISTIC = "--xla_gpu_deterministic_ops=true"


def start(
    *,
    platform: str | None = None,
    cpu_devices: int | None = None,
    debug: bool = False,
    deterministic: bool = False,
) -> None:
    """Set up JAX for this process; call it before anything else uses JAX.

    Everything that the process holds by then is left alone by the garbage collector from here on (`gc.freeze`).

    Args:
        platform: "cpu", "cuda" or "tpu"; None takes the best there is.
        cpu_devices: XLA devices the CPU is divided into, over which members are spread; None is one a core, unless
            `XLA_FLAGS` or `JAX_NUM_CPU_DEVICES` say otherwise.
        debug: arrays of different rank never broadcast silently.  (Not `jax_debug_nans`: in a population a NaN
            is news of one member, not an error of the program.)
        deterministic: the same bits every time on a GPU too (on CPU they always are): see docs/determinism.md.

    Raises:
        InputError: an unknown platform, one that is not there, or JAX already running with other devices.
    """
    if platform is not None and platform not in PLATFORMS:
        raise unknown("platform", platform, PLATFORMS)
    flags = os.environ.get("XLA_FLAGS", "")
    number = jax.config.jax_num_cpu_devices  # pyright: ignore[reportAttributeAccessIssue]
    is_chosen = FORCED_DEVICES in flags or number > 0
    if cpu_devices is None and not is_chosen:
        cpu_devices = num_cores()
    if cpu_devices is not None and cpu_devices < 1:
        raise InputError(f"`cpu_devices` must be 1 or more; got {cpu_devices}.")
    if deterministic and DETERMINISTIC not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} {DETERMINISTIC}".strip()
    try:
        if cpu_devices is not None:
            jax.config.update("jax_num_cpu_devices", cpu_devices)
        if platform is not None:
            jax.config.update("jax_platforms", platform)
        jax.devices()
    except (RuntimeError, AssertionError) as error:  # the latter without a message, where JAX was built without it
        reason = (str(error) or "JAX finds no such device.").splitlines()[0]
        wanted = "" if cpu_devices is None else f" with {cpu_devices} CPU devices"
        raise InputError(
            f"`platform` {platform or 'default'}{wanted} cannot be started: {reason} "
            "Call `jaxnn.runtime.start` before anything uses JAX, or choose another platform."
        ) from error
    jax.config.update("jax_numpy_rank_promotion", "raise" if debug else "allow")
    use_compilation_cache()
    # What is imported by now stays.  To go through it again and again, as the collector does, takes several percent
    # of the time of a study of small networks.
    gc.freeze()


def use_compilation_cache() -> None:
    """Keep compiled programs on disk between processes, unless the user chose a place (or none) for them."""
    chosen = jax.config.jax_compilation_cache_dir  # pyright: ignore[reportAttributeAccessIssue]
    if chosen is None and "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        jax.config.update("jax_compilation_cache_dir", str(cache_dir() / "compiled"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
