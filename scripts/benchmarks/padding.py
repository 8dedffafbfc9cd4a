"""What padding small networks to one shape is worth: the time of a whole study, compilation included.

Every study starts with nothing compiled: the cache on disk is off, and what the process holds is dropped.
"""

import dataclasses
import itertools
import statistics
import time

import jax

from jaxnn.data import DataConfig
from jaxnn.study import ModelConfig, StudyConfig, TrainConfig, plan_study, train_study
from jaxnn.types import Hparams

MOONS = StudyConfig(
    data=DataConfig("moons", num_examples=1000, validation=200, test=600, noise=0.2),
    model=ModelConfig("mlp", activation="tanh"),
    training=TrainConfig(epochs=5000, batch_size="full", eval_every=100, optimizer="sgd"),
    hparams=Hparams(learning_rate=1.0),
    seeds=5,
)
STUDIES = {
    "one layer of 1 to 6 units": tuple((units,) for units in range(1, 7)),
    "1 to 4 layers of 3 units": tuple((3,) * depth for depth in range(1, 5)),
    "4 layers of 3 to 20 units": tuple((units,) * 4 for units in (3, 5, 10, 20)),
    "one layer of 5 to 100 units": tuple((units,) for units in (5, 10, 20, 100)),
    "2 layers of 10 to 100 units": tuple((units,) * 2 for units in (10, 30, 100)),
}


def padding_rows(*, rounds: int) -> list[tuple[str, int, dict[str, float]]]:
    """(study, forward FLOPs of a step of the largest network, seconds with padding and without), medians."""
    rows = []
    jax.config.update("jax_enable_compilation_cache", False)
    for name, hidden in STUDIES.items():
        seconds: dict[str, list[float]] = {"padded": [], "apart": []}
        for _ in range(rounds):
            seconds["padded"].append(_seconds(hidden, limit=10**12, padding="auto"))
            seconds["apart"].append(_seconds(hidden, limit=0, padding="never"))
        sizes = (2, *max(hidden, key=lambda widths: (len(widths), widths)), 2)
        flops = 2 * 200 * sum(a * b for a, b in itertools.pairwise(sizes))
        rows.append((name, flops, {label: statistics.median(values) for label, values in seconds.items()}))
    return rows


def print_padding(*, rounds: int) -> list[tuple[str, int, dict[str, float]]]:
    """Print the rows, and give them back."""
    rows = padding_rows(rounds=rounds)
    for name, flops, seconds in rows:
        ratio = seconds["apart"] / seconds["padded"]
        figures = ", ".join(f"{label} {value:.1f} s" for label, value in seconds.items())
        print(f"{name:<32}{flops:>10,} a step: {figures}, ratio {ratio:.1f}")
    return rows


def _seconds(hidden: tuple[tuple[int, ...], ...], *, limit: int, padding) -> float:
    from jaxnn.study import padding as choice

    jax.clear_caches()
    usual, choice.PAD_BELOW_FLOPS = choice.PAD_BELOW_FLOPS, limit
    try:
        training = dataclasses.replace(MOONS.training, padding=padding)
        started = time.perf_counter()
        train_study(plan_study(dataclasses.replace(MOONS, training=training), {"hidden": hidden}))
        return time.perf_counter() - started
    finally:
        choice.PAD_BELOW_FLOPS = usual
