"""A study laid out: its settings, and the programs they fall into.  Checks everything, computes nothing."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax

from jaxnn.data import Data, DataConfig, load_config
from jaxnn.errors import InputError
from jaxnn.monitor import samples_kept
from jaxnn.population import Recipe
from jaxnn.study.config import StudyConfig
from jaxnn.study.memory import Memory, estimate_memory, shortage
from jaxnn.study.padding import pad_recipes
from jaxnn.study.recipe import make_recipe, own_terms, settle_hparams
from jaxnn.study.sweep import Sweep, expand, places, problem_axes, settled, settled_config
from jaxnn.types import Hparams


class Setting(NamedTuple):
    """One combination of the swept values: where it stands on each axis, and what it is."""

    place: Mapping[str, Any]
    config: StudyConfig
    recipe: Recipe
    hparams: Hparams
    data: Data


class Program(NamedTuple):
    """The settings of a study that share a compilation: one recipe, and data sets of one shape.

    `data_index` says for each of `settings` which of `data` is its own.  Where the recipe is `padded`, the networks
    of the settings are smaller ones that fit in its network.
    """

    recipe: Recipe
    data: tuple[Data, ...]
    settings: tuple[int, ...]  # positions in `Plan.settings`
    data_index: tuple[int, ...]
    padded: bool = False

    @property
    def num_train(self) -> int:
        """Training examples of each data set."""
        return len(self.data[0].train.x)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return self.data[0].info.input_shape


class Plan(NamedTuple):
    """A study that is known to be possible: its settings, in sweep order, and the programs they fall into."""

    config: StudyConfig
    sweep: Sweep
    settings: list[Setting]
    programs: list[Program]
    seeds: tuple[int, ...]

    @property
    def problem_axes(self) -> tuple[str, ...]:
        """The axes between whose values nothing is compared."""
        return _problem_axes(self.sweep, self.settings)


def plan_study(
    config: StudyConfig,
    sweep: Sweep,
    *,
    load: Callable[[DataConfig], Data] = load_config,
    must_fit: bool = True,
) -> Plan:
    """Check a study and lay it out; loads the data, compiles and writes nothing.

    Args:
        config: what the settings have in common.
        sweep: field -> its values, or axis -> variant -> {field: value}.
        load: how a data set is found.
        must_fit: whether it is to be trained here, where there must be memory for it.

    Raises:
        InputError: anything that would make the study fail later.
    """
    if jax.config.jax_enable_x64:  # pyright: ignore[reportAttributeAccessIssue]
        raise InputError("`jax_enable_x64` must be off where a study trains, in float32: unset `JAX_ENABLE_X64`.")
    config, sweep = settled_config(config), settled(sweep)
    if not isinstance(config.seeds, int) or config.seeds < 1:
        raise InputError(f"`seeds` must be a whole number of 1 or more; got {config.seeds!r}.")
    configs = expand(config, sweep)
    hparams = settle_hparams(configs)
    data = {wanted: load(wanted) for wanted in dict.fromkeys(one.data for one in configs)}
    settings = []
    for place, one, numbers in zip(places(sweep), configs, hparams, strict=True):
        if not len(data[one.data].validation.x):
            raise InputError("`validation` must leave validation rows: settings are selected on them; got 0.")
        recipe = make_recipe(one, data[one.data], numbers)
        settings.append(Setting(place, one, recipe, own_terms(numbers, data[one.data].info), data[one.data]))
    _check_losses(config, sweep, settings)
    programs = group_settings(settings)
    programs, settings = _divide_places(programs, settings, config.seeds)
    seeds = tuple(range(config.seeds))
    plan = Plan(config, sweep, settings, programs, seeds)
    for program in programs if must_fit else ():
        lacking = shortage(program_memory(plan, program), num_members=num_members(plan, program))
        if lacking:
            raise InputError(lacking)
    return plan


def num_members(plan: Plan, program: Program) -> int:
    """The members of a program of a plan: settings times seeds."""
    return len(program.settings) * len(plan.seeds)


def program_memory(plan: Plan, program: Program) -> Memory:
    """The memory that a program of a plan needs, as `estimate_memory` counts it."""
    numbers = plan.settings[program.settings[0]].hparams
    num_watched = len(program.settings) * len(set(plan.config.monitoring.monitor_seeds))
    return estimate_memory(
        program.recipe, program.data, numbers, num_members=num_members(plan, program), num_watched=num_watched
    )


def _divide_places(
    programs: Sequence[Program], settings: Sequence[Setting], num_seeds: int
) -> tuple[list[Program], list[Setting]]:
    """Programs and their settings, with as many places for samples as the members of each monitored program get."""
    programs, settings = list(programs), list(settings)
    for index, program in enumerate(programs):
        if program.recipe.run.monitor_every is None:
            continue
        places = samples_kept(len(program.settings) * num_seeds)
        run = dataclasses.replace(program.recipe.run, samples_kept=places)
        programs[index] = program._replace(recipe=dataclasses.replace(program.recipe, run=run))
        for position in program.settings:
            own = dataclasses.replace(settings[position].recipe, run=run)
            settings[position] = settings[position]._replace(recipe=own)
    return programs, settings


def _problem_axes(sweep: Sweep, settings: Sequence[Setting]) -> tuple[str, ...]:
    return problem_axes(sweep, reconstructs=any(setting.recipe.run.reconstruct for setting in settings))


def _check_losses(config: StudyConfig, sweep: Sweep, settings: Sequence[Setting]) -> None:
    """Refuse to select by losses that have no common measure, among settings of one problem or for the test set."""
    if not config.training.select_on.endswith("loss"):
        return
    axes = _problem_axes(sweep, settings)
    losses: dict[tuple, set[str]] = {}
    for setting in settings:
        recipe = setting.recipe
        name = f"{recipe.loss} of the inputs" if recipe.run.reconstruct else recipe.loss
        losses.setdefault(tuple(setting.place[axis] for axis in axes), set()).add(name)
    different = next((names for names in losses.values() if len(names) > 1), None)
    if different:
        raise InputError(
            "`select_on` must be a metric that all settings share, but their losses are "
            f"{', '.join(sorted(different))}: `--select-on val_accuracy` where all of them tell classes apart, "
            "else studies of their own."
        )
    of_problems = set().union(*losses.values())
    is_tested = any(len(setting.data.test.x) for setting in settings)
    if len(of_problems) > 1 and is_tested and config.final != "every":
        raise InputError(
            f"`final` must be every where problems differ in their losses, here {', '.join(sorted(of_problems))}: "
            "no lowest of them can be chosen for the test set; `--final every`, or studies of their own."
        )


def group_settings(settings: Sequence[Setting]) -> list[Program]:
    """The programs of some settings: those whose recipes and whose data's shapes are the same share one."""
    shapes = [_shapes(setting.data) for setting in settings]
    # The penalty on activations would count what padded units give before they are masked.
    allowed = [one.config.training.padding == "auto" and one.hparams.activity_l1 is None for one in settings]
    recipes = pad_recipes([setting.recipe for setting in settings], shapes, allowed=allowed)
    groups: dict[tuple, list[int]] = {}
    for position, key in enumerate(zip(recipes, shapes, strict=True)):
        groups.setdefault(key, []).append(position)
    programs = []
    for (recipe, _), members in groups.items():
        sets = {settings[position].config.data: settings[position].data for position in members}
        index = {wanted: place for place, wanted in enumerate(sets)}
        data_index = tuple(index[settings[position].config.data] for position in members)
        padded = any(settings[position].recipe != recipe for position in members)
        programs.append(Program(recipe, tuple(sets.values()), tuple(members), data_index, padded))
    return programs


def _shapes(data: Data) -> tuple:
    """What must be equal for two data sets to take part in one program."""
    arrays = (*data.train, *data.validation)
    return tuple((array.shape, str(array.dtype)) for array in arrays)
