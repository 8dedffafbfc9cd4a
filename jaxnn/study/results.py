"""What a study found, as an `xarray.Dataset` with a dimension for every swept field, the seed and the epoch."""

import functools
import json
import math
from collections.abc import Callable, Sequence

import jax
import numpy as np
import xarray as xr

from jaxnn import stats
from jaxnn.data import Data
from jaxnn.losses import loss_function
from jaxnn.metrics import accuracy, confusion_matrix, predict
from jaxnn.population import Recipe
from jaxnn.run import BETTER
from jaxnn.study.plan import Plan
from jaxnn.study.sweep import swept_value_coordinate
from jaxnn.study.training import TrainedProgram, predict_members
from jaxnn.types import Params

# Bytes of the outputs for a test set that there are at a time (two or three copies of them).
OUTPUTS_AT_ONCE = 256 << 20


def make_dataset(plan: Plan, trained: Sequence[TrainedProgram]) -> xr.Dataset:
    """The histories of every member, and when each was best, stopped or diverged.

    Variables over (settings..., seed, epoch): the recorded metrics, NaN where a member had stopped.  Over
    (settings..., seed): `best_epoch` (0: none), `stopped_at` (last epoch trained), `diverged_at` (first step
    whose objective was not finite, -1: never).  Attributes: what settings are selected on, the axes between which
    nothing is, and the rows of the smallest training, validation and test set.
    """
    shape = tuple(map(len, plan.sweep.values()))
    num_settings, num_seeds = len(plan.settings), len(plan.seeds)
    histories: dict[str, np.ndarray] = {}
    integers = {
        name: np.zeros((num_settings, num_seeds), np.int32) for name in ("best_epoch", "stopped_at", "diverged_at")
    }
    epochs = sorted({epoch for one in trained for epoch in _recorded_epochs(one.program.recipe)})
    for one in trained:
        settings, run = list(one.program.settings), one.program.recipe.run
        rows = np.searchsorted(epochs, _recorded_epochs(one.program.recipe))
        for name, values in one.history.items():
            array = histories.setdefault(name, np.full((num_settings, num_seeds, len(epochs)), np.nan, np.float32))
            array[np.ix_(np.asarray(settings), np.arange(num_seeds), rows)] = values.reshape(
                len(settings), num_seeds, -1
            )
        stopped_at = np.where(one.stopped_at == 0, run.epochs, one.stopped_at)
        for name, values in (
            ("best_epoch", one.best_epoch),
            ("stopped_at", stopped_at),
            ("diverged_at", one.diverged_at),
        ):
            integers[name][settings] = values.reshape(len(settings), num_seeds)
    members = (*plan.sweep, "seed")
    variables = {
        name: ((*members, "epoch"), a.reshape(*shape, num_seeds, len(epochs))) for name, a in histories.items()
    }
    variables |= {name: (members, a.reshape(*shape, num_seeds)) for name, a in integers.items()}
    coordinates = {name: [swept_value_coordinate(value) for value in axis] for name, axis in plan.sweep.items()}
    coordinates |= {"seed": list(plan.seeds), "epoch": epochs}
    metric = plan.config.training.select_on
    splits = (("num_train", "train"), ("num_val", "validation"), ("num_test", "test"))
    rows = {name: min(len(getattr(one.data, split).x) for one in plan.settings) for name, split in splits}
    problems = json.dumps(plan.problem_axes)
    attributes = {"selected_on": metric, "mode": BETTER[metric], "problem_axes": problems, **rows}
    if plan.settings[0].config.data.folds is not None:
        attributes["num_folds"] = plan.settings[0].config.data.folds
    return xr.Dataset(variables, coords=coordinates, attrs=attributes)


def selected_setting(plan: Plan, ds: xr.Dataset) -> int | None:
    """The position in `plan.settings` of what `stats.select` selects; None if no member has a result."""
    best = stats.select(ds, ds.attrs["selected_on"], ds.attrs["mode"])
    return None if best is None else _position(ds, best.setting)


def test_members(
    recipe: Recipe, data: Data, variables: tuple[Params, Params], *, seeds: Sequence[int], has_result: np.ndarray
) -> xr.Dataset:
    """The test metrics of one setting's members, a few members at a time where their outputs are large.

    Args:
        recipe: of the members.
        data: the set, with its test split.
        variables: (params, batch_stats) with a leading member axis.
        seeds: of the members.
        has_result: which of the members have one.
    """
    num_outputs = math.prod(data.info.input_shape) if recipe.run.reconstruct else data.info.num_outputs
    at_once = max(1, OUTPUTS_AT_ONCE // (4 * num_outputs * len(data.test.x)))
    tested: list[xr.Dataset] = []
    for first in range(0, len(seeds), at_once):
        some = slice(first, first + at_once)
        outputs = predict_members(recipe, jax.tree.map(lambda leaf, some=some: leaf[some], variables), data.test.x)
        tested.append(_test_variables(recipe, data, outputs, seeds=seeds[some], has_result=has_result[some]))
    return tested[0] if len(tested) == 1 else xr.concat(tested, dim="seed")


def _test_variables(
    recipe: Recipe, data: Data, outputs: np.ndarray, *, seeds: Sequence[int], has_result: np.ndarray
) -> xr.Dataset:
    """The test metrics of one setting's members, and for classes their confusion matrices.

    Of a member without a result the metrics are NaN, and the confusion matrix counts nothing.

    Args:
        recipe: of the members.
        data: the set, with its test split.
        outputs: of the members for the test inputs, (seeds, rows, ...).
        seeds: of the members.
        has_result: which of the members have one: they did not diverge, and have a best epoch.
    """
    num_classes = None if recipe.run.reconstruct else data.info.num_classes
    targets = data.test.x * np.float32(data.info.scale) if recipe.run.reconstruct else data.test.y

    measure = _make_measure(recipe.loss, num_classes)
    metrics = {name: np.asarray(values) for name, values in measure(outputs, targets).items()}
    dimensions = ("seed", "true", "predicted")
    variables = {name: (dimensions[: values.ndim], values) for name, values in metrics.items()}
    coordinates = {"seed": list(seeds)}
    if num_classes is not None:
        coordinates |= {"true": list(data.info.class_names), "predicted": list(data.info.class_names)}
    tested = xr.DataArray(has_result, dims="seed")
    of_others = {"test_loss": np.nan, "test_accuracy": np.nan, "confusion": 0}
    test = xr.Dataset(variables, coords=coordinates)
    return test.map(lambda variable: variable.where(tested, of_others[variable.name]))


@functools.cache
def _make_measure(loss: str, num_classes: int | None) -> Callable[..., dict[str, jax.Array]]:
    """measure(outputs (seeds, rows, ...), targets) -> test metrics with a leading axis of seeds."""

    @jax.jit
    def measure(outputs, targets):
        def member(outputs):
            metrics = {"test_loss": loss_function(loss)(outputs, targets).mean()}
            if num_classes is not None:
                metrics["test_accuracy"] = accuracy(outputs, targets).mean()
                metrics["confusion"] = confusion_matrix(targets, predict(outputs), num_classes)
            return metrics

        return jax.lax.map(member, outputs)

    return measure


def save_dataset(ds: xr.Dataset, path) -> None:
    """Write netCDF (HDF5).  Attributes that are mappings are stored as JSON text."""
    attributes = {name: json.dumps(v) if isinstance(v, dict | list) else v for name, v in ds.attrs.items()}
    ds.assign_attrs(attributes).to_netcdf(path, engine="h5netcdf")


def load_dataset(path) -> xr.Dataset:
    """What `save_dataset` wrote, in memory."""
    return xr.load_dataset(path, engine="h5netcdf")


def _recorded_epochs(recipe: Recipe) -> list[int]:
    return list(range(recipe.run.eval_every, recipe.run.epochs + 1, recipe.run.eval_every))


def _position(ds: xr.Dataset, setting) -> int:
    place, sizes = stats.locate(ds, setting), [ds.sizes[dim] for dim in stats.setting_dims(ds)]
    return int(np.ravel_multi_index(tuple(place.values()), sizes)) if sizes else 0
