"""One program of a study while it trains: compiled, on its devices, advanced from record to record.

Between two chunks of records it can be taken to the host as a `Snapshot`, and opened again from one, with the same
bits: the snapshot and the plan say everything there is to know.
"""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxnn.monitor import Sample, sample_shapes
from jaxnn.population import make_member_run, place
from jaxnn.run import RunState
from jaxnn.study.compiling import Compiler, Executable, compile_program
from jaxnn.study.members import (
    member_arrays,
    padded_variables,
    program_members,
    run_data,
    watched_members,
)
from jaxnn.study.plan import Plan, Program
from jaxnn.train import run_keys


class Snapshot(NamedTuple):
    """A program on the host after `records` records, and the seconds spent on it so far.

    state: NumPy arrays with a leading member axis, setting-major, then seed; its `samples` are all that there were
    so far, of the watched members alone.
    """

    state: RunState
    records: int
    compile_seconds: float
    run_seconds: float


class Session(NamedTuple):
    """A program in training.  `state` is on the devices, its members padded to a multiple of them, as long as there
    is something left to train.

    `samples` are those of the watched members, on the host, chunk by chunk; empty where nobody looks.
    """

    program: Program
    num_members: int
    train_records: Callable[[RunState, int, int], RunState]  # (state, first, last) -> state; state is donated
    state: RunState
    records: int
    compile_seconds: float
    run_seconds: float
    watched: tuple[int, ...] = ()
    samples: tuple[Sample, ...] = ()


def open_session(
    plan: Plan, program: Program, start: Snapshot | None = None, *, compiler: Compiler = compile_program
) -> Session:
    """Compile a program of a plan, and put it on the devices before its first record, or as `start` has it.

    Args:
        plan: the study.
        program: one of its programs.
        start: where an earlier session of the same program was; one that has nothing left to train is not compiled.
        compiler: compiles it; the session counts the seconds that it waits for it.
    """
    started = time.perf_counter()
    records, compile_seconds, run_seconds = start[1:] if start is not None else (0, 0.0, 0.0)
    samples = () if start is None or start.state.samples is None else (start.state.samples,)
    if start is not None and records >= program.recipe.run.num_records:
        state, train_records = start.state, _no_records_left
    else:
        executable = compiler(plan, program, from_start=start is None)
        mesh = executable.mesh
        arguments = place(mesh, member_arrays(plan, program, mesh.size), run_data(program))
        if start is None:
            state = executable.init(*arguments, _first_variables(plan, program, executable))
        else:
            state = _place(start.state._replace(samples=None), mesh)
        state = jax.block_until_ready(state)

        def train_records(state: RunState, first: int, last: int) -> RunState:
            return executable.advance(state, *arguments, first, last)

    return Session(
        program,
        len(program_members(plan, program)),
        train_records,
        state._replace(samples=None),
        records,
        compile_seconds + time.perf_counter() - started,
        run_seconds,
        watched_members(plan, program),
        samples,
    )


def advance(session: Session, last: int) -> Session:
    """Train the records up to `last`; the given session's state is used up.

    Where every member has stopped or diverged the program would compute what nobody keeps, so it is not run; the
    samples of a monitored one have their places all the same.
    """
    if session.program.recipe.run.monitor_every is None and not is_training(session).any():
        return session._replace(records=last)
    started = time.perf_counter()
    state = jax.block_until_ready(session.train_records(session.state, session.records, last))
    samples = session.samples
    if state.samples is not None:
        rows, sampling = list(session.watched), session.program.recipe.run.sampling(session.program.num_train)
        num_samples = sampling.before(last) - sampling.before(session.records)
        taken = jax.tree.map(lambda leaf: np.asarray(leaf)[rows, :num_samples], state.samples)
        samples, state = (*samples, taken), state._replace(samples=None)
    run_seconds = session.run_seconds + time.perf_counter() - started
    return session._replace(state=state, records=last, run_seconds=run_seconds, samples=samples)


def is_training(session: Session) -> np.ndarray:
    """Which members have neither stopped nor diverged, (members,)."""
    stopped_at, diverged_at = on_host(session, (session.state.stopped_at, session.state.diverged_at))
    return (stopped_at == 0) & (diverged_at < 0)


def longest_advance(session: Session) -> int:
    """How far the session may be advanced at once: to its last record, or as far as the samples have a place."""
    run = session.program.recipe.run
    if run.monitor_every is None:
        return run.num_records
    return min(run.num_records, run.sampling(session.program.num_train).last_record(session.records))


def take_snapshot(session: Session) -> Snapshot:
    """The session as it is now, copied to the host; training may go on while the copy is used."""
    state = on_host(session, session.state)._replace(samples=samples_so_far(session))
    return Snapshot(state, session.records, session.compile_seconds, session.run_seconds)


def on_host(session: Session, arrays: Any) -> Any:
    """A copy of some arrays of a session's state, without the members that fill up the devices."""
    # np.array, not np.asarray: on CPU the latter is a view of a buffer that the next chunk is free to reuse.
    return jax.tree.map(lambda leaf: np.array(leaf)[: session.num_members], arrays)


def samples_so_far(session: Session) -> Sample | None:
    """All samples of a session as one, with leading axes (watched members, samples); None where nobody looks."""
    if not session.samples:
        return None
    return jax.tree.map(lambda *chunks: np.concatenate(chunks, axis=1), *session.samples)


def state_shapes(plan: Plan, program: Program) -> RunState:
    """Shapes and dtypes of a snapshot's state, (members, ...), without computing anything."""
    hparams = plan.settings[program.settings[0]].hparams
    run = make_member_run(program.recipe, num_examples=program.num_train)
    data = run_data(program._replace(data=program.data[:1]))
    member = jax.eval_shape(lambda seed, *rest: run.init(run_keys(seed), *rest), 0, hparams, data)
    num_members = len(program_members(plan, program))
    shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((num_members, *leaf.shape), leaf.dtype), member)
    if program.recipe.run.monitor_every is None:
        return shapes
    num_watched = len(watched_members(plan, program))
    num_samples = program.recipe.run.sampling(program.num_train).before(program.recipe.run.num_records)
    lead = (num_watched, num_samples)
    sample = sample_shapes(program.recipe.model, member.train.params)
    samples = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((*lead, *leaf.shape), leaf.dtype), sample)
    return shapes._replace(samples=samples)


def _first_variables(plan: Plan, program: Program, executable: Executable) -> Any:
    """What the members of a padded program start from, on the devices; other programs draw it as they begin."""
    if executable.draw is None:
        return None
    drawn = jax.device_get(executable.draw(np.asarray(plan.seeds, np.uint32)))
    return _place(padded_variables(plan, program, drawn), executable.mesh)


def _place(arrays: Any, mesh: Mesh) -> Any:
    """Arrays of the members on the devices, the last member repeated to fill them up, as `pad_members` does."""

    def pad(leaf: np.ndarray) -> np.ndarray:
        return np.concatenate([leaf, np.repeat(leaf[-1:], -len(leaf) % mesh.size, axis=0)])

    return jax.device_put(jax.tree.map(pad, arrays), NamedSharding(mesh, PartitionSpec("member")))


def _no_records_left(state: RunState, first: int, last: int) -> RunState:
    raise AssertionError(f"a program that is trained to its end has no records {first}, ..., {last - 1}")
