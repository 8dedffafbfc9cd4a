"""What each of the measured choices is worth: a case with the choice as it is, and with it turned off."""

import dataclasses
import statistics
from collections.abc import Iterator

from cases import CASES, Case, load, two_d

from jaxnn import optim
from jaxnn.kernels import dense
from jaxnn.models import summary_rows
from jaxnn.population import make_population
from jaxnn.population import program as population_program
from jaxnn.population.program import CPU_COMPILER_OPTIONS
from jaxnn.study import plan_study
from jaxnn.study.training import train_program

# Choice -> (module, constant, the value that turns it off).
FOR_ALL = {
    f"compiler option {option}": (
        population_program,
        "CPU_COMPILER_OPTIONS",
        {other: value for other, value in CPU_COMPILER_OPTIONS.items() if other != option},
    )
    for option in CPU_COMPILER_OPTIONS
}
FOR_SMALL = {"flat small updates": (optim, "FLATTEN_BELOW", 0), "small products as sums": (dense, "SMALL", 0)}

# Between the cases, around the size from which one member after another is faster.
BETWEEN = (two_d(20, 20), two_d(60, 60), two_d(200, 200))

# Whose batch is the whole training set, as in gradient descent.
FULL_BATCH = two_d(6, batch_size=750)


Rows = Iterator[tuple[str, str, dict[str, float]]]


def execution_rows(*, rounds: int) -> Rows:
    """(case, operations, milliseconds for a member and epoch under each execution), the medians of the rounds."""
    for case in (*CASES, *BETWEEN):
        yield case.name, f"{_step_flops(case):,} a step", _by_execution(case, rounds)


def ablation_rows(*, rounds: int) -> Rows:
    """(case, choice, milliseconds for a member and epoch with it and without), the medians of the rounds."""
    for case in (*CASES, FULL_BATCH):
        for choice, switch in (FOR_ALL | (FOR_SMALL if case.data.dataset == "moons" else {})).items():
            yield case.name, choice, _with_and_without(case, *switch, rounds)


def _step_flops(case: Case) -> int:
    """Operations of the forward pass of a batch, which `choose_execution` goes by."""
    setting = plan_study(case.config, {}, load=load).settings[0]
    return case.batch_size * sum(
        row.flops for row in summary_rows(setting.recipe.model, setting.data.info.input_shape)
    )


def _by_execution(case: Case, rounds: int) -> dict[str, float]:
    config = case.config
    plans = {
        name: plan_study(
            dataclasses.replace(config, training=dataclasses.replace(config.training, execution=name)),
            {},
            load=load,
        )
        for name in ("vmap", "map")
    }
    return _medians({name: lambda plan=plan: _milliseconds(case, plan) for name, plan in plans.items()}, rounds)


def _with_and_without(case: Case, module, constant: str, off, rounds: int) -> dict[str, float]:
    usual = getattr(module, constant)
    plan = plan_study(case.config, {}, load=load)

    def run(value):
        setattr(module, constant, value)
        try:
            return _milliseconds(case, plan)
        finally:
            setattr(module, constant, usual)

    return _medians({"on": lambda: run(usual), "off": lambda: run(off)}, rounds)


def _medians(alternatives, rounds: int) -> dict[str, float]:
    figures = {name: [] for name in alternatives}
    for _ in range(rounds):
        for name, run in alternatives.items():
            figures[name].append(run())
    return {name: statistics.median(values) for name, values in figures.items()}


def _milliseconds(case: Case, plan) -> float:
    """A program is traced anew each time, so that a changed constant takes effect; compilation is not counted."""
    make_population.cache_clear()
    return 1e3 * train_program(plan, 0).run_seconds / (case.members * case.epochs)
