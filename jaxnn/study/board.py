"""What TensorBoard is told of a monitored study: an event file for each network that is looked into."""

import collections
import dataclasses
import functools
import re
import resource
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any

import jax
import numpy as np

from jaxnn.errors import InputError
from jaxnn.labels import setting_label
from jaxnn.models import Network
from jaxnn.monitor import EventFile, Sample, positions_in_padded, tensor_names
from jaxnn.study.config import StudyConfig
from jaxnn.study.members import program_members, watched_members
from jaxnn.study.plan import Plan, Program
from jaxnn.study.sweep import SECTIONS
from jaxnn.study.training import Progress

# The folder of a run that TensorBoard is pointed to.
TENSORBOARD = "tensorboard"

# How long what was written may take to be seen: a flush waits for the disk.
FLUSH_SECONDS = 10.0

# The scalars that TensorBoard's table of hyper-parameters is judged by.
JUDGED_BY = ("val_loss", "val_accuracy")


# Open files that a run has besides.
OTHER_FILES = 256


def check_files(plan: Plan) -> None:
    """See to it that every watched network of a study may have its event file open.

    Raises:
        InputError: the system allows fewer.
    """
    networks = sum(len(watched_members(plan, program)) for program in plan.programs)
    allowed, at_most = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = networks + OTHER_FILES
    if not networks or needed <= allowed:
        return
    if at_most != resource.RLIM_INFINITY and needed > at_most:
        raise InputError(
            f"`monitor` looks into {networks:,} networks, each with a file of its own, and the system allows "
            f"{at_most:,} open files: watch fewer seeds (`--monitor-seeds`), or sweep less."
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, at_most))


class Boards:
    """An observer of training that writes what was seen inside the watched networks, below a folder.

    A chunk is written by a thread of its own, while the devices train the next; what goes wrong there is raised by
    the next call, or at the end.
    A file begins anew with the first record of its program: what an earlier session saw is in the checkpoints, and
    comes as one chunk.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._folders: list[str] = []  # of the settings
        self._files: dict[tuple[int, int], EventFile] = {}
        self._flushed_at = time.monotonic()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tensorboard")
        self._writing: Future | None = None

    def __enter__(self) -> "Boards":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._wait()
        finally:
            self._thread.shutdown()
            for file in self._files.values():
                file.close()

    def __call__(self, plan: Plan, chunk: Progress) -> None:
        """Have the samples and the metrics of a chunk of records written."""
        if chunk.watched:
            self._wait()
            self._writing = self._thread.submit(self._write, plan, chunk)

    def file(self, plan: Plan, setting: int, seed: int) -> EventFile:
        """The event file of a network, with all chunks so far in it."""
        self._wait()
        return self._open(plan, setting, seed)

    def _wait(self) -> None:
        """Until the last chunk is written; raises what went wrong."""
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()

    def _write(self, plan: Plan, chunk: Progress) -> None:
        program = plan.programs[chunk.program]
        run, members = program.recipe.run, program_members(plan, program)
        sampling = run.sampling(program.num_train)
        for row, member in enumerate(chunk.watched):
            setting, seed = members[member]
            file = self._open(plan, setting, seed, anew=chunk.first == 0)
            if chunk.samples is not None:
                seen = sampling.steps(chunk.first, chunk.last)
                taken = np.flatnonzero(chunk.samples.taken[row, : len(seen)])
                samples = jax.tree.map(lambda leaf, row=row, taken=taken: leaf[row, taken], chunk.samples)
                file.add_samples(seen[taken], *own_tensors(plan, program, setting, samples))
            epochs = np.arange(chunk.first + 1, chunk.last + 1) * run.eval_every
            metrics = {name: values[member, chunk.first : chunk.last] for name, values in chunk.history.items()}
            file.add_scalars(epochs * sampling.steps_per_epoch, metrics)
        if time.monotonic() - self._flushed_at > FLUSH_SECONDS:
            for file in self._files.values():
                file.flush()
            self._flushed_at = time.monotonic()

    def _open(self, plan: Plan, setting: int, seed: int, *, anew: bool = False) -> EventFile:
        """The event file of a network, opened when it is first needed."""
        if anew and (setting, seed) in self._files:
            self._files.pop((setting, seed)).close()
        if (setting, seed) not in self._files:
            self._folders = self._folders or folder_names(plan)
            file = EventFile(self._folder / self._folders[setting] / f"seed-{seed}")
            file.add_hparams({**hparams_of(plan.settings[setting].config), "seed": seed}, JUDGED_BY)
            self._files[setting, seed] = file
        return self._files[setting, seed]


def folder_names(plan: Plan) -> list[str]:
    """A folder for each setting: its label in characters that all file systems take, and its number if need be."""
    names = [re.sub(r"[^\w.=-]+", "-", setting_label(one.place)).strip("-")[:80] for one in plan.settings]
    counts = collections.Counter(names)
    return [name if counts[name] == 1 else f"{name}-{position}" for position, name in enumerate(names)]


def hparams_of(config: StudyConfig) -> dict[str, Any]:
    """Every field of a setting by its name."""
    sections = (getattr(config, section) for section in SECTIONS)
    return {field.name: getattr(one, field.name) for one in sections for field in dataclasses.fields(one)}


def own_tensors(plan: Plan, program: Program, setting: int, samples: Sample) -> tuple[tuple[str, ...], Sample]:
    """The tensors of a setting's network by name, and the samples (steps, ...) of its program with those alone.

    A padded program has layers and units that a network of it has not.
    """
    own = plan.settings[setting].recipe.model if program.padded else program.recipe.model
    # pyright knows nothing of the hash of a flax module
    names, positions = _tensors(own, program.recipe.model, program.input_shape)  # pyright: ignore[reportArgumentType]
    if not program.padded:
        return names, samples
    return names, samples._replace(tensors=jax.tree.map(lambda leaf: leaf[:, positions], samples.tensors))


@functools.cache
def _tensors(own: Network, sampled: Network, input_shape: tuple[int, ...]) -> tuple[tuple[str, ...], list[int]]:
    """The tensors of a network by name, and where they are in a sample of the network that it was trained in."""

    def names(model):
        inputs = jax.ShapeDtypeStruct((1, *input_shape), np.float32)
        return tensor_names(model, jax.eval_shape(model.init, jax.random.key(0), inputs).get("params", {}))

    own_names = names(own)
    return own_names, positions_in_padded(own_names, names(sampled)) if sampled != own else []
