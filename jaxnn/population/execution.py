"""How the member axis of a population is executed: a choice that neither the model nor the step can tell."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import jax

from jaxnn.models import summary_rows
from jaxnn.population.recipe import Recipe

# Below this many multiply-adds (times two) of a batch's forward pass one vectorised step for all members beats one
# member after another.  On CPU that is measured (scripts/bench --case execution).  On an accelerator it is not, but
# reckoned: to start the sixty operations of a step takes some 0.3 ms, in which 50 TFLOP/s do three such passes.
# Above it little should be left to gain, and convolutions with several kernels at once are said to have slow
# gradients there.
VMAP_BELOW_FLOPS = {"cpu": 1_000_000, "accelerator": 5_000_000_000}

# What the members on a device may have of copies of their data sets, where there are several.
COPIED_DATA_BYTES = {"cpu": 2**28, "accelerator": 2**32}


class Execution(NamedTuple):
    """How the member axis is executed: spread over `num_devices`, and on each by `members`.

    "vmap" makes one step for all members of a device; "map" trains one member after another.
    """

    num_devices: int
    members: Literal["vmap", "map"]


def choose_execution(
    recipe: Recipe,
    *,
    input_shape: Sequence[int],
    num_examples: int,
    num_members: int,
    own_data_bytes: int = 0,
) -> Execution:
    """How members should be executed, for this backend and kind of network.

    They are spread over the devices (on CPU one a core: `runtime.start`), and on each one trains after another,
    unless a step is so small that starting its operations should cost more than its arithmetic: then all take it at
    once.  Where members have one of several data sets, a vectorised step has a copy for each, which must not become
    too large.  `recipe.execution` overrides the choice on a device.

    Args:
        recipe: of the members.
        input_shape: of one example.
        num_examples: in the training set.
        num_members: of the population.
        own_data_bytes: of the data set of a member, where there are several; 0 where all share one.
    """
    num_devices = min(jax.device_count(), num_members)
    if recipe.execution != "auto":
        return Execution(num_devices, recipe.execution)
    kind = "cpu" if jax.default_backend() == "cpu" else "accelerator"
    copied_bytes = own_data_bytes * -(-num_members // num_devices)
    rows = summary_rows(recipe.model, input_shape)
    step_flops = sum(row.flops for row in rows) * (recipe.run.batch_size or num_examples)
    is_small = copied_bytes <= COPIED_DATA_BYTES[kind] and step_flops < VMAP_BELOW_FLOPS[kind]
    return Execution(num_devices, "vmap" if is_small else "map")
