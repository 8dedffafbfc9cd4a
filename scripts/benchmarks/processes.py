"""Figures that need a fresh process each: peak memory by the number of members, time to the first result."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MEMORY_PROGRAM = """
import json, resource, sys
from jaxnn import runtime
runtime.start(platform="cpu")
from jaxnn.study import plan_study, ModelConfig, StudyConfig, TrainConfig
from jaxnn.study.training import train_program
sys.path.insert(0, sys.argv[1])
from cases import FASHION, load
members = int(sys.argv[2])
training = TrainConfig(epochs=1, batch_size=128)
config = StudyConfig(FASHION, ModelConfig("mlp", hidden=(128,)), training, seeds=members)
plan = plan_study(config, {}, load=load)
train_program(plan, 0)
print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))
"""


def peak_memory(members: int) -> float:
    """Peak resident memory, MiB, of a process that trains 784-128-10 on Fashion-MNIST for an epoch."""
    command = [sys.executable, "-c", MEMORY_PROGRAM, str(Path(__file__).parent), str(members)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def seconds_to_first_result() -> tuple[float, float]:
    """From the command to the first line with numbers of `jaxnn run widths --preset quick`: cold and warm.

    Cold is with an empty compilation cache, warm with the one that the cold run filled.
    """
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "XDG_CACHE_HOME": folder}
        return _first_line(environment, f"{folder}/cold"), _first_line(environment, f"{folder}/warm")


def _first_line(environment: dict[str, str], output: str) -> float:
    command = [sys.executable, "-m", "jaxnn", "run", "widths", "--preset", "quick", "--output", output]
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        lines = iter(process.stdout or ())
        next(line for line in lines if "epoch" in line)
        seconds = time.perf_counter() - started
        list(lines)  # let it finish
    return seconds
