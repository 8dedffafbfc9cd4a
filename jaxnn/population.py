"""Populations: members that share a program train at once, over every device there is.

A member is a recipe (static) with its numbers (traced) and a seed.  Members with one recipe are one program; how
its member axis is executed is the business of `Execution`, and neither the model nor the step can tell.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxnn import augment, backprop
from jaxnn.epoch import RunConfig, scaled
from jaxnn.losses import loss_function
from jaxnn.models import Network, summary_rows
from jaxnn.monitor import make_look, make_probe
from jaxnn.optim import make_optimizer, make_schedule
from jaxnn.run import Run, RunData, RunState, make_run
from jaxnn.train import autodiff_value_and_grad, make_eval_step, make_train_step, run_keys
from jaxnn.types import Hparams, Params

GRADIENTS = {"autodiff": autodiff_value_and_grad, "by-hand": backprop.value_and_grad}

# Terms that are in a program as soon as one member uses them, with the value that does nothing.  (Momentum is a
# term of rmsprop alone; the optimizers named after it always have it.)
NEUTRAL = {
    "momentum": 0.0,
    "weight_decay": 0.0,
    "l1": 0.0,
    "l2": 0.0,
    "activity_l1": 0.0,
    "dropout_rate": 0.0,
    "label_smoothing": 0.0,
    "input_noise": 0.0,
    "input_mask": 0.0,
    **dict.fromkeys(augment.TERMS, 0.0),
    "clip_norm": float("inf"),
}

# Below this many multiply-adds (times two) of a batch's forward pass one vectorised step for all members beats one
# member after another.  On CPU that is measured (scripts/bench --case execution).  On an accelerator it is not, but
# reckoned: to start the sixty operations of a step takes some 0.3 ms, in which 50 TFLOP/s do three such passes.
# Above it little should be left to gain, and convolutions with several kernels at once are said to have slow
# gradients there.
VMAP_BELOW_FLOPS = {"cpu": 1_000_000, "accelerator": 5_000_000_000}

# What the members on a device may have of copies of their data sets, where there are several.
COPIED_DATA_BYTES = {"cpu": 2**28, "accelerator": 2**32}

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


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Everything static about a member.  Members whose recipes are equal share one compilation.

    `schedule_epochs` is how long the schedule of the learning rate is laid out for; None: as long as the run.
    """

    model: Network
    run: RunConfig
    loss: str = "softmax_cross_entropy"
    optimizer: str = "adam"
    schedule: str = "constant"
    gradients: Literal["autodiff", "by-hand"] = "autodiff"
    execution: Literal["auto", "vmap", "map"] = "auto"
    schedule_epochs: int | None = None


class Execution(NamedTuple):
    """How the member axis is executed: spread over `num_devices`, and on each by `members`.

    "vmap" makes one step for all members of a device; "map" trains one member after another.
    """

    num_devices: int
    members: Literal["vmap", "map"]


class Members(NamedTuple):
    """The members of a population, every leaf with a leading axis of them.

    `data_index` (members,) int32 says which of several data sets is whose; None: they share the one there is.
    `watched` (members,) bool are those whose inside is looked at in a monitored run; None: all.
    """

    seed: jax.Array
    hparams: Hparams
    data_index: jax.Array | None = None
    watched: jax.Array | None = None


class Population(NamedTuple):
    """A program as two compiled-once functions; every array has a leading member axis but the data's.

    init(members, data, variables=None) -> RunState
    advance(state, members, data, first, last) -> RunState; `state` is donated.

    Where members have a `data_index`, the arrays of `data` have a leading axis of data sets.
    """

    init: Callable[..., RunState]
    advance: Callable[..., RunState]
    mesh: Mesh


def share_terms(hparams: Sequence[Hparams]) -> list[Hparams]:
    """The same numbers, each term that one of them has given to all: the neutral value where it was absent."""
    used = [name for name in NEUTRAL if any(getattr(numbers, name) is not None for numbers in hparams)]
    return [
        dataclasses.replace(numbers, **{name: NEUTRAL[name] for name in used if getattr(numbers, name) is None})
        for numbers in hparams
    ]


def stack_hparams(hparams: Sequence[Hparams]) -> Hparams:
    """The numbers of several members as one `Hparams` of float32 arrays (members,); terms are shared first."""
    return jax.tree.map(lambda *values: np.asarray(values, np.float32), *share_terms(hparams))


def choose_execution(
    recipe: Recipe,
    *,
    input_shape: Sequence[int],
    num_examples: int,
    num_members: int,
    own_data_bytes: int = 0,
) -> Execution:
    """How members should be executed, for this backend and kind of network.

    They are spread over the devices (on CPU one a core: `runtime.start`), and on each one trains after another,
    unless a step is so small that starting its operations should cost more than its arithmetic: then all take it at
    once.  Where members have one of several data sets, a vectorised step has a copy for each, which must not become
    too large.  `recipe.execution` overrides the choice on a device.

    Args:
        recipe: of the members.
        input_shape: of one example.
        num_examples: in the training set.
        num_members: of the population.
        own_data_bytes: of the data set of a member, where there are several; 0 where all share one.
    """
    num_devices = min(jax.device_count(), num_members)
    if recipe.execution != "auto":
        return Execution(num_devices, recipe.execution)
    kind = "cpu" if jax.default_backend() == "cpu" else "accelerator"
    copied_bytes = own_data_bytes * -(-num_members // num_devices)
    rows = summary_rows(recipe.model, input_shape)
    step_flops = sum(row.flops for row in rows) * (recipe.run.batch_size or num_examples)
    is_small = copied_bytes <= COPIED_DATA_BYTES[kind] and step_flops < VMAP_BELOW_FLOPS[kind]
    return Execution(num_devices, "vmap" if is_small else "map")


def make_member_run(recipe: Recipe, *, num_examples: int, num_watched: int = 1, vectorised: bool = False) -> Run:
    """The run of one member: the whole of training as pure functions, before any vectorisation.

    Args:
        recipe: of the member.
        num_examples: in its training set.
        num_watched: where the run is monitored, and vectorised, how many of its members are watched at most.
        vectorised: whether the run will be under `vmap`.
    """
    batch_size = recipe.run.batch_size or num_examples
    steps_per_epoch = -(-num_examples // batch_size)
    loss = loss_function(recipe.loss)
    schedule_epochs = recipe.schedule_epochs or recipe.run.epochs
    schedule = make_schedule(
        recipe.schedule, total_steps=schedule_epochs * steps_per_epoch, steps_per_epoch=steps_per_epoch
    )
    optimizer = make_optimizer(recipe.optimizer, schedule)
    parts, gradients = (recipe.model, loss, optimizer), GRADIENTS[recipe.gradients]
    train_step = make_train_step(*parts, value_and_grad=gradients, vectorised=vectorised)
    eval_step = make_eval_step(recipe.model, loss)
    look = None
    if recipe.run.monitor_every is not None:
        look = make_look(recipe.model, make_probe(*parts, value_and_grad=gradients), num_watched=num_watched)
    return make_run(recipe.model, optimizer, train_step, eval_step, recipe.run, look=look, vectorised=vectorised)


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


def pad_members(members: Sequence, multiple: int) -> list:
    """`members` with its last one repeated until the length is a multiple; what the padding computes is dropped."""
    missing = -len(members) % multiple
    return [*members, *[members[-1]] * missing]


def make_members(
    seeds: Sequence[int],
    hparams: Hparams,
    *,
    data_index: Sequence[int] | None = None,
    watched: Sequence[bool] | None = None,
) -> Members:
    """The members of a population, on the host.

    Args:
        seeds: of the members.
        hparams: of the members, stacked.
        data_index: which of several data sets is whose.
        watched: the members that are looked into, in a monitored run.
    """
    index = None if data_index is None else np.asarray(data_index, np.int32)
    flags = None if watched is None else np.asarray(watched, bool)
    return Members(np.asarray(seeds, np.uint32), hparams, index, flags)  # pyright: ignore[reportArgumentType]


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
