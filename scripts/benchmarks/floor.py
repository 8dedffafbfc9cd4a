"""How near a study is to the least that XLA needs: jaxnn beside a bare loop over the same batches, interleaved.

The bare loop is written out for a multi-layer perceptron: products, softmax and Adam, and nothing else.  No order
of an epoch, no metrics, no validation, no best parameters, no watch for divergence, no smaller last batch.
"""

import itertools
import statistics
import time
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
import optax
from cases import CASES, Case, load
from jax.sharding import Mesh, PartitionSpec

from jaxnn.optim import FLATTEN_BELOW
from jaxnn.population.program import CPU_COMPILER_OPTIONS
from jaxnn.study import plan_study
from jaxnn.study.training import train_program


def floor_rows(*, rounds: int, case: str = "") -> Iterator[tuple[str, list[float], list[float]]]:
    """For each case its name and the seconds of every round for one member and epoch: jaxnn's, the bare loop's."""
    for one in CASES:
        if case not in one.name or one.model.model != "mlp":
            continue
        plan = plan_study(one.config, {}, load=load)
        data = plan.settings[0].data
        bare = bare_study(one, data.train.x, data.train.y)
        units = one.members * one.epochs
        train_program(plan, 0)
        bare()
        seconds: tuple[list[float], list[float]] = ([], [])
        for _ in range(rounds):
            seconds[0].append(train_program(plan, 0).run_seconds / units)
            started = time.perf_counter()
            bare()
            seconds[1].append((time.perf_counter() - started) / units)
        yield one.name, *seconds


def print_floor(*, rounds: int) -> None:
    """A line for each case: a member's epoch in jaxnn and in the bare loop, and the median of their ratios."""
    print("one member and epoch, a bare loop over the batches beside jaxnn with all it does:")
    for name, ours, bare in floor_rows(rounds=rounds):
        ratio = statistics.median(a / b for a, b in zip(ours, bare, strict=True))
        ours_ms, bare_ms = (1e3 * statistics.median(seconds) for seconds in (ours, bare))
        print(f"  {name:<38}jaxnn {ours_ms:8.3g} ms, bare loop {bare_ms:8.3g} ms, jaxnn / bare {ratio:.2f}")


def bare_study(case: Case, x: np.ndarray, y: np.ndarray) -> Callable[[], object]:
    """A function that trains every member of a case, one after another on each device."""
    inputs, labels = jnp.asarray(x.reshape(len(x), -1)), jnp.asarray(y)
    scale = 1 / 255 if x.dtype == np.uint8 else 1.0
    order = jnp.asarray(np.random.default_rng(0).permutation(len(x)).astype(np.int32))
    num_batches = len(x) // case.batch_size
    num_weights = sum(m * n for m, n in itertools.pairwise(case.widths))
    optimizer = optax.flatten(optax.adam(1e-3)) if num_weights < FLATTEN_BELOW else optax.adam(1e-3)

    def objective(params, images, targets):
        outputs = images
        for kernel, bias in params[:-1]:
            outputs = jax.nn.relu(outputs @ kernel + bias)
        logits = outputs @ params[-1][0] + params[-1][1]
        return (
            -jnp.where(targets[:, None] == jnp.arange(logits.shape[1]), jax.nn.log_softmax(logits), 0).sum(1).mean()
        )

    def step(index, carry):
        params, state = carry
        rows = jax.lax.dynamic_slice(order, (index % num_batches * case.batch_size,), (case.batch_size,))
        grads = jax.grad(objective)(params, inputs[rows].astype(jnp.float32) * scale, labels[rows])
        updates, state = optimizer.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    def member(params):
        return jax.lax.fori_loop(0, case.epochs * num_batches, step, (params, optimizer.init(params)))[0]

    mesh = Mesh(np.array(jax.devices()), ("member",))
    each = PartitionSpec("member")
    spread = jax.shard_map(
        lambda members: jax.lax.map(member, members), mesh=mesh, in_specs=each, out_specs=each, check_vma=False
    )
    compiled = jax.jit(spread, compiler_options=CPU_COMPILER_OPTIONS)
    rng = np.random.default_rng(0)
    draw = lambda m, n: rng.normal(0, m**-0.5, (case.members, m, n)).astype(np.float32)
    params = [(draw(m, n), np.zeros((case.members, n), np.float32)) for m, n in itertools.pairwise(case.widths)]
    return lambda: jax.block_until_ready(compiled(params))
