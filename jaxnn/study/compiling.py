"""The programs of a study compiled, on CPU each while the one before it trains."""

import functools
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxnn.models import Network
from jaxnn.population import (
    PROGRAMS_KEPT,
    Execution,
    Members,
    Population,
    choose_execution,
    jit_once,
    make_population,
)
from jaxnn.run import RunData, RunState
from jaxnn.study.members import (
    different_networks,
    member_arrays,
    program_members,
    run_data_shapes,
    variable_shapes,
    watched_members,
)
from jaxnn.study.memory import own_data_bytes
from jaxnn.study.plan import Plan, Program
from jaxnn.train import run_keys
from jaxnn.types import Params

# Programs that are compiled, or about to be, before they are asked for: with one the thread would have nothing to
# do while the figures of a part are drawn.
AHEAD = 2


class Executable(NamedTuple):
    """A program compiled for its devices; every array has a leading member axis but the data's.

    init(members, data, variables) -> RunState; `variables` is None where the program is not padded
    advance(state, members, data, first, last) -> RunState; `state` is donated
    draw(seeds) -> the parameters of each of `different_networks`, (seeds, ...), for a padded program to start from
    """

    mesh: Mesh
    init: Callable[[Members, RunData, Any], RunState]
    advance: Callable[[RunState, Members, RunData, int, int], RunState]
    draw: Callable[[np.ndarray], list[Params]] | None = None


class Compiler(Protocol):
    """Who compiles a program that is to be trained: `compile_program`, or an `Ahead`."""

    def __call__(self, plan: Plan, program: Program, *, from_start: bool = True) -> Executable: ...


def compile_program(plan: Plan, program: Program, *, from_start: bool = True) -> Executable:
    """Compile a program of a plan; what was compiled before in this process is found again.

    Args:
        plan: the study.
        program: one of its programs.
        from_start: whether it is to be trained from its first record; one that goes on has no use for `init`, which
            then waits for its first call to be compiled.
    """
    population = _population(plan, program)
    arguments = _argument_shapes(plan, program, population.mesh)
    if not from_start:
        return Executable(population.mesh, population.init, _compile_advance(population, *arguments))
    _state_shapes(population, *arguments)  # both of what follows need its trace, which jax keeps
    compile_start = functools.partial(_compile_start, plan, program, population, arguments)
    with ThreadPoolExecutor(1, thread_name_prefix="compile-start") as thread:
        start = thread.submit(compile_start).result if _may_compile_beside() else compile_start
        advance = _compile_advance(population, *arguments)
        init, draw = start()
    return Executable(population.mesh, init, advance, draw)


def _may_compile_beside() -> bool:
    """Whether something else may go on: not where the compiler times its kernels, on the device that trains."""
    return jax.default_backend() == "cpu"


class Ahead:
    """A compiler that is at the next programs, in a thread, while those before them train.  A context.

    Only on CPU, see `_may_compile_beside`.
    """

    def __init__(self, programs: Iterable[tuple[Plan, Program]]) -> None:
        """Args: `programs` that will be asked for, in this order, to be trained from their start."""
        self._coming = list(programs) if _may_compile_beside() else []
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="compile")
        self._started: dict[int, Future] = {}

    def __enter__(self) -> "Ahead":
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(cancel_futures=True)

    def __call__(self, plan: Plan, program: Program, *, from_start: bool = True) -> Executable:
        started = self._started.pop(id(program), None)
        self._coming = [one for one in self._coming if one[1] is not program]
        executable = started.result() if started else compile_program(plan, program, from_start=from_start)
        while self._coming and len(self._started) < AHEAD:
            following = self._coming.pop(0)
            self._started[id(following[1])] = self._thread.submit(compile_program, *following)
        return executable


def _population(plan: Plan, program: Program) -> Population:
    num_members, watched = len(program_members(plan, program)), watched_members(plan, program)
    execution = choose_execution(
        program.recipe,
        input_shape=program.input_shape,
        num_examples=program.num_train,
        num_members=num_members,
        own_data_bytes=own_data_bytes(program.data),
    )
    return make_population(
        program.recipe,
        execution,
        num_examples=program.num_train,
        num_watched=_most_on_one_device(watched, num_members, execution),
    )


def _most_on_one_device(watched: Sequence[int], num_members: int, execution: Execution) -> int:
    """How many of the watched members are on one device, at most; the devices have equal shares, in order."""
    per_device = -(-num_members // execution.num_devices)
    return max(Counter(position // per_device for position in watched).values(), default=1)


def _argument_shapes(plan: Plan, program: Program, mesh: Mesh) -> tuple[tuple, Any]:
    """Shapes, dtypes and places of (members, data, variables), flat and so with a hash: leaves, structure."""
    each, same = PartitionSpec("member"), PartitionSpec()
    members = member_arrays(plan, program, mesh.size)
    variables = None
    if program.padded:
        lead = (len(members.seed),)
        variables = jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct((*lead, *leaf.shape), leaf.dtype), variable_shapes(program)
        )
    shapes = (
        _placed(members, mesh, each),
        _placed(run_data_shapes(program), mesh, same),
        _placed(variables, mesh, each),
    )
    leaves, structure = jax.tree.flatten(shapes)
    return tuple(leaves), structure


def _placed(arrays: Any, mesh: Mesh, spec: PartitionSpec) -> Any:
    sharding = NamedSharding(mesh, spec)
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding), arrays)


def _compile_start(plan: Plan, program: Program, population: Population, arguments: tuple[tuple, Any]) -> tuple:
    """`init` and `draw` of an executable."""
    init = _compile_init(population, *arguments)
    if not program.padded:
        return init, None
    return init, _compile_draw(different_networks(plan, program), program.input_shape, len(plan.seeds))


@functools.lru_cache(maxsize=PROGRAMS_KEPT)
def _compile_init(population: Population, leaves: tuple, structure: Any) -> Callable:
    return population.init.lower(*jax.tree.unflatten(structure, leaves)).compile()


@functools.lru_cache(maxsize=PROGRAMS_KEPT)
def _compile_advance(population: Population, leaves: tuple, structure: Any) -> Callable:
    members, data, _ = jax.tree.unflatten(structure, leaves)
    state = _placed(_state_shapes(population, leaves, structure), population.mesh, PartitionSpec("member"))
    return population.advance.lower(state, members, data, 0, 1).compile()


def _state_shapes(population: Population, leaves: tuple, structure: Any) -> RunState:
    return population.init.eval_shape(*jax.tree.unflatten(structure, leaves))


@functools.lru_cache(maxsize=PROGRAMS_KEPT)
def _compile_draw(models: tuple[Network, ...], input_shape: tuple[int, ...], num_seeds: int) -> Callable:
    """draw(seeds) -> the parameters of each network, (seeds, ...), as `init_state` draws them.

    One program for all of them: compiled one by one they take longer.
    """

    def draw(seed):
        return [model.init(run_keys(seed).init, jnp.zeros((1, *input_shape)))["params"] for model in models]

    return jit_once(jax.vmap(draw)).lower(jax.ShapeDtypeStruct((num_seeds,), np.uint32)).compile()
