"""What a checkpoint costs: the time it takes, and its size on disk beside the state's own bytes.

Training stands still while the state is copied to the host; the rest (writing, hashing, reading back) is done in
the background, on a core that training would like to have.  The share of the run time counts both.

    scripts/bench --case checkpoints
"""

import statistics
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from cases import CASES, Case, load
from rich.console import Console
from rich.table import Table

from jaxnn.checkpoint import Saver
from jaxnn.study import CheckpointConfig, plan_study
from jaxnn.study.interrupt import Stop
from jaxnn.study.keeping import DiskKeeper, snapshot_bytes
from jaxnn.study.session import advance, open_session

MINUTES = CheckpointConfig().checkpoint_minutes


class CheckpointCost(NamedTuple):
    """Of one population; seconds are medians: training stands still for `copy_seconds`, `save_seconds` follow."""

    copy_seconds: float
    save_seconds: float
    disk_bytes: int
    state_bytes: int

    def share(self, minutes: float) -> float:
        """Share of the run time that checkpoints take, one every so many minutes, if nothing overlapped."""
        return (self.copy_seconds + self.save_seconds) / (60 * minutes)


def print_checkpoints(*, rounds: int) -> dict[str, dict]:
    """The table of all cases, and what is in it."""
    share = f"share of the run, one in {MINUTES:g} min"
    table = Table(
        "members of a population", "standstill", "in the background", share, "on disk", "state's own bytes"
    )
    costs = {f"{case.members} x {case.name}": checkpoint_cost(case, rounds=rounds) for case in CASES}
    for name, cost in costs.items():
        times = (f"{1000 * seconds:.1f} ms" for seconds in (cost.copy_seconds, cost.save_seconds))
        sizes = (f"{num_bytes / 2**20:.3g} MiB" for num_bytes in (cost.disk_bytes, cost.state_bytes))
        table.add_row(name, *times, f"{cost.share(minutes=MINUTES):.2%}", *sizes)
    Console(width=140).print(table)
    return {name: cost._asdict() for name, cost in costs.items()}


def checkpoint_cost(case: Case, *, rounds: int) -> CheckpointCost:
    """Train a case, and save what it ends with several times over."""
    plan = plan_study(case.config, {}, load=load)
    program = plan.programs[0]
    session = advance(open_session(plan, program), program.recipe.run.num_records)
    copying, saving = [], []
    with tempfile.TemporaryDirectory() as name, Saver() as saver:
        folder = Path(name) / "program"
        keeper = DiskKeeper(plan, program, folder, saver=saver, stop=Stop(""), config=CheckpointConfig(), about={})
        for _ in range(rounds + 1):
            started = time.perf_counter()
            keeper.look(session)
            copied = time.perf_counter()
            saver.wait()
            copying.append(copied - started)
            saving.append(time.perf_counter() - copied)
        disk_bytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    # The first time, libraries are imported.
    seconds = statistics.median(copying[1:]), statistics.median(saving[1:])
    return CheckpointCost(*seconds, disk_bytes, snapshot_bytes(plan, program))
