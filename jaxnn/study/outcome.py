"""From trained programs to an outcome: one setting selected on validation data, the test set used once."""

import dataclasses
from collections.abc import Callable
from typing import Literal, NamedTuple

import jax
import numpy as np
import xarray as xr

from jaxnn import stats
from jaxnn.data import Data, merge
from jaxnn.models import Network, trim_params
from jaxnn.population import Recipe
from jaxnn.study.compiling import Compiler, compile_program
from jaxnn.study.padding import hidden_units
from jaxnn.study.plan import Plan, Program, Setting
from jaxnn.study.results import make_dataset, selected_setting, test_members
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
    or no member has a result.
    """

    plan: Plan
    trained: list[TrainedProgram]
    results: xr.Dataset
    final: Variables | None

    def predict(self, setting: int, x: np.ndarray, *, at: Literal["best", "last"] = "best") -> np.ndarray:
        """Outputs of a setting's members at their best epochs, or after their last: (seeds, rows, ...).

        Args:
            setting: its position in the plan.
            x: stored inputs (rows, ...).
            at: of a member that diverged (`diverged_at` in the results) the last outputs may not be finite.
        """
        return predict_members(*_as_trained(self.plan, self.trained, setting, at), x)

    def variables(self, setting: int) -> tuple[Network, Params, Params]:
        """A setting's network with (params, batch_stats) of its members at their best epochs, each (seeds, ...)."""
        recipe, (params, batch_stats) = members_at_best(self.plan, self.trained, setting)
        return recipe.model, params, batch_stats

    def data(self, setting: int) -> Data:
        """What a setting was trained on."""
        return self.plan.settings[setting].data


def conclude(
    plan: Plan,
    trained: list[TrainedProgram],
    *,
    observe: Observer = ignore_progress,
    keeper: Callable[[Plan, Program], Keeper] = lambda plan, program: KeepNothing(),
    compiler: Compiler = compile_program,
) -> Outcome:
    """Select a setting on validation data, and use the test set once, on its members.

    Args:
        plan: of the study.
        trained: its programs, trained.
        observe: told of the retraining, where the plan asks for one.
        keeper: makes the keeper of that retraining.
        compiler: compiles it.
    """
    results = make_dataset(plan, trained)
    tests = _test_every(plan, trained, results) if plan.config.final == "every" else []
    if tests:
        results = results.merge(_each_test(tests, results), combine_attrs="override")
    setting = selected_setting(plan, results)
    if setting is None or not len(plan.settings[setting].data.test.x):
        return Outcome(plan, trained, results, None)
    recipe, variables = members_at_best(plan, trained, setting)
    has_result = _has_result(plan, results)[setting]
    if plan.config.final == "retrain":
        again = _retraining(plan, setting, _best_epochs(plan, results, setting))
        kept = keeper(again, again.programs[0])
        retrained = train_program(again, 0, observe=observe, keeper=kept, compiler=compiler)
        variables, has_result = retrained.last, retrained.diverged_at < 0
    test = tests[setting] if tests else _test(plan, setting, recipe, variables, has_result)
    return Outcome(plan, trained, results.merge(test, combine_attrs="override"), variables)


def _test(plan: Plan, setting: int, recipe: Recipe, variables: Variables, has_result: np.ndarray) -> xr.Dataset:
    """The test metrics of a setting's members with these variables."""
    data = plan.settings[setting].data
    return test_members(recipe, data, variables, seeds=plan.seeds, has_result=has_result)


def _test_every(plan: Plan, trained: list[TrainedProgram], results: xr.Dataset) -> list[xr.Dataset]:
    """The test metrics of every setting's members at their best epochs; none where a setting has no test set."""
    has_result = _has_result(plan, results)
    if not all(len(setting.data.test.x) for setting in plan.settings):
        return []
    return [
        _test(plan, setting, *_as_trained(plan, trained, setting), has_result[setting])
        for setting in range(len(plan.settings))
    ]


def _has_result(plan: Plan, results: xr.Dataset) -> np.ndarray:
    """Which members have one, (num_settings, num_seeds): they did not diverge, and have a best epoch."""
    return by_setting(plan, (results["diverged_at"] < 0) & (results["best_epoch"] > 0))


def _each_test(tests: list[xr.Dataset], results: xr.Dataset) -> xr.Dataset:
    """`each_test_loss` and `each_test_accuracy` over (settings..., seed); NaN where a setting has none."""
    like = results["diverged_at"]
    names = [name for name in ("test_loss", "test_accuracy") if any(name in test for test in tests)]
    absent = np.full(like.sizes["seed"], np.nan, np.float32)
    rows = {name: np.stack([test[name].values if name in test else absent for test in tests]) for name in names}
    return xr.Dataset({f"each_{name}": (like.dims, values.reshape(like.shape)) for name, values in rows.items()})


def by_setting(plan: Plan, values: xr.DataArray) -> np.ndarray:
    """Values over (settings..., seed) as (num_settings, num_seeds)."""
    return values.values.reshape(len(plan.settings), len(plan.seeds))


def members_at_best(plan: Plan, trained: list[TrainedProgram], setting: int) -> tuple[Recipe, Variables]:
    """The recipe of a setting, and the (params, batch_stats) of its members at their best epochs, by seed."""
    recipe, (params, batch_stats) = _as_trained(plan, trained, setting)
    own = plan.settings[setting].recipe
    if recipe != own:
        return own, (trim_params(params, hidden_units(own.model)), {})
    return own, (params, batch_stats)


def _as_trained(
    plan: Plan, trained: list[TrainedProgram], setting: int, at: Literal["best", "last"] = "best"
) -> tuple[Recipe, Variables]:
    """The same, or their last ones, as they were trained: in the network of their program, which several settings
    may share."""
    one = next(one for one in trained if setting in one.program.settings)
    first = one.program.settings.index(setting) * len(plan.seeds)
    variables = {"best": one.best, "last": one.last}[at]
    return one.program.recipe, jax.tree.map(lambda leaf: leaf[first : first + len(plan.seeds)], variables)


def _best_epochs(plan: Plan, results: xr.Dataset, setting: int) -> int:
    """The median of the best epochs of a setting's members, in a cross-validation of those in all folds."""
    alike = [setting]
    if stats.is_cross_validated(results):
        places = [stats.without_fold(one.place) for one in plan.settings]
        alike = [position for position, place in enumerate(places) if place == places[setting]]
    epochs, has_result = by_setting(plan, results["best_epoch"])[alike], _has_result(plan, results)[alike]
    return int(np.median(epochs[has_result]))


def _retraining(plan: Plan, setting: int, epochs: int) -> Plan:
    """The plan that trains one setting on training and validation data together, for so many epochs."""
    chosen = plan.settings[setting]
    run = dataclasses.replace(
        chosen.recipe.run,
        epochs=epochs,
        eval_every=_divisor(epochs, chosen),
        patience=None,
        select_on="train_loss",
        monitor_every=None,
    )
    # The rates are those that the epochs had when they were counted, not a whole schedule squeezed into them.
    recipe = dataclasses.replace(chosen.recipe, run=run, schedule_epochs=chosen.recipe.run.epochs)
    data = merge(chosen.data)
    again = chosen._replace(recipe=recipe, data=data)
    return plan._replace(settings=[again], programs=[Program(again.recipe, (data,), (0,), (0,))], sweep={})


def _divisor(epochs: int, setting: Setting) -> int:
    every = setting.recipe.run.eval_every
    return every if epochs % every == 0 else 1
