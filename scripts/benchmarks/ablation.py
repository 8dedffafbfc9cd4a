"""What each of the measured choices is worth: a case with the choice as it is, and with it turned off."""

import dataclasses
import statistics

from cases import CASES, Case, load

from jaxnn import optim
from jaxnn.kernels import dense
from jaxnn.study import plan_study
from jaxnn.study.training import train_program

# Choice -> (module, constant, the value that turns it off).
CONSTANTS = {"flat small updates": (optim, "FLATTEN_BELOW", 0), "small products as sums": (dense, "SMALL", 0)}


def ablation_rows(*, rounds: int) -> list[tuple[str, str, dict[str, float]]]:
    """(case, choice, milliseconds for a member and epoch under each alternative), the medians of the rounds."""
    rows = []
    for case in CASES:
        alternatives = {name: _with_execution(case, name) for name in ("vmap", "map")}
        rows.append((case.name, "execution", _medians(alternatives, rounds)))
        for choice, (module, constant, off) in CONSTANTS.items():
            if case.data.dataset == "moons":
                rows.append((case.name, choice, _with_and_without(case, module, constant, off, rounds)))
    return rows


def _with_execution(case: Case, execution: str):
    config = case.config
    training = dataclasses.replace(config.training, execution=execution)
    plan = plan_study(dataclasses.replace(config, training=training), {}, load=load)
    return lambda: _milliseconds(case, plan)


def _with_and_without(case: Case, module, constant: str, off: int, rounds: int) -> dict[str, float]:
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
    return 1e3 * train_program(plan, 0).run_seconds / (case.members * case.epochs)
