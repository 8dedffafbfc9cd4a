"""What every kernel and every hand-derived pair refuses before it computes."""

import jax
import jax.numpy as jnp

from jaxnn.errors import InputError


def check_floating(layer: str, arrays: dict[str, jax.Array]) -> None:
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
