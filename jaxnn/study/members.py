"""The members of a program: who they are, and the arrays that they train on and start from."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from jaxnn.data import Split
from jaxnn.models import Activation, Network, pad_variables
from jaxnn.population import Members, make_members, pad_members, stack_hparams
from jaxnn.run import RunData
from jaxnn.study.padding import hidden_units
from jaxnn.study.plan import Plan, Program
from jaxnn.types import Batch, Params


def program_members(plan: Plan, program: Program) -> Sequence[tuple[int, int]]:
    """The members of a program, (setting, seed), in the order of the member axis."""
    return [(setting, seed) for setting in program.settings for seed in plan.seeds]


def watched_members(plan: Plan, program: Program) -> tuple[int, ...]:
    """The positions of the members of a program that are looked into; none where it is not monitored."""
    if program.recipe.run.monitor_every is None:
        return ()
    seeds = plan.config.monitoring.monitor_seeds
    return tuple(position for position, (_, seed) in enumerate(program_members(plan, program)) if seed in seeds)


def member_arrays(plan: Plan, program: Program, num_devices: int) -> Members:
    """The members of a program as arrays, the last of them repeated to fill up the devices."""
    index = dict(zip(program.settings, program.data_index, strict=True))
    padded = pad_members(program_members(plan, program), num_devices)
    watched = frozenset(watched_members(plan, program))
    return make_members(
        [seed for _, seed in padded],
        stack_hparams([plan.settings[setting].hparams for setting, _ in padded]),
        data_index=[index[setting] for setting, _ in padded] if len(program.data) > 1 else None,
        watched=[position in watched for position in range(len(padded))] if watched else None,
    )


def run_data(program: Program) -> RunData:
    """The arrays that a program trains on and validates with, still on the host; several sets are stacked."""

    def stack(splits: Sequence[Split]) -> Batch:
        arrays: Any = splits[0] if len(splits) == 1 else map(np.stack, zip(*splits, strict=True))
        return Batch(*arrays)

    train, validation = (stack([getattr(data, name) for data in program.data]) for name in ("train", "validation"))
    return RunData(train, validation if len(program.data[0].validation.x) else None)


def run_data_shapes(program: Program) -> RunData:
    """Shapes and dtypes of `run_data`, without stacking anything."""
    lead = (len(program.data),) if len(program.data) > 1 else ()
    one = run_data(program._replace(data=program.data[:1]))
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((*lead, *leaf.shape), leaf.dtype), one)


def different_networks(plan: Plan, program: Program) -> tuple[Network, ...]:
    """The networks of a padded program that start from different parameters: activations make no difference."""
    networks = [plan.settings[position].recipe.model for position in program.settings]
    return tuple(dict.fromkeys(map(_without_activations, networks)))


def padded_variables(plan: Plan, program: Program, drawn: Sequence[Params]) -> dict[str, Params]:
    """What the members of a padded program start from: what each network draws alone, padded.

    Args:
        plan: the study.
        program: a padded one.
        drawn: parameters of each of `different_networks`, every leaf (seeds, ...).
    """
    starts = different_networks(plan, program)
    shapes = variable_shapes(program)
    members = []
    for position in program.settings:
        network = plan.settings[position].recipe.model
        own = drawn[starts.index(_without_activations(network))]
        members.append(pad_variables(own, hidden_units(network), program.recipe.model, shapes))
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *members)


def variable_shapes(program: Program) -> Any:
    """Shapes and dtypes of the variables of a member."""
    inputs = jax.ShapeDtypeStruct((1, *program.input_shape), np.float32)
    return jax.eval_shape(program.recipe.model.init, jax.random.key(0), inputs)


def _without_activations(model: Network) -> Network:
    return Network(
        tuple(Activation("identity") if isinstance(layer, Activation) else layer for layer in model.layers)
    )
