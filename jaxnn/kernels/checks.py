"""What every kernel and every hand-derived pair refuses before it computes."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp

from jaxnn.errors import InputError


def check_floating(layer: str, arrays: Mapping[str, jax.Array]) -> None:
    """Raise unless all `arrays` (by argument name) have one floating dtype: integers have no derivative."""
    for name, array in arrays.items():
        if not jnp.issubdtype(array.dtype, jnp.floating):
            raise InputError(
                f"`{layer}` needs floating `{name}`; got {array.dtype} {array.shape}: "
                "integers have no derivative; convert with `.astype(jnp.float32)`."
            )
    dtypes = {array.dtype for array in arrays.values()}
    if len(dtypes) > 1:
        found = ", ".join(f"`{name}` {array.dtype}" for name, array in arrays.items())
        raise InputError(f"`{layer}` needs arguments of one dtype; got {found}.")


def check_fit(layer: str, fits: bool, rule: str, arrays: Mapping[str, jax.Array]) -> None:
    """Raise unless `fits`, with the rule that the shapes of `arrays` broke."""
    if not fits:
        found = ", ".join(f"`{name}` {array.shape}" for name, array in arrays.items())
        raise InputError(f"`{layer}` needs {rule}; got {found}.")
