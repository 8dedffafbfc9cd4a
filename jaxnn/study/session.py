"""One program of a study while it trains: compiled, on its devices, advanced from record to record.

Between two chunks of records it can be taken to the host as a `Snapshot`, and opened again from one, with the same
bits: the snapshot and the plan say everything there is to know.
"""

import functools
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxnn.data import Split
from jaxnn.models import Activation, Network, pad_variables
from jaxnn.monitor import Sample
from jaxnn.population import (
    PROGRAMS_KEPT,
    Execution,
    Members,
    Population,
    choose_execution,
    jit_once,
    make_member_run,
    make_population,
    pad_members,
    place,
    stack_hparams,
)
from jaxnn.run import Run, RunData, RunState
from jaxnn.study.padding import hidden_units
from jaxnn.study.plan import Plan, Program
from jaxnn.train import run_keys
from jaxnn.types import Batch, Hparams


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
    """A program in training.  `state` is on the devices, its members padded to a multiple of them.

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


def open_session(plan: Plan, program: Program, start: Snapshot | None = None) -> Session:
    """Compile a program of a plan, and put it on the devices before its first record, or as `start` has it.

    Args:
        plan: the study.
        program: one of its programs.
        start: where an earlier session of the same program was; one that has nothing left to train is not compiled.
    """
    recipe = program.recipe
    members = program_members(plan, program)
    execution = choose_execution(
        recipe, input_shape=program.input_shape, num_examples=program.num_train, num_members=len(members)
    )
    watched = watched_members(plan, program)
    population = make_population(
        recipe,
        execution,
        num_examples=program.num_train,
        num_watched=_most_on_one_device(watched, members, execution),
    )
    arguments = _place_members(plan, program, population)

    def train_records(state: RunState, first: int, last: int) -> RunState:
        return advance(state, *arguments, first, last)

    records, compile_seconds, run_seconds = start[1:] if start is not None else (0, 0.0, 0.0)
    samples = () if start is None or start.state.samples is None else (start.state.samples,)
    started = time.perf_counter()
    if start is not None:
        state = _place(start.state._replace(samples=None), population.mesh)
    else:
        state = population.init(*arguments)
        if program.padded:
            state = _with_variables(state, _padded_variables(plan, program), population.mesh)
    if records < recipe.run.num_records:
        advance = population.advance.lower(state, *arguments, 0, 1).compile()
    jax.block_until_ready(state)
    compile_seconds += time.perf_counter() - started
    seconds = (compile_seconds, run_seconds)
    return Session(program, len(members), train_records, state, records, *seconds, watched, samples)


def advance(session: Session, last: int) -> Session:
    """Train the records up to `last`; the given session's state is used up."""
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


def program_members(plan: Plan, program: Program) -> Sequence[tuple[int, int]]:
    """The members of a program, (setting, seed), in the order of the member axis."""
    return [(setting, seed) for setting in program.settings for seed in plan.seeds]


def watched_members(plan: Plan, program: Program) -> tuple[int, ...]:
    """The positions of the members of a program that are looked into; none where it is not monitored."""
    if program.recipe.run.monitor_every is None:
        return ()
    seeds = plan.config.monitoring.monitor_seeds
    return tuple(position for position, (_, seed) in enumerate(program_members(plan, program)) if seed in seeds)


def samples_so_far(session: Session) -> Sample | None:
    """All samples of a session as one, with leading axes (watched members, samples); None where nobody looks."""
    if not session.samples:
        return None
    return jax.tree.map(lambda *chunks: np.concatenate(chunks, axis=1), *session.samples)


def run_data(program: Program) -> RunData:
    """The arrays that a program trains on and validates with, still on the host; several sets are stacked."""

    def stack(splits: Sequence[Split]) -> Batch:
        arrays: Any = splits[0] if len(splits) == 1 else map(np.stack, zip(*splits, strict=True))
        return Batch(*arrays)

    train, validation = (stack([getattr(data, name) for data in program.data]) for name in ("train", "validation"))
    return RunData(train, validation if len(program.data[0].validation.x) else None)


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
    after = jax.eval_shape(lambda seed, *rest: _after_nothing(run, seed, *rest), 0, hparams, data)
    num_watched = len(watched_members(plan, program))
    num_samples = program.recipe.run.sampling(program.num_train).before(program.recipe.run.num_records)
    lead = (num_watched, num_samples)
    samples = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((*lead, *leaf.shape[1:]), leaf.dtype), after.samples)
    return shapes._replace(samples=samples)


def _after_nothing(run: Run, seed: int, hparams: Hparams, data: RunData) -> RunState:
    """The state after an `advance` of no records, for its shapes."""
    keys = run_keys(seed)
    return run.advance(run.init(keys, hparams, data), keys, hparams, data, 0, 0)


def _most_on_one_device(watched: Sequence[int], members: Sequence, execution: Execution) -> int:
    """How many of the watched members are on one device, at most; the devices have equal shares, in order."""
    per_device = -(-len(members) // execution.num_devices)
    return max(Counter(position // per_device for position in watched).values(), default=1)


def _place_members(plan: Plan, program: Program, population: Population) -> tuple[Members, RunData]:
    """The arguments of a population on its devices, its last member repeated to fill them up."""
    index = dict(zip(program.settings, program.data_index, strict=True))
    members = program_members(plan, program)
    padded = pad_members(members, population.mesh.size)
    watched = watched_members(plan, program)
    return place(
        population,
        [seed for _, seed in padded],
        stack_hparams([plan.settings[setting].hparams for setting, _ in padded]),
        run_data(program),
        data_index=[index[setting] for setting, _ in padded] if len(program.data) > 1 else None,
        watched=[position in watched for position in range(len(padded))] if watched else None,
    )


def _place(arrays: Any, mesh: Mesh) -> Any:
    """Arrays of the members on the devices, the last member repeated to fill them up, as `pad_members` does."""

    def pad(leaf: np.ndarray) -> np.ndarray:
        return np.concatenate([leaf, np.repeat(leaf[-1:], -len(leaf) % mesh.size, axis=0)])

    return jax.device_put(jax.tree.map(pad, arrays), NamedSharding(mesh, PartitionSpec("member")))


def _padded_variables(plan: Plan, program: Program) -> Any:
    """The initial variables of the members of a padded program: what each network draws alone, padded."""
    model, inputs = program.recipe.model, jax.ShapeDtypeStruct((1, *program.input_shape), np.float32)
    shapes = jax.eval_shape(model.init, jax.random.key(0), inputs)
    networks = [plan.settings[position].recipe.model for position in program.settings]
    starts = [_without_activations(network) for network in networks]
    different = tuple(dict.fromkeys(starts))
    initialise = _initialiser(different, program.input_shape)
    drawn = jax.device_get(initialise(np.asarray(plan.seeds, np.uint32)))  # pyright: ignore[reportArgumentType]
    members = [
        pad_variables(drawn[different.index(start)], hidden_units(network), model, shapes)
        for network, start in zip(networks, starts, strict=True)
    ]
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *members)


@functools.lru_cache(maxsize=PROGRAMS_KEPT)
def _initialiser(models: tuple[Network, ...], input_shape: tuple[int, ...]) -> Callable[[np.ndarray], list]:
    """initialise(seeds) -> the parameters of each network, (seeds, ...), as `init_state` draws them.

    One program for all of them: compiled one by one they take longer.
    """

    def initialise(seed):
        return [model.init(run_keys(seed).init, jnp.zeros((1, *input_shape)))["params"] for model in models]

    return jit_once(jax.vmap(initialise))


def _without_activations(model: Network) -> Network:
    """A network that starts from the same parameters, and is the same for all activations."""
    return Network(
        tuple(Activation("identity") if isinstance(layer, Activation) else layer for layer in model.layers)
    )


def _with_variables(state: RunState, variables: Any, mesh: Mesh) -> RunState:
    """The state before the first step with other variables; where the optimizer starts does not depend on them."""
    # Placed twice: the best so far must not alias the parameters, or donating one would lose both.
    train, best = (_place(variables, mesh) for _ in range(2))
    return state._replace(train=state.train._replace(**train), best=state.best._replace(**best))
