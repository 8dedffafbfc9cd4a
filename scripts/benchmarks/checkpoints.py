"""What a checkpoint costs: the time it takes from training, and its size on disk beside the state's own bytes."""

import math
import statistics
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from jaxnn.checkpoint import Saver
from jaxnn.study import CheckpointConfig, plan_study
from jaxnn.study.interrupt import Stop
from jaxnn.study.keeping import DiskKeeper, snapshot_bytes
from jaxnn.study.training import TrainedProgram, train_program

SAVES = 4  # of a training, the one at its end included


class CheckpointCost(NamedTuple):
    """Medians for one study; a checkpoint's seconds are what it adds to the run, the wait at the end included."""

    plain_seconds: float
    checkpoint_seconds: float
    state_bytes: int
    disk_bytes: int

    def share(self, minutes: float) -> float:
        """Share of the run time that checkpoints take, one every so many minutes."""
        return self.checkpoint_seconds / (60 * minutes)


def checkpoint_cost(case, *, rounds: int) -> CheckpointCost:
    """Train a case as it is, and saved a few times on the way, in turn."""
    from cases import load

    plan = plan_study(case.config, {}, load=load)
    program = plan.programs[0]
    every = math.ceil(program.recipe.run.epochs / SAVES)
    num_saves = math.ceil(program.recipe.run.epochs / every)
    train_program(plan, 0)
    plain, added, size = [], [], 0
    for _ in range(rounds):
        plain.append(_seconds(lambda: train_program(plan, 0)))
        with tempfile.TemporaryDirectory() as folder:
            saved = _seconds(lambda folder=folder: _train_and_save(plan, Path(folder) / "program", every))
            last = max(Path(folder, "program").iterdir())
            size = sum(path.stat().st_size for path in last.rglob("*") if path.is_file())
        added.append((saved - plain[-1]) / num_saves)
    return CheckpointCost(
        statistics.median(plain), statistics.median(added), snapshot_bytes(plan, program), size
    )  # fmt: skip


def _train_and_save(plan, folder: Path, every: int) -> TrainedProgram:
    config = CheckpointConfig(checkpoint_epochs=every)
    with Saver() as saver:
        keeper = DiskKeeper(
            plan, plan.programs[0], folder, saver=saver, stop=Stop(""), config=config, about={}
        )  # fmt: skip
        return train_program(plan, 0, keeper=keeper)


def _seconds(train) -> float:
    """Seconds of a training without its compilation."""
    started = time.perf_counter()
    compile_seconds = train().compile_seconds
    return time.perf_counter() - started - compile_seconds


if __name__ == "__main__":
    from cases import CASES

    from jaxnn import runtime

    runtime.start(platform="cpu")
    for case in CASES:
        cost = checkpoint_cost(case, rounds=3)
        print(
            f"{case.name:<40} {1000 * cost.checkpoint_seconds:6.0f} ms a checkpoint, "
            f"{cost.share(minutes=2):6.2%} of the time at one in 2 minutes; "
            f"{cost.disk_bytes / 2**20:.2f} MiB on disk, {cost.state_bytes / 2**20:.2f} MiB of state"
        )
