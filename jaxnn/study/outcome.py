"""From trained programs to an outcome: one setting selected on validation data, the test set used once."""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
import xarray as xr

from jaxnn.data import merge
from jaxnn.population import Recipe
from jaxnn.study.plan import Plan, Program, Setting
from jaxnn.study.results import make_dataset, selected_setting, test_variables
from jaxnn.study.training import (
    Keeper,
    KeepNothing,
    Observer,
    TrainedProgram,
    ignore_progress,
    predict_members,
    train_program,
)
from jaxnn.types import Params

Variables = tuple[Params, Params]  # (params, batch_stats)


class Outcome(NamedTuple):
    """Everything that is known when a study is over.

    `final` is (params, batch_stats) of the members that met the test set, by seed; None if there was no test set,
    or every member diverged.
    """

    plan: Plan
    trained: list[TrainedProgram]
    results: xr.Dataset
    final: Variables | None

    def predict(self, setting: int, x: np.ndarray) -> np.ndarray:
        """Outputs of a setting's members at their best epochs: (seeds, rows, ...) for stored inputs (rows, ...)."""
        recipe, variables = members_at_best(self.plan, self.trained, setting)
        return predict_members(recipe, variables, x)


def conclude(
    plan: Plan,
    trained: list[TrainedProgram],
    *,
    observe: Observer = ignore_progress,
    keeper: Callable[[Plan, Program], Keeper] = lambda plan, program: KeepNothing(),
) -> Outcome:
    """Select a setting on validation data, and use the test set once, on its members.

    Args:
        plan: of the study.
        trained: its programs, trained.
        observe: told of the retraining, where the plan asks for one.
        keeper: makes the keeper of that retraining.
    """
    results = make_dataset(plan, trained)
    setting = selected_setting(plan, results)
    if setting is None:
        return Outcome(plan, trained, results, None)
    data = next(program.data for program in plan.programs if setting in program.settings)
    if not len(data.test.x):
        return Outcome(plan, trained, results, None)
    recipe, variables = members_at_best(plan, trained, setting)
    best_epochs, diverged_at = (
        results[name].values.reshape(-1, len(plan.seeds))[setting] for name in ("best_epoch", "diverged_at")
    )
    if plan.config.final == "retrain":
        has_result = (diverged_at < 0) & (best_epochs > 0)
        again = _retraining(plan, setting, int(np.median(best_epochs[has_result])))
        retrained = train_program(again, 0, observe=observe, keeper=keeper(again, again.programs[0]))
        variables, diverged_at = retrained.last, retrained.diverged_at
    outputs = predict_members(recipe, variables, data.test.x)
    test = test_variables(recipe, data, outputs, seeds=plan.seeds, diverged_at=diverged_at)
    results = results.merge(test, combine_attrs="override")
    return Outcome(plan, trained, results, variables)


def members_at_best(plan: Plan, trained: list[TrainedProgram], setting: int) -> tuple[Recipe, Variables]:
    """The recipe of a setting, and the (params, batch_stats) of its members at their best epochs, by seed."""
    one = next(one for one in trained if setting in one.program.settings)
    first = one.program.settings.index(setting) * len(plan.seeds)
    return one.program.recipe, jax.tree.map(lambda leaf: leaf[first : first + len(plan.seeds)], one.best)


def _retraining(plan: Plan, setting: int, epochs: int) -> Plan:
    """The plan that trains one setting on training and validation data together, for so many epochs."""
    chosen = plan.settings[setting]
    program = next(p for p in plan.programs if setting in p.settings)
    run = dataclasses.replace(
        chosen.recipe.run, epochs=epochs, eval_every=_divisor(epochs, chosen), patience=None, select_on="train_loss"
    )
    recipe = dataclasses.replace(chosen.recipe, run=run)
    again = program._replace(recipe=recipe, data=merge(program.data), settings=(0,))
    return plan._replace(settings=[chosen._replace(recipe=recipe)], programs=[again], sweep={})


def _divisor(epochs: int, setting: Setting) -> int:
    every = setting.recipe.run.eval_every
    return every if epochs % every == 0 else 1
