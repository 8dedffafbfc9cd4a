"""What a study takes, counted before it is trained.  Oracles: XLA's count of operations, and a count by hand."""

import jax
import jax.numpy as jnp
import pytest
from tiny_studies import tiny_config, tiny_data

from jaxnn.data import DataConfig
from jaxnn.study import plan_study
from jaxnn.study.cost import program_cost

DIGITS = DataConfig("digits", train=300, validation=100)
CNN = ("conv:8:3:1:valid", "relu", "conv:64:3:1:valid", "relu", "dense:64", "tanh")


def cost(sweep=None, **options):
    plan = plan_study(tiny_config(**options), sweep or {}, load=tiny_data)
    (program,) = plan.programs
    return program_cost(plan, program)


def counted(model, input_shape, num_examples):
    """FLOPs of a gradient, and of a forward pass alone, as XLA counts them; convolutions are those of a GPU."""
    x = jax.ShapeDtypeStruct((num_examples, *input_shape), jnp.float32)
    rest = dict(jax.eval_shape(model.init, jax.random.key(0), x))
    params = rest.pop("params")
    loss = lambda params, rest, x: (model.apply({"params": params, **rest}, x) ** 2).sum()
    lower = lambda function: jax.jit(function).trace(params, rest, x).lower(lowering_platforms=("cuda",))
    return [lower(function).cost_analysis()["flops"] for function in (jax.grad(loss), loss)]


@pytest.mark.parametrize(
    "options",
    [
        {"hidden": (256, 64)},
        {"model": "cnn", "hidden": None, "layers": CNN},
        {"model": "cnn", "hidden": None, "layers": ("batchnorm", *CNN)},  # the convolution's input has a cotangent
    ],
    ids=["mlp", "cnn", "batchnorm first"],
)
def test_operations_are_those_that_the_compiler_counts(options):
    """Which counts what is done element by element too, some hundredths."""
    plan = plan_study(tiny_config(data=DIGITS, epochs=6, eval_every=3, **options), {}, load=tiny_data)
    (program,) = plan.programs
    gradient, forward = counted(program.recipe.model, program.input_shape, num_examples=100)
    wanted = 2 * (6 * 3 * gradient + 2 * forward)  # seeds, epochs and hundreds; records and hundreds
    assert 0.94 * wanted < program_cost(plan, program).flops < wanted


def test_members_and_steps_by_hand():
    """45 training points: three batches of 16, one of all; two settings of two seeds; a validation set of 25.

    2-3-3 has 2 * 6 + 2 * 9 = 30 FLOPs forward, and 3 * 30 - 12 = 78 with its gradient.
    """
    found = cost({"learning_rate": (0.1, 0.2)})
    assert (found.num_members, found.steps) == (4, 3 * 4)
    assert found.flops == 4 * 4 * (45 * 78 + 25 * 30)
    assert cost(batch_size="full").steps == 4


def test_a_padded_program_costs_what_is_computed():
    """The larger of both networks, for the members of both."""
    both = cost({"hidden": ((2,), (5,))}, padding="auto")
    large = cost(hidden=(5,))
    assert (both.num_members, both.flops) == (4, 2 * large.flops)
