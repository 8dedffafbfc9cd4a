"""Forward and backward pass by hand beside autodiff, interleaved: milliseconds a step, and their ratio.

Each is a scan of plain gradient steps on one batch, compiled once; compilation is not in a figure.

    scripts/bench --case gradients
"""

import statistics
import time
from typing import NamedTuple

import jax
import jax.numpy as jnp
from rich.console import Console
from rich.table import Table

from jaxnn import backprop, losses, models
from jaxnn.train import autodiff_value_and_grad
from jaxnn.types import Batch, Hparams

WAYS = {"by hand": backprop.value_and_grad, "autodiff": autodiff_value_and_grad}


class Case(NamedTuple):
    """A network, the shape of a batch for it, and how many steps make a measurable time."""

    model: models.Network
    inputs: tuple[int, ...]
    num_steps: int
    members: int = 1
    dropout_rate: float | None = None


CASES = {
    "MLP 2-100-2, batch 32": Case(models.mlp((100,), 2), (32, 2), 3000),
    "the same, 10 members": Case(models.mlp((100,), 2), (32, 2), 1000, members=10),
    "MLP 784-128-10, batch 128": Case(models.mlp((128,), 10), (128, 28, 28, 1), 100),
    "MLP 784-128-64-10, batch norm, dropout": Case(
        models.mlp((128, 64), 10, batch_norm=True, dropout=True), (128, 28, 28, 1), 100, dropout_rate=0.5
    ),
    "autoencoder 784-128-784, batch 256": Case(models.autoencoder((28, 28, 1), code=128), (256, 28, 28, 1), 40),
    "LeNet, batch 64": Case(models.lenet(), (64, 28, 28, 1), 12, dropout_rate=0.5),
    "CNN with batch norm, batch 64": Case(
        models.cnn(
            ("conv:8", "batchnorm", "relu", "conv:16", "batchnorm", "relu", "maxpool", "dense:64", "relu"), 10
        ),
        (64, 28, 28, 1),
        12,
    ),
}


def print_gradients(*, rounds: int) -> None:
    """The table of all cases."""
    table = Table(
        "network", "by hand (ms)", "autodiff (ms)", "by hand / autodiff", title="Forward and backward pass"
    )
    for name, case in CASES.items():
        by_hand, by_autodiff = time_case(case, rounds)
        table.add_row(name, f"{by_hand:.3f}", f"{by_autodiff:.3f}", f"{by_hand / by_autodiff:.2f}")
    Console().print(table)


def time_case(case: Case, rounds: int) -> list[float]:
    """The median milliseconds of a step, for each way."""
    programs = [compile_steps(case, way) for way in WAYS.values()]
    times = [[] for _ in programs]
    for _ in range(rounds):
        for (program, arguments), of_program in zip(programs, times, strict=True):
            start = time.perf_counter()
            jax.block_until_ready(program(*arguments))
            of_program.append((time.perf_counter() - start) / case.num_steps * 1e3)
    return [statistics.median(of_program) for of_program in times]


def compile_steps(case: Case, value_and_grad):
    """`num_steps` steps of gradient descent of all members as a compiled program, and its arguments."""
    x = jax.random.normal(jax.random.key(0), case.inputs)
    reconstructs = isinstance(case.model.layers[-1], models.Reshape)
    batch = Batch(x, x if reconstructs else jnp.arange(len(x)) % case.model.layers[-1].features)
    grad_fn = value_and_grad(case.model, losses.squared_error if reconstructs else losses.softmax_cross_entropy)
    hparams = Hparams(dropout_rate=case.dropout_rate)

    def step(params, batch_stats, key):
        (_, (_, batch_stats)), grads = grad_fn(params, batch_stats, batch, key, hparams)
        return jax.tree.map(lambda w, grad: w - 1e-3 * grad, params, grads), batch_stats

    def steps(params, batch_stats):
        keys = jax.random.split(jax.random.key(1), case.num_steps)
        many = jax.vmap(step, (0, 0, None))
        return jax.lax.scan(lambda carry, key: (many(*carry, key), None), (params, batch_stats), keys)[0]

    keys = jax.random.split(jax.random.key(2), case.members)
    variables = jax.jit(jax.vmap(case.model.init, (0, None)))(keys, x)
    arguments = variables["params"], variables.get("batch_stats", {})
    return jax.jit(steps).lower(*arguments).compile(), arguments
