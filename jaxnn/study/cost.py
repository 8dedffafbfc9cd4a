"""What training a study takes, counted from shapes before anything is compiled."""

from typing import NamedTuple

from jaxnn.models import summary_rows
from jaxnn.study.memory import Memory
from jaxnn.study.plan import Plan, Program, num_members, program_memory


class Cost(NamedTuple):
    """What training a program takes, if no member stops early.

    num_members: settings times seeds.
    steps: of each member.
    flops: operations of the matrix products and convolutions of training and validation, of all members together;
        multiply-adds times two, those with the zeros of a padding included.
    memory: as `estimate_memory` counts it.
    """

    num_members: int
    steps: int
    flops: int
    memory: Memory


def program_cost(plan: Plan, program: Program) -> Cost:
    """What training a program of a plan takes.

    A forward pass costs F = the FLOPs of `summary_rows` an example.  The backward pass has two products for each of
    its own, the cotangents of input and kernel, but the first layer with parameters needs none of its input.  So a
    member costs

        epochs * (3 F - F_first) * training examples  +  records * F * validation examples.

    Of a padded program the padded network is counted.  Looking into a network (`--monitor`) is not.
    """
    run, data = program.recipe.run, program.data[0]
    members, num_train = num_members(plan, program), program.num_train
    rows = summary_rows(program.recipe.model, program.input_shape)
    forward, first = sum(row.flops for row in rows), next((row.flops for row in rows if row.trainable), 0)
    each = run.epochs * (3 * forward - first) * num_train + run.num_records * forward * len(data.validation.x)
    return Cost(
        num_members=members,
        steps=run.epochs * -(-num_train // (run.batch_size or num_train)),
        flops=members * each,
        memory=program_memory(plan, program),
    )
