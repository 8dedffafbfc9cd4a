"""From trained programs to an outcome: one setting selected on validation data, the test set used once."""

import dataclasses
from typing import NamedTuple

import jax
import numpy as np
import xarray as xr

from jaxnn.data import merge
from jaxnn.run import RunConfig
from jaxnn.study.plan import Plan, Setting
from jaxnn.study.results import make_dataset, members_of, selected_setting, test_variables
from jaxnn.study.training import Observer, TrainedProgram, ignore_progress, predict_members, train_program
from jaxnn.types import Params


class Outcome(NamedTuple):
    """Everything that is known when a study is over; what an experiment's `analyse` is given.

    `final` holds the members that met the test set, (recipe's program, params and batch_stats); None if there was
    no test set, or every member diverged.
    """

    plan: Plan
    trained: list[TrainedProgram]
    results: xr.Dataset
    final: tuple[Params, Params] | None


def conclude(plan: Plan, trained: list[TrainedProgram], *, observe: Observer = ignore_progress) -> Outcome:
    """Select a setting on validation data, and use the test set once, on its members."""
    results = make_dataset(plan, trained)
    setting = selected_setting(plan, results)
    if setting is None:
        return Outcome(plan, trained, results, None)
    one, members = members_of(plan, trained, setting)
    if not len(one.program.data.test.x):
        return Outcome(plan, trained, results, None)
    recipe, data = one.program.recipe, one.program.data
    variables = tuple(_slice(tree, members) for tree in one.best)
    if plan.config.final == "retrain":
        again = _retraining(plan, setting, int(np.median(one.best_epoch[members])))
        retrained = train_program(again, 0, observe=observe)
        variables = retrained.last
    outputs = predict_members(recipe, variables, data.test.x)
    results = results.merge(test_variables(recipe, data, outputs, plan.seeds), combine_attrs="override")
    return Outcome(plan, trained, results, variables)


def _retraining(plan: Plan, setting: int, epochs: int) -> Plan:
    """The plan that trains one setting on training and validation data together, for so many epochs."""
    chosen = plan.settings[setting]
    program = next(p for p in plan.programs if setting in p.settings)
    run: RunConfig = dataclasses.replace(
        chosen.recipe.run, epochs=epochs, eval_every=_divisor(epochs, chosen), patience=None, monitor="train_loss"
    )
    recipe = dataclasses.replace(chosen.recipe, run=run)
    again = program._replace(recipe=recipe, data=merge(program.data), settings=(0,))
    return plan._replace(settings=[chosen._replace(recipe=recipe)], programs=[again], sweep={})


def _divisor(epochs: int, setting: Setting) -> int:
    every = setting.recipe.run.eval_every
    return every if epochs % every == 0 else 1


def _slice(tree: Params, members: slice) -> Params:
    return jax.tree.map(lambda leaf: leaf[members], tree)
