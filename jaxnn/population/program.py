"""The compiled program of a population: all members at once, over every device there is."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxnn.epoch import scaled
from jaxnn.models import Network
from jaxnn.population.execution import Execution
from jaxnn.population.recipe import Recipe, make_member_run
from jaxnn.run import RunData, RunState
from jaxnn.train import run_keys
from jaxnn.types import Params

# What XLA chooses otherwise on CPU (measured: scripts/bench --case ablation): it prefers vectors of 256
# bits even where the processor has 512, and hands sums to a library that takes several times as long as its own
# loops where they are small and many, as over the batch of every member: the library keeps the products alone.
CPU_COMPILER_OPTIONS = {
    "xla_cpu_prefer_vector_width": 512,
    "xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT",
}

# What runs once, and is short, is not worth the usual level: at the first it compiles sooner, to the same bits.
ONCE_COMPILER_OPTIONS = {"xla_backend_optimization_level": 1}

# Compiled programs that a process keeps for the next study of the same shapes: some 20 MiB each.
PROGRAMS_KEPT = 16


class Population(NamedTuple):
    """A program as two compiled-once functions; every array has a leading member axis but the data's.

    init(members, data, variables=None) -> RunState
    advance(state, members, data, first, last) -> RunState; `state` is donated.

    Where members have a `data_index`, the arrays of `data` have a leading axis of data sets.
    """

    init: Callable[..., RunState]
    advance: Callable[..., RunState]
    mesh: Mesh


@functools.lru_cache(maxsize=PROGRAMS_KEPT)
def make_population(recipe: Recipe, execution: Execution, *, num_examples: int, num_watched: int = 1) -> Population:
    """The program of `recipe`, executed over members as `execution` says; the same one for the same arguments.

    So two studies of one process whose members share a recipe, and whose arrays have the same shapes, share what
    was compiled.  The number of members must be a multiple of `execution.num_devices` (see `pad_members`); of those
    on one device `num_watched` are watched at most.
    """
    vectorised = execution.members == "vmap"
    run = make_member_run(recipe, num_examples=num_examples, num_watched=num_watched, vectorised=vectorised)

    def init_members(members, data, variables):
        def member(one, variables):
            return run.init(run_keys(one.seed), one.hparams, _member_data(data, one.data_index), variables)

        return _over_members(member, (members, variables), execution)

    def advance(state, members, data, first, last):
        def member(state, one):
            keys, own = run_keys(one.seed), _member_data(data, one.data_index)
            watched = True if one.watched is None else one.watched
            return run.advance(state, keys, one.hparams, own, first, last, watched)

        return _over_members(member, (state, members), execution)

    devices = jax.devices()[: execution.num_devices]
    axis_types = (jax.sharding.AxisType.Auto,)
    mesh = jax.make_mesh((execution.num_devices,), ("member",), devices=devices, axis_types=axis_types)
    each, same = PartitionSpec("member"), PartitionSpec()
    spread_init = jax.shard_map(
        init_members, mesh=mesh, in_specs=(each, same, each), out_specs=each, check_vma=False
    )
    spread_advance = jax.shard_map(
        advance, mesh=mesh, in_specs=(each, each, same, same, same), out_specs=each, check_vma=False
    )
    options = CPU_COMPILER_OPTIONS if jax.default_backend() == "cpu" else None
    compiled_advance = jax.jit(spread_advance, donate_argnums=0, compiler_options=options)

    def init(members, data, variables=None):
        return spread_init(members, data, variables)

    return Population(jit_once(init), compiled_advance, mesh)


def jit_once(function: Callable) -> Callable:
    """`jax.jit` for what is called once: on CPU compiled in less time, to slower code."""
    return jax.jit(function, compiler_options=ONCE_COMPILER_OPTIONS if jax.default_backend() == "cpu" else None)


def _member_data(data: RunData, index: jax.Array | None) -> RunData:
    """The data set of a member, out of one or several."""
    return data if index is None else jax.tree.map(lambda sets: sets[index], data)


def _over_members(function: Callable, members: tuple, execution: Execution):
    """`function` of every member; `members` holds its arguments, stacked along their leading axis."""
    if execution.members == "vmap":
        return jax.vmap(function)(*members)
    return jax.lax.map(lambda member: function(*member), members)


def place(mesh: Mesh, members: Any, data: RunData) -> tuple[Any, RunData]:
    """The arguments of a population on its devices: members (or what else has their axis) spread, data on each."""
    each, same = NamedSharding(mesh, PartitionSpec("member")), NamedSharding(mesh, PartitionSpec())
    return jax.device_put(members, each), jax.device_put(data, same)


@functools.lru_cache(maxsize=PROGRAMS_KEPT)
def make_predict(model: Network, scale: float) -> Callable[[tuple[Params, Params], jax.Array], jax.Array]:
    """predict(variables, x) -> outputs (members, rows, ...), one member after another on one device.

    `variables` is (params, batch_stats) with a leading member axis; x (rows, *input_shape) as the data stores it.
    """

    def predict(variables, x):
        inputs = scaled(x, scale)

        def member(variables):
            params, batch_stats = variables
            return model.apply({"params": params, "batch_stats": batch_stats}, inputs)

        return jax.lax.map(member, variables)

    return jax.jit(predict)
