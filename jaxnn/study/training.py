"""Training the programs of a study: the host's side, chunk by chunk."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from jaxnn.monitor import Sample
from jaxnn.population import Recipe, make_predict
from jaxnn.study.compiling import Ahead, Compiler, compile_program
from jaxnn.study.plan import Plan, Program
from jaxnn.study.session import (
    Session,
    Snapshot,
    advance,
    longest_advance,
    on_host,
    open_session,
    take_snapshot,
)
from jaxnn.types import Params

# The host looks at a study about this often; what it sees changes nothing.
CHUNK_SECONDS = 1.0

# Rows of one call of a network that predicts: to fill one up takes less than to compile another.
BLOCKS = (100, 1000)


class TrainedProgram(NamedTuple):
    """What training a program gave, on the host; the leading axis of every array is setting-major, then seed.

    `history` maps a metric to (members, records); `best` and `last` are (params, batch_stats) with a member axis.
    `samples` are of the members at the positions `watched`: leading axes (watched, samples).
    `compile_seconds` is how long the training waited for its compilation, `run_seconds` how long it took then.
    """

    program: Program
    history: dict[str, np.ndarray]
    best: tuple[Params, Params]
    last: tuple[Params, Params]
    best_epoch: np.ndarray
    stopped_at: np.ndarray
    diverged_at: np.ndarray
    compile_seconds: float
    run_seconds: float
    watched: tuple[int, ...] = ()
    samples: Sample | None = None


class Progress(NamedTuple):
    """What an observer of training is told after every chunk of records."""

    program: int  # position among the programs
    first: int  # the records trained in this chunk: first, ..., last - 1
    last: int
    history: dict[str, np.ndarray]  # metric -> (members, records), NaN where there is nothing yet
    stopped_at: np.ndarray  # (members,)
    diverged_at: np.ndarray  # (members,)
    examples: int  # examples that this chunk trained on in whole epochs, all members together
    seconds: float
    watched: tuple[int, ...] = ()  # positions of the members that are looked into
    samples: Sample | None = None  # what was seen in this chunk, (watched, samples, ...)


Observer = Callable[[Plan, Progress], None]


def ignore_progress(plan: Plan, progress: Progress) -> None:
    """The observer that looks away."""


class Keeper(Protocol):
    """Who keeps the snapshots of a program, so that its training can go on from the last of them."""

    def last(self) -> Snapshot | None:
        """Where to go on; None is the beginning."""
        ...

    def next_stop(self, records: int) -> int:
        """The record after `records` at which the keeper wants to look, at the latest."""
        ...

    def look(self, session: Session) -> None:
        """Called after every chunk: may take a snapshot, and may raise to end the training here."""
        ...


class KeepNothing:
    """The keeper of a study that lives in memory alone."""

    def last(self) -> Snapshot | None:
        return None

    def next_stop(self, records: int) -> int:
        return 2**31

    def look(self, session: Session) -> None:
        return None


def train_study(plan: Plan, *, observe: Observer = ignore_progress) -> list[TrainedProgram]:
    """Train every program of a plan, one after the other.

    Args:
        plan: from `plan_study`.
        observe: called on the host after every chunk of records, about once a second.
    """
    with Ahead((plan, program) for program in plan.programs) as compiler:
        positions = range(len(plan.programs))
        return [train_program(plan, position, observe=observe, compiler=compiler) for position in positions]


def train_program(
    plan: Plan,
    position: int,
    *,
    observe: Observer = ignore_progress,
    keeper: Keeper | None = None,
    compiler: Compiler = compile_program,
) -> TrainedProgram:
    """Compile and train one program of a plan, or go on with it where its keeper knows how far it was.

    Args:
        plan: from `plan_study`.
        position: of the program in `plan.programs`.
        observe: called after every chunk; what an earlier session trained is its first chunk.
        keeper: keeps snapshots; None keeps nothing.
        compiler: compiles the program.
    """
    keeper = keeper or KeepNothing()
    program = plan.programs[position]
    session = open_session(plan, program, keeper.last(), compiler=compiler)
    if session.records:
        observe(plan, _progress(position, session, first=0, seconds=session.run_seconds))
    num_records, chunk = program.recipe.run.num_records, 1
    while session.records < num_records:
        first, seconds_before = session.records, session.run_seconds
        session = advance(session, min(first + chunk, keeper.next_stop(first), longest_advance(session)))
        seconds = session.run_seconds - seconds_before
        observe(plan, _progress(position, session, first=first, seconds=seconds))
        keeper.look(session)
        chunk = max(1, int((session.records - first) * min(4.0, CHUNK_SECONDS / max(seconds, 1e-6))))
    return _trained_program(session)


def _progress(position: int, session: Session, *, first: int, seconds: float) -> Progress:
    """What there is to see after the records from `first` to where the session is."""
    state, run = session.state, session.program.recipe.run
    history, stopped_at, diverged_at = on_host(session, (state.history, state.stopped_at, state.diverged_at))
    num_train = session.program.num_train
    steps_per_epoch = -(-num_train // (run.batch_size or num_train))
    ended = np.where(stopped_at == 0, run.epochs, stopped_at)
    ended = np.where(diverged_at < 0, ended, diverged_at // steps_per_epoch)
    before, after = first * run.eval_every, session.records * run.eval_every
    examples = int((ended.clip(before, after) - before).sum()) * num_train
    samples = session.samples[-1] if session.samples else None
    return Progress(
        position,
        first,
        session.records,
        history,
        stopped_at,
        diverged_at,
        examples,
        seconds,
        session.watched,
        samples,
    )


def _trained_program(session: Session) -> TrainedProgram:
    snapshot = take_snapshot(session)
    state: Any = snapshot.state  # of NumPy arrays
    return TrainedProgram(
        session.program,
        history=dict(state.history),
        best=(state.best.params, state.best.batch_stats),
        last=(state.train.params, state.train.batch_stats),
        best_epoch=state.best.epoch,
        stopped_at=state.stopped_at,
        diverged_at=when_diverged(state.train.params, state.train.step, state.diverged_at),
        compile_seconds=snapshot.compile_seconds,
        run_seconds=snapshot.run_seconds,
        watched=session.watched,
        samples=state.samples,
    )


def when_diverged(params: Params, step: Any, diverged_at: Any) -> np.ndarray:
    """When each member diverged, -1 where it did not; its last update too may have been the one.

    In training a step is judged by its objective, which shows only what the updates before it have done.

    Args:
        params: of the members, after their last step.
        step: steps that each has taken.
        diverged_at: as training recorded it.
    """
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(params)]
    finite = np.all([np.isfinite(leaf.reshape(len(leaf), -1)).all(1) for leaf in leaves], axis=0)
    return np.where((np.asarray(diverged_at) < 0) & ~finite, np.asarray(step), np.asarray(diverged_at))


def predict_members(
    recipe: Recipe, variables: tuple[Params, Params], x: np.ndarray, *, blocks: Sequence[int] = BLOCKS
) -> np.ndarray:
    """The outputs of several members for stored inputs x (rows, *input_shape) -> (members, rows, ...).

    Args:
        recipe: the recipe of the members.
        variables: (params, batch_stats) with a leading member axis.
        x: inputs as the data set stores them.
        blocks: rows that one call may take, in rising order: it takes the least that holds all of x, else the most.
            What is missing from a block is filled up, so that few compilations serve inputs of every length.
    """
    predict = make_predict(recipe.model, recipe.run.scale)  # pyright: ignore[reportArgumentType] (it has a hash)
    block = next((rows for rows in blocks if len(x) <= rows), blocks[-1])
    outputs = []
    for start in range(0, max(1, len(x)), block):  # of no rows too, for their shape
        rows = x[start : start + block]
        padded = np.concatenate([rows, np.zeros((block - len(rows), *x.shape[1:]), x.dtype)])
        outputs.append(np.asarray(predict(variables, jnp.asarray(padded)))[:, : len(rows)])
    return np.concatenate(outputs, axis=1)
