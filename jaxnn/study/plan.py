"""A study laid out: its settings, and the programs they fall into.  Checks everything, computes nothing."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from jaxnn.data import Data, DataConfig, load_config
from jaxnn.errors import InputError
from jaxnn.population import Recipe
from jaxnn.study.config import StudyConfig
from jaxnn.study.memory import check_memory
from jaxnn.study.recipe import make_recipe, settle_hparams
from jaxnn.study.sweep import expand
from jaxnn.types import Hparams


class Setting(NamedTuple):
    """One combination of the swept values."""

    config: StudyConfig
    recipe: Recipe
    hparams: Hparams


class Program(NamedTuple):
    """The settings of a study that share a recipe and a data set, hence a compilation."""

    recipe: Recipe
    data: Data
    settings: tuple[int, ...]  # positions in `Plan.settings`


class Plan(NamedTuple):
    """A study that is known to be possible: its settings, in sweep order, and the programs they fall into."""

    config: StudyConfig
    sweep: Mapping[str, Sequence[Any]]
    settings: list[Setting]
    programs: list[Program]
    seeds: tuple[int, ...]


def plan_study(
    config: StudyConfig, sweep: Mapping[str, Sequence[Any]], *, load: Callable[[DataConfig], Data] = load_config
) -> Plan:
    """Check a study and lay it out; loads the data, compiles and writes nothing.

    Args:
        config: what the settings have in common.
        sweep: swept field -> its values.
        load: how a data set is found.

    Raises:
        InputError: anything that would make the study fail later.
    """
    if not isinstance(config.seeds, int) or config.seeds < 1:
        raise InputError(f"`seeds` must be a whole number of 1 or more; got {config.seeds!r}.")
    configs = expand(config, sweep)
    hparams = settle_hparams(configs)
    data = {wanted: load(wanted) for wanted in dict.fromkeys(one.data for one in configs)}
    settings = []
    for one, numbers in zip(configs, hparams, strict=True):
        if not len(data[one.data].validation.x):
            raise InputError("`validation` must leave validation rows: settings are selected on them; got 0.")
        settings.append(Setting(one, make_recipe(one, data[one.data], numbers), numbers))
    groups: dict[tuple[Recipe, DataConfig], list[int]] = {}
    for position, setting in enumerate(settings):
        groups.setdefault((setting.recipe, setting.config.data), []).append(position)
    programs = [Program(recipe, data[wanted], tuple(members)) for (recipe, wanted), members in groups.items()]
    seeds = tuple(range(config.seeds))
    for program in programs:
        numbers = settings[program.settings[0]].hparams
        check_memory(program.recipe, program.data, numbers, num_members=len(program.settings) * len(seeds))
    return Plan(config, sweep, settings, programs, seeds)
