"""Hand-derived gradients: a forward and a backward function for every layer and loss, proven and used.

`x_fwd(...) -> (y, residuals)` computes and remembers; `x_bwd(residuals, y_bar) -> cotangents` returns one
cotangent for each argument, None for arguments without a derivative, as `jax.custom_vjp` wants it.  All are
pure, work under `jit` and `vmap` and in any floating dtype.  `docs/gradients.md` has the derivations as a text.
"""
