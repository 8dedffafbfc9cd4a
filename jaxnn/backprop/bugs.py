"""Planted bugs: one slip of the pen each, of the kind people make when they derive a gradient.

A row replaces `right` by `wrong` in the source of a function.  The checks must catch every one: `mutate`.
"""

from typing import NamedTuple


class Bug(NamedTuple):
    """`right` occurs exactly once in the body of `function`, which the pair (or a kernel under it) uses."""

    pair: str
    function: str
    what: str
    right: str
    wrong: str


# (pair, function): (what, right, wrong)
_TABLE: dict[tuple[str, str], list[tuple[str, str, str]]] = {
    ("dense", "dense_bwd"): [
        ("lost bias sum", "y_bar.sum(axis=0)", "y_bar[0]"),
        ("mean for sum", "y_bar.sum(axis=0)", "y_bar.mean(axis=0)"),
        ("missing transpose", "matmul_transposed", "matmul"),
        ("flipped sign", "matmul(x, y_bar)", "matmul(-x, y_bar)"),
    ],
    ("dense", "dense_fwd"): [("dropped bias", "+ bias[None]", "+ 0 * bias[None]")],
    ("linear", "linear_bwd"): [
        ("missing transpose", "transposed_matmul", "matmul"),
        ("operands exchanged", "(x, y_bar)", "(y_bar, x)"),
    ],
    ("bias", "bias_bwd"): [
        ("only the first of the batch", "channel_sums(y_bar)", "channel_sums(y_bar[0])"),
        ("mean for sum", "channel_sums(y_bar)", "channel_sums(y_bar) / len(y_bar)"),
    ],
    ("batch_norm", "batch_norm_bwd"): [
        ("dropped term: mean", "y_bar - through_mean - through_var", "y_bar - through_var"),
        ("dropped term: variance", "y_bar - through_mean - through_var", "y_bar - through_mean"),
        ("flipped sign", "- through_var)", "+ through_var)"),
        ("lost 1/N of the mean", "spread(bias_bar / n,", "spread(bias_bar,"),
        ("lost 1/N of the variance", "spread(scale_bar / n,", "spread(scale_bar,"),
        ("lost 1/sigma", "spread(scale * inv_std,", "spread(scale,"),
        ("lost scale", "spread(scale * inv_std,", "spread(inv_std,"),
        ("scale without x_hat", "channel_sums(y_bar * x_hat)", "channel_sums(y_bar)"),
    ],
    ("batch_norm", "batch_norm_fwd"): [
        ("epsilon left out", "rsqrt(var + epsilon)", "rsqrt(var)"),
        ("epsilon under no root", "jax.lax.rsqrt(var + epsilon)", "1 / (var**0.5 + epsilon)"),
        ("unbiased variance", "channel_sums(centred**2) / n", "channel_sums(centred**2) / (n - 1)"),
    ],
    ("batch_norm_eval", "batch_norm_eval_fwd"): [("epsilon left out", "rsqrt(var + epsilon)", "rsqrt(var)")],
    ("batch_norm_eval", "batch_norm_eval_bwd"): [
        ("flipped sign", "-bias_bar * factor", "bias_bar * factor"),
        ("lost 1/2", "inv_std**2 / 2", "inv_std**2"),
        ("wrong power", "inv_std**2 / 2", "inv_std / 2"),
        ("lost scale", "factor = scale * inv_std", "factor = inv_std"),
    ],
    ("layer_norm", "layer_norm_bwd"): [
        ("the axes of batch norm", "g.mean(axis=-1,", "g.mean(axis=0,"),
        ("dropped term: mean", "g - through_mean - through_var", "g - through_var"),
        ("dropped term: variance", "g - through_mean - through_var", "g - through_mean"),
        ("lost scale", "scale[_leading(y_bar)] * y_bar", "y_bar"),
        ("sum over the wrong axis", "x_hat), channel_sums(y_bar)", "x_hat), y_bar.sum(axis=-1)"),
    ],
    ("layer_norm", "layer_norm_fwd"): [
        ("the axes of batch norm", "x.mean(axis=-1,", "x.mean(axis=0,"),
        ("epsilon left out", "rsqrt(var + epsilon)", "rsqrt(var)"),
    ],
    ("dropout", "dropout_bwd"): [
        ("stale mask", "jnp.where(keep,", "jnp.where(jnp.roll(keep, 1),"),
        ("forgotten mask", "jnp.where(keep, y_bar / kept_share, 0)", "y_bar / kept_share"),
        ("forgotten scale", "y_bar / kept_share", "y_bar"),
    ],
    ("dropout", "dropout_fwd"): [("divided by the wrong rate", "jnp.asarray(1 - rate,", "jnp.asarray(rate,")],
    ("flatten", "flatten_bwd"): [
        ("wrong order", "y_bar.reshape(shape.sizes)", 'y_bar.reshape(shape.sizes, order="F")'),
    ],
    ("reshape", "reshape_bwd"): [
        ("wrong order", "y_bar.reshape(shape.sizes)", 'y_bar.reshape(shape.sizes, order="F")'),
    ],
    ("upsample", "upsample_bwd"): [
        ("mean for sum", ".sum(axis=(2, 4))", ".mean(axis=(2, 4))"),
        ("only the first copy", ".sum(axis=(2, 4))", "[:, :, 0, :, 0]"),
        (
            "rows and columns exchanged",
            "(batch, height, tall, width, wide, channels)",
            "(batch, height, wide, width, tall, channels)",
        ),
    ],
    ("embedding", "embedding_bwd"): [
        ("last reader wins", "at[indices].add(y_bar)", "at[indices].set(y_bar)"),
        ("off by one", "at[indices].add", "at[indices - 1].add"),
    ],
    ("residual", "residual_bwd"): [
        ("gradient stops at the branch", "return y_bar, y_bar", "return 0 * y_bar, y_bar"),
        ("gradient shared out", "return y_bar, y_bar", "return y_bar / 2, y_bar / 2"),
    ],
    ("attention", "attention_bwd"): [
        ("lost 1/sqrt(d)", "scores_bar / math.sqrt(query.shape[-1])", "scores_bar"),
        ("dropped term of the softmax", "(probs_bar - (probs_bar * probs).sum(", "(probs_bar - 0 * probs_bar.sum("),
        ("softmax over the wrong axis", "sum(axis=-1,", "sum(axis=-2,"),
        ("missing transpose", "probs.mT @ y_bar", "probs @ y_bar"),
        ("query for key", "scores_bar @ key", "scores_bar @ query"),
    ],
    ("attention", "attention_fwd"): [
        ("lost scale", "query @ key.mT / math.sqrt(query.shape[-1])", "query @ key.mT"),
        ("mask inverted", "jnp.where(mask,", "jnp.where(~mask,"),
    ],
    ("conv2d", "_same"): [
        ("padding off by one", "return total // 2, total - total // 2", "return total - total // 2, total // 2"),
    ],
    ("conv2d", "_placement"): [
        ("padding left out", "first = i * dilation - before", "first = i * dilation"),
        ("dilation left out", "first = i * dilation - before", "first = i - before"),
        ("stride left out", "n - 1 - last, stride - 1", "n - 1 - last + (out - 1) * (stride - 1), 0"),
    ],
    ("conv2d", "taps"): [("height for width", "j * dw, 0)", "j * dh, 0)")],
    ("conv2d", "_each_group"): [
        ("groups interleaved", "groups, v.shape[-1] // groups)", "v.shape[-1] // groups, groups).mT"),
    ],
    ("conv2d", "_transpose_x"): [
        ("flipped kernel", "@ kernel.reshape(", "@ kernel[::-1].reshape("),
    ],
    ("conv2d", "_transpose_kernel"): [
        ("rows and columns exchanged", "*window.size,", "*window.size[::-1],"),
        ("flipped sign", "y_bar_t @ _patches", "-y_bar_t @ _patches"),
        ("only the last images", "return total + some", "return 0 * total + some"),
    ],
    ("conv2d", "_patches"): [("taps out of order", "window), window)]", "window), window)[::-1]]")],
    ("conv2d", "_chunks"): [
        ("images out of order", "images.reshape(num_chunks, -1,", "images[::-1].reshape(num_chunks, -1,"),
    ],
    ("conv2d", "_forward"): [("true convolution", "@ kernel.reshape(", "@ kernel[::-1, ::-1].reshape(")],
    ("conv2d", "conv2d_bwd"): [("flipped sign", "spec, y_bar, kernel)", "spec, -y_bar, kernel)")],
    ("conv2d", "transpose_kernel"): [
        ("strides for dilation", "rhs_dilation=window.strides", "rhs_dilation=window.dilation"),
        ("padding off by one", "(before, (k - 1) * d", "(before + 1, (k - 1) * d - 1"),
        ("the wrong group", "batch_group_count", "feature_group_count"),
    ],
    ("conv2d", "transpose_x"): [
        ("kernel not flipped", "kernel[::-1, ::-1]", "kernel"),
        ("padding off by one", "extent(k, d) - 1 - before, n + before", "extent(k, d) - before, n + before - 1"),
        ("the wrong group", "transpose(0, 1, 4, 3, 2)", "transpose(0, 1, 4, 2, 3)"),
        ("strides left out", "lhs_dilation=window.strides", "lhs_dilation=(1, 1)"),
    ],
    ("max_pool", "max_pool_bwd"): [("windows undone in the wrong order", "reversed(", "(")],
    ("max_pool", "_send_to"): [
        ("everyone who reads gets it", "[jnp.where(winner == t, y_bar, 0) for", "[y_bar for"),
        ("off by one", "winner == t,", "winner == t + 1,"),
        ("shared out as in a mean", "jnp.where(winner == t, y_bar, 0)", "y_bar / math.prod(window.size)"),
    ],
    ("max_pool", "_first_max"): [("minimum", "cell > best", "cell < best")],
    ("max_pool", "_placement"): [("padding left out", "first = i * dilation - before", "first = i * dilation")],
    ("max_pool", "_max_pool_fwd"): [
        ("padded with zeros", "pad_images(x, window, -jnp.inf)", "pad_images(x, window)"),
    ],
    ("avg_pool", "avg_pool_bwd"): [
        ("lost 1/n", " / _num_cells(residuals).astype(y_bar.dtype)", ""),
        ("height left out", "for part in (rows, columns)", "for part in (columns,)"),
    ],
    ("avg_pool", "_num_cells"): [
        ("padding always counted", "if residuals.count_padding:", "if True:"),
        ("padding off by one", "* s - before", "* s - before + 1"),
    ],
    ("avg_pool", "_same"): [
        ("padding off by one", "return total // 2, total - total // 2", "return total - total // 2, total // 2"),
    ],
    ("avg_pool", "_split"): [("height for width", "(1, kw), (1, sw)", "(1, kw), (1, sh)")],
    ("identity", "identity_bwd"): [("flipped sign", "(y_bar,)", "(-y_bar,)")],
    ("relu", "relu_bwd"): [
        ("mask of the cotangent", "jnp.where(positive,", "jnp.where(y_bar > 0,"),
        ("mask inverted", "jnp.where(positive,", "jnp.where(~positive,"),
        ("forgotten mask", "(jnp.where(positive, y_bar, 0),)", "(y_bar,)"),
    ],
    ("leaky_relu", "leaky_relu_fwd"): [("slopes exchanged", "x >= 0", "x < 0")],
    ("leaky_relu", "leaky_relu_bwd"): [("squared slope", "y_bar * slope", "y_bar * slope**2")],
    ("elu", "elu_fwd"): [
        ("output for derivative", "alpha * jnp.exp(", "alpha * jnp.expm1("),
        ("lost -1", "alpha * jnp.expm1(", "alpha * jnp.exp("),
    ],
    ("gelu", "gelu_bwd"): [
        ("dropped term", "_normal_cdf(x) + x * density", "_normal_cdf(x)"),
        ("lost 1/sqrt(2 pi)", "/ math.sqrt(2 * math.pi)", ""),
    ],
    ("gelu", "_normal_cdf"): [("lost sqrt 2", "-x / math.sqrt(2)", "-x")],
    ("gelu_tanh", "gelu_tanh_bwd"): [
        ("lost inner derivative", "(1 - t * t) * u_prime / 2", "(1 - t * t) / 2"),
        ("lost factor 3", "3 * 0.044715", "0.044715"),
    ],
    ("gelu_tanh", "gelu_tanh_fwd"): [("cube left out", "0.044715 * x**3", "0.044715 * x")],
    ("silu", "silu_bwd"): [
        ("dropped term", "s * (1 + x * (1 - s))", "s"),
        ("flipped sign", "(1 - s)", "(1 + s)"),
    ],
    ("softplus", "softplus_bwd"): [("tanh for sigmoid", "jax.nn.sigmoid(x)", "jnp.tanh(x)")],
    ("sigmoid", "sigmoid_bwd"): [
        ("flipped sign", "(1 - y)", "(1 + y)"),
        ("dropped factor", "y_bar * y * (1 - y)", "y_bar * y"),
    ],
    ("sigmoid", "sigmoid_fwd"): [("kept x", "return y, y", "return y, x")],
    ("tanh", "tanh_bwd"): [("lost square", "1 - y * y", "1 - y")],
    ("tanh", "tanh_fwd"): [("kept x", "return y, y", "return y, x")],
    ("softmax", "softmax_bwd"): [
        ("diagonal only", "y_bar - (y_bar * y).sum(", "y_bar - (y_bar * y) + 0 * y_bar.sum("),
        ("over the batch", "axis=-1", "axis=0"),
        ("dropped factor", "y * (y_bar -", "(y_bar -"),
    ],
    ("log_softmax", "log_softmax_bwd"): [
        ("logarithm for probability", "jnp.exp(y) *", "y *"),
        ("lost sum", "y_bar.sum(axis=-1, keepdims=True)", "y_bar"),
    ],
    ("softmax_cross_entropy", "softmax_cross_entropy_bwd"): [
        ("flipped sign", "keepdims=True) - smoothed)", "keepdims=True) + smoothed)"),
        ("smoothing forgotten", "(1 - s) * targets + s / num_classes", "targets"),
        ("lost 1/K of the smoothing", "s / num_classes", "s"),
        ("labels off by one", "jnp.arange(num_classes)", "(jnp.arange(num_classes) + 1)"),
        ("mean over the batch twice", "losses_bar[:, None] * (jnp.exp", "losses_bar[:, None] / 5 * (jnp.exp"),
        ("cotangent of one example for all", "losses_bar[:, None] * (jnp.exp", "losses_bar[:1, None] * (jnp.exp"),
        ("targets taken to sum to 1", " * smoothed.sum(axis=1, keepdims=True)", ""),
        ("labels: flipped sign", "(s - 1) * log_p", "(1 - s) * log_p"),
    ],
    ("softmax_cross_entropy", "softmax_cross_entropy_fwd"): [
        ("log of the mean", "log_p.mean(axis=1)", "log_p.sum(axis=1)"),
    ],
    ("negative_log_likelihood", "negative_log_likelihood_bwd"): [
        ("flipped sign", "-losses_bar[:, None]", "losses_bar[:, None]"),
        ("lost 1/p", "losses_bar[:, None] / probs", "losses_bar[:, None] * probs"),
        ("every class", "jnp.where(is_label,", "jnp.where(True,"),
    ],
    ("sigmoid_cross_entropy", "sigmoid_cross_entropy_bwd"): [
        ("flipped sign", "jax.nn.sigmoid(logits) - t", "t - jax.nn.sigmoid(logits)"),
        ("times y (1 - y) again", "share * (jax", "jax.nn.sigmoid(logits) * share * (jax"),
        ("targets: flipped sign", "-share * logits", "share * logits"),
    ],
    ("sigmoid_cross_entropy", "_share"): [("lost 1/K", "losses_bar / num_outputs", "losses_bar")],
    ("binary_cross_entropy", "sigmoid_cross_entropy_bwd"): [
        ("probability for logit", "jax.nn.sigmoid(logits) - t", "logits - t"),
    ],
    ("tanh_squared_error", "tanh_squared_error_bwd"): [
        ("slope of the tanh forgotten", "error_bar * (1 - y * y)", "error_bar"),
        ("slope of the sigmoid", "(1 - y * y)", "y * (1 - y)"),
        ("targets: lost 2", "-2 * error_bar", "-error_bar"),
    ],
    ("tanh_squared_error", "tanh_squared_error_fwd"): [
        ("lost 1/2", "error**2 / 2", "error**2"),
        (
            "0 and 1 for -1 and 1",
            '(2 * _as_targets("tanh_squared_error", logits, targets) - 1)',
            '_as_targets("tanh_squared_error", logits, targets)',
        ),
    ],
    ("squared_error", "squared_error_bwd"): [("lost 2", "2 * error", "error")],
    ("squared_error", "_of_difference"): [("targets: flipped sign", "-outputs_bar", "outputs_bar + 0")],
    ("squared_error", "_share"): [("lost 1/K", "losses_bar / num_outputs", "losses_bar")],
    ("half_squared_error", "half_squared_error_bwd"): [("a 2 too many", "(error,", "(2 * error,")],
    ("absolute_error", "absolute_error_bwd"): [("lost sign", "jnp.sign(error)", "jnp.abs(jnp.sign(error))")],
    ("huber", "huber_bwd"): [
        ("not clipped", "jnp.clip(error, -1, 1)", "error"),
        ("sign everywhere", "jnp.clip(error, -1, 1)", "jnp.sign(error)"),
    ],
    ("huber", "huber_fwd"): [("jump at 1", "size - 0.5", "size")],
    ("l1", "l1_bwd"): [("lost sign", "jnp.sign(kernel)", "jnp.ones_like(kernel)")],
    ("l2", "l2_bwd"): [("lost 2", "y_bar * 2 * kernel", "y_bar * kernel")],
    ("activity_l1", "activity_l1_bwd"): [
        ("lost 1/N", " / activations.shape[0]", ""),
        ("mean over the units too", "activations.shape[0]", "activations.size"),
    ],
}

BUGS = [Bug(*place, *row) for place, rows in _TABLE.items() for row in rows]
