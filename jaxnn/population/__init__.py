"""Populations: members that share a program train at once, over every device there is.

A member is a recipe (static) with its numbers (traced) and a seed.  Members with one recipe are one program; how
its member axis is executed is the business of `Execution`, and neither the model nor the step can tell.
"""

from jaxnn.population.execution import Execution, choose_execution
from jaxnn.population.members import NEUTRAL, Members, make_members, pad_members, share_terms, stack_hparams
from jaxnn.population.program import (
    PROGRAMS_KEPT,
    Population,
    jit_once,
    make_population,
    make_predict,
    place,
)
from jaxnn.population.recipe import GRADIENTS, Recipe, eval_block, make_member_run

__all__ = [
    "GRADIENTS",
    "NEUTRAL",
    "PROGRAMS_KEPT",
    "Execution",
    "Members",
    "Population",
    "Recipe",
    "choose_execution",
    "eval_block",
    "jit_once",
    "make_member_run",
    "make_members",
    "make_population",
    "make_predict",
    "pad_members",
    "place",
    "share_terms",
    "stack_hparams",
]
