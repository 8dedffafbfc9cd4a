"""A study of a few seconds with everything that a resumed run could get wrong, and ways to cut it.

As a script, a process of its own: it says in a journal what it is doing, and can be slowed down, made to kill or
signal itself at a certain point, or denied large files.
"""

import argparse
import os
import resource
import signal
import threading
import time
from pathlib import Path

from jaxnn import runtime
from jaxnn.checkpoint import steps
from jaxnn.data import DataConfig
from jaxnn.study import (
    CheckpointConfig,
    ModelConfig,
    StudyConfig,
    TrainConfig,
    environment,
    publish,
    run_study,
    runner,
    training,
)
from jaxnn.types import Hparams

EPOCHS = 6
# Two programs; 2 x 3 members of each, an odd number on neither of two devices; dropout, a schedule,
# early stopping that stops some, and a last training on the selected setting.
SWEEP = {"batch_size": (30, 45), "learning_rate": (0.003, 0.3)}
CONFIG = StudyConfig(
    data=DataConfig("moons", num_examples=150, noise=0.3),
    model=ModelConfig("mlp", hidden=(6,)),
    training=TrainConfig(epochs=EPOCHS, schedule="exponential", patience=1),
    hparams=Hparams(dropout_rate=0.2, decay_rate=0.9, decay_epochs=1.0),
    seeds=3,
    final="retrain",
)
EVERY_EPOCH = CheckpointConfig(checkpoint_epochs=1)

# What a process is doing, by the function that does it.
PHASES = {
    "training": (training, "advance"),
    "saving": (steps, "write_arrays"),
    "committing": (steps, "_sync_tree"),
    "deleting": (steps, "_delete_others"),
    "concluding": (runner, "conclude"),
    "publishing": (publish, "write_report"),
}


def run(output: Path, *, config: StudyConfig = CONFIG, sweep=SWEEP, checkpoints=EVERY_EPOCH, **options):
    """The study, saved after every epoch; returns its results."""
    return run_study(config, sweep, name="tiny", output=output, checkpoints=checkpoints, **options)


def same_commit() -> str:
    """Somebody may commit while the tests run; that a resumed run would warn of it is not their subject."""
    return "the source under test"


def watch(phase: str, act) -> None:
    """Call `act()` every time a phase begins."""
    module, name = PHASES[phase]
    function = getattr(module, name)

    def watched(*arguments, **options):
        act()
        return function(*arguments, **options)

    setattr(module, name, watched)


def at(count: int, act):
    """A function that does `act()` at its call number `count`."""
    calls = iter(range(1, 10**9))
    return lambda: act() if next(calls) == count else None


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("output", type=Path)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--journal", type=Path, required=True)
    parser.add_argument("--pace", type=float, default=0.0, help="seconds before every chunk")
    parser.add_argument("--signal", nargs=3, metavar=("NAME", "PHASE", "COUNT"), help="signal to itself")
    parser.add_argument("--max-file-bytes", type=int)
    flags = parser.parse_args()
    doing = {}

    def journal(phase: str):
        def act():
            doing[threading.current_thread().name.partition("_")[0]] = phase
            flags.journal.write_text(" and ".join(doing.values()))
            time.sleep(flags.pace if phase == "training" else 0)

        return act

    for phase in PHASES:
        watch(phase, journal(phase))
    if flags.signal:
        name, phase, count = flags.signal
        watch(phase, at(int(count), lambda: os.kill(os.getpid(), getattr(signal, name))))
    if flags.max_file_bytes:
        resource.setrlimit(resource.RLIMIT_FSIZE, (flags.max_file_bytes, flags.max_file_bytes))
    environment._commit = same_commit
    runtime.start(platform="cpu", cpu_devices=2)
    run(flags.output, resume=flags.resume)


if __name__ == "__main__":
    from jaxnn.cli.main import _guarded

    raise SystemExit(_guarded(lambda: main() or 0, []))
