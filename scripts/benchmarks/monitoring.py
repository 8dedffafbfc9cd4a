"""What it costs to see inside: the run time of a study with monitoring beside the same one without, interleaved."""

import dataclasses
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from cases import FASHION, TWO_D, load

from jaxnn.study import ModelConfig, MonitorConfig, StudyConfig, TrainConfig, plan_study
from jaxnn.study.board import Boards
from jaxnn.study.plan import Plan
from jaxnn.study.training import train_program

EVERY = 100

# name -> (data, model, batch size, epochs, seeds)
CASES = {
    "784-128-10, batch 128": (FASHION, ModelConfig("mlp", hidden=(128,)), 128, 6, 2),
    "LeNet, batch 64": (dataclasses.replace(FASHION, validation=50_000), ModelConfig("lenet"), 64, 3, 2),
    "2-100-2, batch 32": (TWO_D, ModelConfig("mlp", hidden=(100,)), 32, 4_000, 20),
    "2-100-2, batch 32, one seed": (TWO_D, ModelConfig("mlp", hidden=(100,)), 32, 4_000, 1),
    "2-100-2, batch 32, one seed, short": (TWO_D, ModelConfig("mlp", hidden=(100,)), 32, 400, 1),
}


def monitoring_rows(*, rounds: int, case: str = "") -> Iterator[tuple[str, list[float], list[float]]]:
    """For each case its name and the seconds of every round, without monitoring and with it, files and all."""
    for name, (data, model, batch_size, epochs, seeds) in CASES.items():
        if case not in name:
            continue
        training = TrainConfig(epochs=epochs, batch_size=batch_size, eval_every=1)
        config = StudyConfig(data, model, training, seeds=seeds)
        plain, watched = (
            plan_study(dataclasses.replace(config, monitoring=monitoring), {}, load=load)
            for monitoring in (MonitorConfig(), MonitorConfig(True, EVERY))
        )
        train_program(plain, 0)
        _train_watched(watched)
        seconds: tuple[list[float], list[float]] = ([], [])
        for _ in range(rounds):
            seconds[0].append(train_program(plain, 0).run_seconds)
            seconds[1].append(_train_watched(watched))
        yield name, *seconds


def _train_watched(plan: Plan) -> float:
    """Seconds of a monitored program, those in which it waits for its event files included."""
    with tempfile.TemporaryDirectory() as folder:
        boards, waiting = Boards(Path(folder)), 0.0

        def observe(plan, chunk):
            nonlocal waiting
            started = time.perf_counter()
            boards(plan, chunk)
            waiting += time.perf_counter() - started

        with boards:
            run_seconds = train_program(plan, 0, observe=observe).run_seconds
            started = time.perf_counter()
        return run_seconds + waiting + time.perf_counter() - started


def print_monitoring(*, rounds: int) -> None:
    """A line for each case: seconds without and with, and the median ratio of neighbours in time."""
    print(f"seconds of a run, without monitoring and with it every {EVERY} steps (one seed watched):")
    for name, plain, watched in monitoring_rows(rounds=rounds):
        ratios = [b / a for a, b in zip(plain, watched, strict=True)]
        low, middle, high = min(ratios), statistics.median(ratios), max(ratios)
        medians = f"{statistics.median(plain):.2f} s, {statistics.median(watched):.2f} s"
        print(
            f"  {name:<36}{medians}: {100 * (middle - 1):+.1f}% ({100 * (low - 1):+.1f} to {100 * (high - 1):+.1f})"
        )
