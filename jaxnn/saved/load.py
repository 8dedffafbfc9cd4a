"""A finished run from its directory: the network, the variables of its members, and what was found of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import xarray as xr

from jaxnn import stats
from jaxnn.checkpoint import Checkpoint, CheckpointError, load_last, read_about
from jaxnn.data import DataInfo
from jaxnn.epoch import RunConfig
from jaxnn.errors import InputError
from jaxnn.models import Network, trim_params
from jaxnn.population import Recipe
from jaxnn.study import rundir
from jaxnn.study.config import StudyConfig
from jaxnn.study.padding import hidden_units
from jaxnn.study.reading import read_study, read_value
from jaxnn.study.recipe import build_model, loss_name, reconstructs, settle_hparams
from jaxnn.study.results import load_dataset
from jaxnn.study.sweep import expand
from jaxnn.study.training import when_diverged

Variables = dict[str, Any]  # {"params": ..., "batch_stats": ...}, as `model.apply` takes them


class LoadedRun(NamedTuple):
    """A setting of a finished run: `model.apply(variables, x)` are the outputs of its best member.

    model: the network.
    variables: of the member with `seed`.
    config: of the setting.
    results: of the whole study.
    seed: the chosen one.
    seeds: of all members of the setting.
    members: their variables, every leaf with a leading axis of seeds.
    diverged_at: (seeds,) the first step of each whose objective was not finite, else -1.
    usable: (seeds,) whether the variables are those of a network that learned: it did not diverge.
    info: what the inputs are.  Stored inputs are multiplied by `info.scale` before they are given to the model.
    recipe: the model, with what its use depends on.
    """

    model: Network
    variables: Variables
    config: StudyConfig
    results: xr.Dataset
    seed: int
    seeds: tuple[int, ...]
    members: Variables
    diverged_at: np.ndarray
    usable: np.ndarray
    info: DataInfo
    recipe: Recipe

    @property
    def tells_classes(self) -> bool:
        """Whether the outputs are logits of classes, and not numbers or a reconstruction."""
        return self.info.task == "classification" and not self.recipe.run.reconstruct


def load_run(
    path: Path | str,
    *,
    setting: Mapping[str, Any] | None = None,
    seed: int | None = None,
    retrained: bool = True,
) -> LoadedRun:
    """Load a finished run.

    Args:
        path: its directory.
        setting: a value for every swept field; None is the setting that the study selected.
        seed: of the member; None is the one that was best on validation.
        retrained: take the members that met the test set, where the study trained the selected setting again on
            training and validation data; False takes those that were selected.

    Raises:
        InputError: not a finished run, no such setting or seed, or one that diverged.
        CheckpointError: its checkpoints are damaged.
    """
    path = Path(path)
    description = _read_finished(path)
    config, sweep = read_study(description)
    results = load_dataset(path / "results.nc")
    wanted = _selected(path, results) if setting is None else setting
    place = stats.locate(results, wanted)
    position = _position(place, [len(values) for values in sweep.values()])
    seeds = tuple(description["seeds"])
    if seed is not None and seed not in seeds:
        raise InputError(f"`seed` must be one of the run's, {', '.join(map(str, seeds))}; got {seed}.")
    again = retrained and config.final == "retrain" and place == stats.locate(results, _selected(path, results))
    members, diverged_at, info, padded = _load_members(path, position, seeds, retrained=again)
    usable = diverged_at < 0
    if not again:
        diverged_at = results["diverged_at"].isel(place).values
        usable = (diverged_at < 0) & (results["best_epoch"].isel(place).values > 0)
    configs = expand(config, sweep)
    hparams = settle_hparams(configs)[position]
    loss = loss_name(configs[position], info)
    model = build_model(configs[position].model, info, loss=loss, dropout=hparams.dropout_rate is not None)
    if padded:
        members = {"params": trim_params(members["params"], hidden_units(model)), "batch_stats": {}}
    row = _best_row(results, place, usable) if seed is None else _row_of(seed, seeds, usable)
    variables = jax.tree.map(lambda leaf: leaf[row], members)
    recipe = _recipe(model, configs[position], info)
    return LoadedRun(
        model, variables, configs[position], results, seeds[row], seeds, members, diverged_at, usable, info, recipe
    )


def _recipe(model: Network, config: StudyConfig, info: DataInfo) -> Recipe:
    """What the members were trained by, as far as it matters when they are used."""
    reconstruct = reconstructs(config.model)
    run = RunConfig(epochs=config.training.epochs, batch_size=None, scale=info.scale, reconstruct=reconstruct)
    return Recipe(model, run, loss_name(config, info))


def _position(place: Mapping[str, int], sizes: list[int]) -> int:
    """Where a setting is among all, the last swept field varying fastest."""
    return int(np.ravel_multi_index(tuple(place.values()), sizes)) if place else 0


def check_is_run(path: Path) -> None:
    """Raise InputError unless a path is the directory of a run, finished or not."""
    if not rundir.is_run(path):
        raise InputError(f"`{path}` is not the directory of a run: `jaxnn runs` lists those there are.")


def _read_finished(path: Path) -> dict[str, Any]:
    check_is_run(path)
    status = rundir.run_status(path)
    description = rundir.read_description(path)
    rundir.check_single(path, description)
    if status.state != "complete" or description is None:
        raise InputError(f"`{path}` is {status.state}, not complete: `jaxnn resume {path}` finishes it.")
    return description


def _selected(path: Path, results: xr.Dataset) -> stats.Setting:
    setting = stats.recorded_selection(results)
    if setting is None:
        raise InputError(
            f"`{path}` has no member to use: all of them diverged, or were never finite on validation."
        )
    return setting


def _best_row(results: xr.Dataset, place: Mapping[str, int], usable: np.ndarray) -> int:
    """The seed that was best on validation, among those whose variables are of use."""
    if not usable.any():
        raise InputError(
            "`setting` has no member to use: all of them diverged, or were never finite on validation: choose "
            "another."
        )
    values = stats.at_best_epoch(results, results.attrs["selected_on"]).isel(place).values
    worst = np.inf if results.attrs["mode"] == "min" else -np.inf  # trained again, it may be of use all the same
    values = np.where(usable, np.where(np.isnan(values), worst, values), np.nan)
    return int(np.nanargmin(values) if results.attrs["mode"] == "min" else np.nanargmax(values))


def _row_of(seed: int, seeds: tuple[int, ...], usable: np.ndarray) -> int:
    row = seeds.index(seed)
    if not usable[row]:
        others = ", ".join(str(other) for other, good in zip(seeds, usable, strict=True) if good) or "none"
        raise InputError(f"`seed` must be of a member that has a result, {others}; got {seed}.")
    return row


def _load_members(
    path: Path, position: int, seeds: tuple[int, ...], *, retrained: bool
) -> tuple[Variables, np.ndarray, DataInfo, bool]:
    """The variables of a setting's members (trained again, else at their best epochs), when they diverged, what
    their data were, and whether the variables are those of a padded network."""
    folder = path / rundir.CHECKPOINTS
    if retrained and (folder / "final").is_dir():
        checkpoint, first, where = load_last(folder / "final"), 0, "train"
    else:
        checkpoint, first, where = *_program_of(folder, position, len(seeds)), "best"
    if checkpoint is None:
        raise CheckpointError(
            f"`{folder}` holds no checkpoint of setting {position}: the run must be trained again."
        )
    rows = slice(first, first + len(seeds))
    variables = {}
    for collection in ("params", "batch_stats"):
        prefix = f"{where}/{collection}/"
        named = {name.removeprefix(prefix): a for name, a in checkpoint.arrays.items() if name.startswith(prefix)}
        variables[collection] = _nest({name: a[rows] for name, a in named.items()})
    about = checkpoint.about
    info = read_value("data", about["data"][first // len(seeds)], DataInfo)
    diverged_at = checkpoint.arrays["diverged_at"][rows]
    if where == "train":
        diverged_at = when_diverged(variables["params"], checkpoint.arrays["train/step"][rows], diverged_at)
    return variables, diverged_at, info, about["padded"]


def _program_of(folder: Path, position: int, num_seeds: int) -> tuple[Checkpoint | None, int]:
    """The last checkpoint of the program that trained a setting, and the setting's first member in it."""
    for program in sorted(folder.glob("program-*")):
        about = read_about(program)
        if about is not None and position in about["settings"]:
            return load_last(program), about["settings"].index(position) * num_seeds
    return None, 0


def _nest(arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """{"layers_0/kernel": a} -> {"layers_0": {"kernel": a}}."""
    nested: dict[str, Any] = {}
    for name, array in arrays.items():
        *parents, last = name.split("/")
        inner = nested
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[last] = array
    return nested
