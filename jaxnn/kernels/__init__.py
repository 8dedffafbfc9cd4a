"""Convolution and pooling: forward and backward written by hand, fast inside a scan on CPU, deterministic on GPU.

Each comes as a pair (`conv2d_fwd`, `conv2d_bwd`) for the hand-derived backward pass, and as a function
(`conv2d`) whose custom VJP is that pair, for `jax.grad`.  Images are (batch, height, width, channels).
"""

from jaxnn.kernels.conv import conv2d, conv2d_bwd, conv2d_fwd
from jaxnn.kernels.pool import (
    avg_pool,
    avg_pool_bwd,
    avg_pool_fwd,
    max_pool,
    max_pool_bwd,
    max_pool_fwd,
)

__all__ = [
    "avg_pool",
    "avg_pool_bwd",
    "avg_pool_fwd",
    "conv2d",
    "conv2d_bwd",
    "conv2d_fwd",
    "max_pool",
    "max_pool_bwd",
    "max_pool_fwd",
]
