"""What JAX compiles while a test looks: the names of the functions, as JAX itself reports them."""

import contextlib
from collections.abc import Iterator

import jax.monitoring

COMPILED = "/jax/core/compile/backend_compile_duration"


@contextlib.contextmanager
def recorded_compilations() -> Iterator[list[str]]:
    """A list that grows with the name of every function that XLA compiles inside the context."""
    names: list[str] = []

    def listen(event: str, duration: float, *, fun_name: str = "", **_: object) -> None:
        if event == COMPILED:
            names.append(fun_name.removeprefix("jit(").removesuffix(")"))

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield names
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
