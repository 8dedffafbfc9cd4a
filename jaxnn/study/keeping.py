"""Keeping the programs of a study on disk: when a snapshot is saved, and what is in a checkpoint."""

import dataclasses
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxnn.checkpoint import CheckpointError, Leaves, Saver, load_last
from jaxnn.errors import InputError, check_number
from jaxnn.run import RunState
from jaxnn.study.interrupt import Stop
from jaxnn.study.plan import Plan, Program
from jaxnn.study.rundir import plain
from jaxnn.study.session import Session, Snapshot, state_shapes, take_snapshot


@dataclasses.dataclass(frozen=True)
class CheckpointConfig:
    """How often a run is saved.  It changes no bit of the result."""

    checkpoint_minutes: float = 2.0
    """Minutes of training between two checkpoints."""
    checkpoint_epochs: int | None = None
    """Epochs between two checkpoints, besides; default: as the minutes say."""


def check_config(config: CheckpointConfig) -> None:
    """Raise InputError unless the numbers make sense."""
    check_number("checkpoint_minutes", config.checkpoint_minutes, low=0)
    epochs = config.checkpoint_epochs
    if epochs is not None and (not isinstance(epochs, int) or epochs < 1):
        raise InputError(f"`checkpoint_epochs` must be a whole number of 1 or more; got {epochs!r}.")


# What a checkpoint says of whose it is, and what it is of where that differs: the shapes may fit all the same.
_WHOSE = {
    "study": "another study",
    "settings": "other settings of the study",
    "padded": "networks of other widths",
    "retrained": "another last training",
}


class DiskKeeper:
    """Keeps the snapshots of one program as checkpoints in a folder.

    A checkpoint's number is its count of records.  Its arrays are the state's, by their paths in it, with the
    metric history and samples cut to those records: so that a study which is given more epochs can go on.  Besides,
    it says which settings of which study its members are, what the data of each were, and whether it is padded.
    """

    def __init__(
        self,
        plan: Plan,
        program: Program,
        folder: Path,
        *,
        saver: Saver,
        stop: Stop,
        config: CheckpointConfig,
        about: Mapping[str, Any],
    ) -> None:
        self._plan, self._program, self._folder = plan, program, folder
        self._saver, self._stop, self._config = saver, stop, config
        self._about = {**about, **_describe(plan, program)}
        self._saved_at = time.monotonic()

    def last(self) -> Snapshot | None:
        """The last snapshot on disk that is whole.

        Raises:
            CheckpointError: there are checkpoints, but none is whole, or they are of another study.
        """
        if not self._folder.is_dir():  # then a save under way is of another program, for which none needs to wait
            return None
        self._saver.wait()
        shapes = state_shapes(self._plan, self._program)
        checkpoint = load_last(self._folder, lambda records: _leaves(shapes, records, self._program))
        if checkpoint is None:
            return None
        about = checkpoint.about
        for name, what in _WHOSE.items():
            if about.get(name) != plain(self._about.get(name)):
                raise CheckpointError(
                    f"`{self._folder}` holds checkpoints of {what}: remove it to train the program again."
                )
        state = _from_arrays(checkpoint.arrays, shapes, self._program.recipe.run.num_records)
        return Snapshot(state, checkpoint.number, about["compile_seconds"], about["run_seconds"])

    def next_stop(self, records: int) -> int:
        """The next record at which `checkpoint_epochs` asks for a checkpoint."""
        every = self._records_between()
        return (records // every + 1) * every

    def look(self, session: Session) -> None:
        """Save if it is time, if the program is finished, or if a signal asks to end; then end.

        Raises:
            CheckpointError: the save before this one has failed.
            Interrupted: a signal asked to end; the session is saved.
        """
        self._saver.check()
        finished = session.records == self._program.recipe.run.num_records
        minutes = (time.monotonic() - self._saved_at) / 60
        on_epoch = self._config.checkpoint_epochs is not None and session.records % self._records_between() == 0
        stopping = self._stop.signum is not None
        if finished or stopping or on_epoch or minutes >= self._config.checkpoint_minutes:
            self._save(take_snapshot(session))
        if stopping:
            self._saver.wait()
            self._stop.check()

    def _save(self, snapshot: Snapshot) -> None:
        seconds = {"compile_seconds": snapshot.compile_seconds, "run_seconds": snapshot.run_seconds}
        about = plain({**self._about, **seconds})
        arrays = _named(_cut(snapshot.state, snapshot.records))
        self._saver.save(self._folder, snapshot.records, arrays, about)
        self._saved_at = time.monotonic()

    def _records_between(self) -> int:
        epochs, every = self._config.checkpoint_epochs, self._program.recipe.run.eval_every
        return 2**31 if epochs is None else -(-epochs // every)


def snapshot_bytes(plan: Plan, program: Program) -> int:
    """Bytes of one snapshot of a program, its whole history included."""
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state_shapes(plan, program)))


def _describe(plan: Plan, program: Program) -> dict[str, Any]:
    """Which settings the members are of, what the data of each were, and whether their networks are padded."""
    infos = [plan.settings[position].data.info for position in program.settings]
    return {"settings": program.settings, "data": infos, "padded": program.padded}


def _named(state: Any) -> dict[str, Any]:
    """The leaves of a state by their paths: "train/params/layers_0/kernel"."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(state)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in leaves}


def _cut(state: RunState, records: int) -> RunState:
    """The state with the records of its history that have been trained."""
    return state._replace(history={name: values[:, :records] for name, values in state.history.items()})


def _leaves(shapes: RunState, records: int, program: Program) -> Leaves:
    """What the arrays of a checkpoint with so many records must be."""
    leaves = {}
    num_samples = program.recipe.run.sampling(program.num_train).before(records)
    for name, leaf in _named(shapes).items():
        shape = (leaf.shape[0], records) if name.startswith("history/") else leaf.shape
        if name.startswith("samples/"):
            shape = (leaf.shape[0], num_samples, *leaf.shape[2:])
        leaves[name] = (shape, str(leaf.dtype))
    return leaves


def _from_arrays(arrays: Mapping[str, np.ndarray], shapes: RunState, num_records: int) -> RunState:
    """A state from its arrays by name, the history with NaN for the records to come."""

    def array(path, leaf):
        name = jax.tree_util.keystr(path, simple=True, separator="/")
        found = arrays[name]
        if not name.startswith("history/"):
            return found
        missing = np.full((len(found), num_records - found.shape[1]), np.nan, found.dtype)
        return np.concatenate([found, missing], axis=1)

    return jax.tree_util.tree_map_with_path(array, shapes)
