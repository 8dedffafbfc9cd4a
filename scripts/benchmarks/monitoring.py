"""What it costs to see inside: a study with monitoring beside the same one without, interleaved.

The seconds that it trains, and those of the whole command, with everything that it draws.
"""

import dataclasses
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from cases import FASHION, TWO_D, load

from jaxnn.discover import experiments_dir, load_experiment
from jaxnn.experiment import Preset
from jaxnn.study import ModelConfig, MonitorConfig, StudyConfig, TrainConfig, plan_study
from jaxnn.study.board import Boards
from jaxnn.study.plan import Plan
from jaxnn.study.training import train_program

EVERY = 100

FEW_IMAGES = dataclasses.replace(FASHION, train=10_000, validation=1_000)

# name -> (data, model, batch size, epochs, seeds)
CASES = {
    "784-128-10, batch 128": (FASHION, ModelConfig("mlp", hidden=(128,)), 128, 6, 2),
    "LeNet, batch 64": (FEW_IMAGES, ModelConfig("lenet"), 64, 3, 2),
    "2-100-2, batch 32": (TWO_D, ModelConfig("mlp", hidden=(100,)), 32, 4_000, 20),
    "2-100-2, batch 32, one seed": (TWO_D, ModelConfig("mlp", hidden=(100,)), 32, 4_000, 1),
    "2-100-2, batch 32, one seed, short": (TWO_D, ModelConfig("mlp", hidden=(100,)), 32, 400, 1),
}
EXPERIMENTS = ("moons", "trials_2d", "depth")

Timed = tuple[str, list[float], list[float]]  # a name, and the seconds of every round without and with monitoring


def training_rows(*, rounds: int) -> Iterator[Timed]:
    """The seconds that each case, and each experiment's default preset, trains, event files and all."""
    for name, presets in _studies().items():
        plain, watched = (
            [
                plan_study(dataclasses.replace(one.config, monitoring=monitoring), one.sweep, load=load)
                for one in presets
            ]
            for monitoring in (MonitorConfig(), MonitorConfig(True, EVERY))
        )
        _train_plain(plain)
        _train_watched(watched)
        seconds: tuple[list[float], list[float]] = ([], [])
        for _ in range(rounds):
            seconds[0].append(_train_plain(plain))
            seconds[1].append(_train_watched(watched))
        yield name, *seconds


def command_rows(*, rounds: int) -> Iterator[Timed]:
    """The seconds of `jaxnn run NAME`, whose programs were compiled by a run before."""
    for name in EXPERIMENTS:
        seconds: tuple[list[float], list[float]] = ([], [])
        for turn in range(rounds + 1):
            for kept, options in zip(seconds, ([], ["--monitor"]), strict=True):
                found = _command_seconds(name, options)
                if turn:
                    kept.append(found)
        yield f"jaxnn run {name}", *seconds


def _studies() -> dict[str, list[Preset]]:
    studies = {}
    for name, (data, model, batch_size, epochs, seeds) in CASES.items():
        training = TrainConfig(epochs=epochs, batch_size=batch_size, eval_every=1)
        studies[name] = [Preset(StudyConfig(data, model, training, seeds=seeds), {})]
    for name in EXPERIMENTS:
        preset = load_experiment(experiments_dir() / f"{name}.py").presets["cpu"]
        studies[name] = list(preset.values()) if isinstance(preset, Mapping) else [preset]
    return studies


def _command_seconds(name: str, options: list[str]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "jaxnn", "run", name, *options, "--output", f"{folder}/run"]
        started = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - started


def _train_plain(plans: list[Plan]) -> float:
    """Seconds of training of the programs of some studies."""
    return sum(train_program(plan, place).run_seconds for plan in plans for place in range(len(plan.programs)))


def _train_watched(plans: list[Plan]) -> float:
    """Seconds of monitored programs, those in which they wait for their event files included."""
    with tempfile.TemporaryDirectory() as folder:
        run_seconds = waiting = 0.0
        for index, plan in enumerate(plans):
            boards = Boards(Path(folder) / str(index))

            def observe(plan, chunk, boards=boards):
                nonlocal waiting
                started = time.perf_counter()
                boards(plan, chunk)
                waiting += time.perf_counter() - started

            with boards:
                for place in range(len(plan.programs)):
                    run_seconds += train_program(plan, place, observe=observe).run_seconds
                started = time.perf_counter()
            waiting += time.perf_counter() - started
        return run_seconds + waiting


def print_monitoring(*, rounds: int) -> None:
    """A line for each case: seconds without and with, and the median ratio of neighbours in time."""
    print(f"seconds of training, without monitoring and with it every {EVERY} steps (one seed watched):")
    _print_rows(training_rows(rounds=rounds))
    print("seconds of the whole command, without and with `--monitor`:")
    _print_rows(command_rows(rounds=max(1, rounds // 3)))


def _print_rows(rows: Iterator[Timed]) -> None:
    for name, plain, watched in rows:
        ratios = [b / a for a, b in zip(plain, watched, strict=True)]
        low, middle, high = min(ratios), statistics.median(ratios), max(ratios)
        medians = f"{statistics.median(plain):.2f} s, {statistics.median(watched):.2f} s"
        print(
            f"  {name:<36}{medians}: {100 * (middle - 1):+.1f}% ({100 * (low - 1):+.1f} to {100 * (high - 1):+.1f})"
        )
