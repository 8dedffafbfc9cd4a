"""Everything static about a member, and the run that it makes."""

import dataclasses
import itertools
from typing import Literal

from jaxnn import backprop
from jaxnn.epoch import EVAL_BLOCK, RunConfig
from jaxnn.losses import loss_function
from jaxnn.models import Network, activation_sizes
from jaxnn.monitor import make_look, make_probe
from jaxnn.optim import make_optimizer, make_schedule
from jaxnn.run import Run, make_run, one_block_size
from jaxnn.train import autodiff_value_and_grad, make_eval_step, make_train_step

# Bytes that a layer of one of many vectorised members takes, with what it reads, in a block of an evaluation: those
# of all members are there at once.
EVAL_BYTES = 4 * 2**20

GRADIENTS = {"autodiff": autodiff_value_and_grad, "by-hand": backprop.value_and_grad}


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Everything static about a member.  Members whose recipes are equal share one compilation.

    `schedule_epochs` is how long the schedule of the learning rate is laid out for; None: as long as the run.
    """

    model: Network
    run: RunConfig
    loss: str = "softmax_cross_entropy"
    optimizer: str = "adam"
    schedule: str = "constant"
    gradients: Literal["autodiff", "by-hand"] = "autodiff"
    execution: Literal["auto", "vmap", "map"] = "auto"
    schedule_epochs: int | None = None


def make_member_run(recipe: Recipe, *, num_examples: int, num_watched: int = 1, vectorised: bool = False) -> Run:
    """The run of one member: the whole of training as pure functions, before any vectorisation.

    Args:
        recipe: of the member.
        num_examples: in its training set.
        num_watched: where the run is monitored, and vectorised, how many of its members are watched at most.
        vectorised: whether the run will be under `vmap`.
    """
    batch_size = recipe.run.batch_size or num_examples
    steps_per_epoch = -(-num_examples // batch_size)
    loss = loss_function(recipe.loss)
    schedule_epochs = recipe.schedule_epochs or recipe.run.epochs
    schedule = make_schedule(
        recipe.schedule, total_steps=schedule_epochs * steps_per_epoch, steps_per_epoch=steps_per_epoch
    )
    optimizer = make_optimizer(recipe.optimizer, schedule)
    parts, gradients = (recipe.model, loss, optimizer), GRADIENTS[recipe.gradients]
    train_step = make_train_step(*parts, value_and_grad=gradients, vectorised=vectorised)
    eval_step = make_eval_step(recipe.model, loss)
    look = None
    if recipe.run.monitor_every is not None:
        look = make_look(recipe.model, make_probe(*parts, value_and_grad=gradients), num_watched=num_watched)
    eval_rows = one_block_size
    if vectorised:
        eval_rows = lambda x: eval_block(recipe, num_examples=len(x), input_shape=x.shape[1:])
    return make_run(
        recipe.model, optimizer, train_step, eval_step, recipe.run,
        look=look, vectorised=vectorised, eval_rows=eval_rows,
    )  # fmt: skip


def eval_block(recipe: Recipe, *, num_examples: int, input_shape: tuple[int, ...]) -> int:
    """Rows that each of many vectorised members evaluates at once: those of EVAL_BYTES, or of a training step.

    Args:
        recipe: of the members.
        num_examples: in the training set.
        input_shape: of one example.
    """
    sizes = activation_sizes(recipe.model, input_shape)
    row_bytes = 4 * max(read + written for read, written in itertools.pairwise(sizes))
    return min(EVAL_BLOCK, max(recipe.run.batch_size or num_examples, EVAL_BYTES // row_bytes))
