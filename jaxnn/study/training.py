"""Training the programs of a study: the host's side, chunk by chunk."""

import time
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np

from jaxnn.population import (
    Execution,
    Recipe,
    choose_execution,
    make_population,
    make_predict,
    pad_members,
    place,
    stack_hparams,
)
from jaxnn.run import RunData
from jaxnn.study.plan import Plan, Program
from jaxnn.types import Batch, Params

# The host looks at a study about this often; what it sees changes nothing.
CHUNK_SECONDS = 1.0


class TrainedProgram(NamedTuple):
    """What training a program gave, on the host; the leading axis of every array is setting-major, then seed.

    `history` maps a metric to (members, records); `best` and `last` are (params, batch_stats) with a member axis.
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


class Progress(NamedTuple):
    """What an observer of training is told after every chunk of records."""

    program: int  # position among the programs
    first: int  # the records trained in this chunk: first, ..., last - 1
    last: int
    history: dict[str, np.ndarray]  # metric -> (members, records), NaN where there is nothing yet
    stopped_at: np.ndarray  # (members,)
    diverged_at: np.ndarray  # (members,)
    examples: int  # examples that this chunk trained on, all members together
    seconds: float


Observer = Callable[[Plan, Progress], None]


def ignore_progress(plan: Plan, progress: Progress) -> None:
    """The observer that looks away."""


def train_study(plan: Plan, *, observe: Observer = ignore_progress) -> list[TrainedProgram]:
    """Train every program of a plan, one after the other.

    Args:
        plan: from `plan_study`.
        observe: called on the host after every chunk of records, about once a second.
    """
    return [train_program(plan, position, observe=observe) for position in range(len(plan.programs))]


def train_program(plan: Plan, position: int, *, observe: Observer = ignore_progress) -> TrainedProgram:
    """Compile and train one program of a plan."""
    program = plan.programs[position]
    recipe, data = program.recipe, program.data
    members = [(setting, seed) for setting in program.settings for seed in plan.seeds]
    execution = choose_execution(
        recipe, input_shape=data.info.input_shape, num_examples=len(data.train.x), num_members=len(members)
    )
    population = make_population(recipe, execution, num_examples=len(data.train.x))
    padded = pad_members(members, execution.num_devices)
    run_data = RunData(Batch(*data.train), Batch(*data.validation) if len(data.validation.x) else None)
    hparams = stack_hparams([plan.settings[setting].hparams for setting, _ in padded])
    arguments = place(population, [seed for _, seed in padded], hparams, run_data)

    started = time.perf_counter()
    state = population.init(*arguments)
    advance = population.advance.lower(state, *arguments, 0, 1).compile()
    jax.block_until_ready(state)
    compile_seconds = time.perf_counter() - started

    examples = len(members) * recipe.run.eval_every * len(data.train.x)
    first, run_seconds, chunk = 0, 0.0, 1
    while first < recipe.run.num_records:
        last = min(first + chunk, recipe.run.num_records)
        started = time.perf_counter()
        state = advance(state, *arguments, first, last)
        history, stopped_at, diverged_at = jax.tree.map(
            lambda a: np.asarray(a)[: len(members)], (state.history, state.stopped_at, state.diverged_at)
        )
        seconds = time.perf_counter() - started
        run_seconds += seconds
        observe(
            plan,
            Progress(position, first, last, history, stopped_at, diverged_at, examples * (last - first), seconds),
        )
        first = last
        chunk = max(1, int(chunk * min(4.0, CHUNK_SECONDS / max(seconds, 1e-6))))

    on_host = jax.tree.map(lambda a: np.asarray(a)[: len(members)], state)
    return TrainedProgram(
        program,
        on_host.history,
        (on_host.best.params, on_host.best.batch_stats),
        (on_host.train.params, on_host.train.batch_stats),
        on_host.best.epoch,
        on_host.stopped_at,
        on_host.diverged_at,
        compile_seconds,
        run_seconds,
    )


def predict_members(
    recipe: Recipe, variables: tuple[Params, Params], x: np.ndarray, *, block: int = 1000
) -> np.ndarray:
    """The outputs of several members for stored inputs x (rows, *input_shape) -> (members, rows, ...).

    Args:
        recipe: the recipe of the members.
        variables: (params, batch_stats) with a leading member axis.
        x: inputs as the data set stores them.
        block: rows of one call; the last one is padded, so that one compilation serves them all.
    """
    execution = Execution(1, "map")
    population = make_population(recipe, execution, num_examples=block)
    predict = make_predict(recipe, execution, population.mesh)
    block = min(block, len(x))
    outputs = []
    for start in range(0, len(x), block):
        rows = x[start : start + block]
        padded = np.concatenate([rows, np.zeros((block - len(rows), *x.shape[1:]), x.dtype)])
        outputs.append(np.asarray(predict(*variables, padded))[:, : len(rows)])
    return np.concatenate(outputs, axis=1)
