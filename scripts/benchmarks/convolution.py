"""What the form of a convolution is worth on CPU: both passes of single layers, on one device, interleaved."""

import functools
import statistics
import time
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
from jax import lax

from jaxnn.kernels import conv2d, conv_matmul
from jaxnn.kernels.conv import Form
from jaxnn.population.program import CPU_COMPILER_OPTIONS

# name -> (images, kernel, padding)
LAYERS = {
    "LeNet, 5x5, 1 to 10 channels, batch 64": ((64, 28, 28, 1), (5, 5, 1, 10), "VALID"),
    "LeNet, 5x5, 10 to 20 channels, batch 64": ((64, 12, 12, 10), (5, 5, 10, 20), "VALID"),
    "3x3, 32 to 64 channels, 28 x 28, batch 64": ((64, 28, 28, 32), (3, 3, 32, 64), "VALID"),
    "3x3, 128 to 128 channels, 13 x 13, batch 64": ((64, 13, 13, 128), (3, 3, 128, 128), "VALID"),
    "3x3, 256 to 256 channels, 5 x 5, batch 64": ((64, 5, 5, 256), (3, 3, 256, 256), "VALID"),
}
STEPS = 5  # of a loop, as in training


def print_convolution(*, rounds: int) -> dict[str, dict[str, float]]:
    """Milliseconds of each form, medians, in a line for each layer; and give them back."""
    figures = {}
    for name, seconds in convolution_rows(rounds=rounds):
        figures[name] = {form: 1e3 * statistics.median(values) for form, values in seconds.items()}
        print(f"{name:<46}" + ", ".join(f"{form} {value:.2f} ms" for form, value in figures[name].items()))
    return figures


def convolution_rows(*, rounds: int) -> Iterator[tuple[str, dict[str, list[float]]]]:
    """(layer, form -> seconds of a step in each round)."""
    forms: dict[str, tuple[Form, int]] = {
        f"{mib:g} MiB at once": ("matmul", int(mib * 2**20)) for mib in (0.5, 2, 8, 4096)
    }
    forms["XLA's convolution"] = ("xla", 0)
    for name, (x_shape, kernel_shape, padding) in LAYERS.items():
        x, kernel = (jax.random.normal(jax.random.key(0), shape) for shape in (x_shape, kernel_shape))
        programs = {label: _compile(x, kernel, padding, *form) for label, form in forms.items()}
        seconds: dict[str, list[float]] = {label: [] for label in forms}
        for _ in range(rounds):
            for label, program in programs.items():
                started = time.perf_counter()
                jax.block_until_ready(program(x, kernel))
                seconds[label].append((time.perf_counter() - started) / STEPS)
        yield name, seconds


def _compile(x: jax.Array, kernel: jax.Array, padding: str, form: Form, patches_at_once: int) -> Callable:
    """A few steps down the gradient of |y|^2 in images and kernel, in one loop."""

    @functools.partial(jax.grad, argnums=(0, 1))
    def gradients(x, kernel):
        return 1e-6 * jnp.square(conv2d(x, kernel, padding=padding, form=form)).sum()

    def step(_, point):
        return jax.tree.map(lambda value, gradient: value - gradient, point, gradients(*point))

    usual = conv_matmul.PATCHES_AT_ONCE
    conv_matmul.PATCHES_AT_ONCE = patches_at_once
    try:
        loop = jax.jit(
            lambda x, kernel: lax.fori_loop(0, STEPS, step, (x, kernel)), compiler_options=CPU_COMPILER_OPTIONS
        )
        program = loop.lower(x, kernel).compile()
    finally:
        conv_matmul.PATCHES_AT_ONCE = usual
    jax.block_until_ready(program(x, kernel))
    return program
