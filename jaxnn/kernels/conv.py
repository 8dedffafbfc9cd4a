"""Two-dimensional convolution, as a hand-derived pair and as a function whose custom VJP is that pair.

On CPU the arithmetic is matrix products over patches (`conv_matmul`): XLA's own convolution is ten times
slower inside a scan there, and under `vmap` over kernels it becomes a grouped convolution, which is slower
still.  Elsewhere it is XLA's convolution (`conv_xla`).  Which of the two is decided when the program is
lowered for a platform.
"""

from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple, get_args

import jax
from jax import lax
from jax.tree_util import register_dataclass

from jaxnn.errors import InputError, unknown
from jaxnn.kernels import conv_matmul, conv_xla
from jaxnn.kernels.checks import check_floating
from jaxnn.kernels.window import Padding, Pair, Window, make_window

Form = Literal["auto", "matmul", "xla"]


class ConvSpec(NamedTuple):
    """What is static about a convolution."""

    window: Window
    groups: int
    form: str


@partial(register_dataclass, data_fields=["x", "kernel"], meta_fields=["spec"])
@dataclass(frozen=True)
class ConvResiduals:
    """What the backward pass needs: both operands, and the static part as pytree metadata."""

    x: jax.Array
    kernel: jax.Array
    spec: ConvSpec


def conv2d(
    x: jax.Array,
    kernel: jax.Array,
    *,
    strides: Pair = (1, 1),
    padding: Padding = "SAME",
    dilation: Pair = (1, 1),
    groups: int = 1,
    form: Form = "auto",
) -> jax.Array:
    """Cross-correlate images with a kernel; `jax.grad` through it uses `conv2d_bwd`.

    Args:
        x: images (batch, height, width, channels), floating.
        kernel: (kernel_height, kernel_width, channels // groups, features), the same dtype as x.
        strides: steps of the window, (height, width).
        padding: "SAME", "VALID" or ((top, bottom), (left, right)), filled with zeros.
        dilation: distance of neighbouring kernel cells in the image, (height, width).
        groups: number of equal, separate blocks of channels; it divides channels and features.
        form: "matmul", "xla", or "auto": the former on CPU, the latter elsewhere.

    Returns:
        (batch, out_height, out_width, features).  Batches with `vmap` over x, kernel or both; pure
        forward-mode (`jax.jvp`) stops at the custom VJP, forward-over-reverse works.

    Raises:
        InputError: shapes that do not fit, integers, or an option out of range.
    """
    return _conv2d(x, kernel, _make_spec(x, kernel, strides, padding, dilation, groups, form))


def conv2d_fwd(
    x: jax.Array,
    kernel: jax.Array,
    *,
    strides: Pair = (1, 1),
    padding: Padding = "SAME",
    dilation: Pair = (1, 1),
    groups: int = 1,
    form: Form = "auto",
) -> tuple[jax.Array, ConvResiduals]:
    """y[b,p,q,o] = sum_{i,j,c} x[b, p*s + i*d - top, q*s + j*d - left, c] kernel[i,j,c,o].

    Args and Raises as `conv2d`.  A "convolution" in deep learning is this correlation: the kernel is not
    flipped.  Cells outside the image are zero.  With groups, c runs over the channels of the block that
    feature o belongs to: block o // (features / groups).
    """
    spec = _make_spec(x, kernel, strides, padding, dilation, groups, form)
    return _in_form("forward", spec, x, kernel), ConvResiduals(x, kernel, spec)


def conv2d_bwd(residuals: ConvResiduals, y_bar: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Cotangents of (x, kernel) from y_bar (batch, out_height, out_width, features).

    Index form, from the sum in `conv2d_fwd`: every y that reads a cell sends its cotangent back,

        kernel_bar[i,j,c,o] = sum_{b,p,q} x[b, p*s + i*d - top, q*s + j*d - left, c] y_bar[b,p,q,o]
        x_bar[b,u,v,c]      = sum_{i,j,o} y_bar[b,p,q,o] kernel[i,j,c,o],
                              over the p, q with u = p*s + i*d - top and v = q*s + j*d - left.

    Matrix form: with P(x) the patches (batch * out_height * out_width, kernel_height * kernel_width * channels)
    and K the kernel with one row a patch column, y = P(x) K is a dense layer, hence
    K_bar = P(x)^T y_bar and x_bar = P^T(y_bar K^T), where P^T adds each patch back where it was read.
    With stride 1 the latter is the correlation of y_bar with the kernel flipped in both axes.

    Source: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", 2016, sections 4 and 5.
    """
    x, kernel, spec = residuals.x, residuals.kernel, residuals.spec
    return _in_form("transpose_x", spec, y_bar, kernel), _in_form("transpose_kernel", spec, x, y_bar)


def _in_form(operation: str, spec: ConvSpec, a: jax.Array, b: jax.Array) -> jax.Array:
    """`forward`, `transpose_x` or `transpose_kernel` of the form that the spec or the platform asks for."""
    window, groups, form = spec
    forms = {
        name: partial(getattr(module, operation), window, groups)
        for name, module in (("matmul", conv_matmul), ("xla", conv_xla))
    }
    if form == "auto":
        return lax.platform_dependent(a, b, cpu=forms["matmul"], default=forms["xla"])
    return forms[form](a, b)


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def _conv2d(x: jax.Array, kernel: jax.Array, spec: ConvSpec) -> jax.Array:
    return _in_form("forward", spec, x, kernel)


_conv2d.defvjp(
    lambda x, kernel, spec: (_in_form("forward", spec, x, kernel), ConvResiduals(x, kernel, spec)),
    lambda _, residuals, y_bar: conv2d_bwd(residuals, y_bar),
)


def _make_spec(
    x: jax.Array, kernel: jax.Array, strides: Pair, padding: Padding, dilation: Pair, groups: int, form: Form
) -> ConvSpec:
    check_floating("conv2d", {"x": x, "kernel": kernel})
    if kernel.ndim != 4:
        raise InputError(
            f"`conv2d` needs a kernel of shape (height, width, channels // groups, features); got {kernel.shape}."
        )
    height, width, channels, features = kernel.shape
    window = make_window("conv2d", x, (height, width), strides=strides, padding=padding, dilation=dilation)
    if not (isinstance(groups, int) and groups >= 1 and features % groups == 0):
        raise InputError(f"`conv2d`: `groups` must divide the {features} features of the kernel; got {groups!r}.")
    if x.shape[3] != channels * groups:
        raise InputError(
            f"`conv2d`: x {x.shape} has {x.shape[3]} channels, kernel {kernel.shape} with groups={groups} "
            f"takes {channels * groups}."
        )
    if form not in get_args(Form):
        raise unknown("form of `conv2d`", form, get_args(Form))
    return ConvSpec(window, groups, form)
