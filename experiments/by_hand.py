"""What does a network compute, and which way does it learn, when every number is worked by hand?

Five small calculations, each done by the hand-derived functions of `jaxnn.backprop`, printed with its derivation: a
path of one hidden unit and its first step of gradient descent, a 2-4-2 network whose weights are all of size 1,
which losses gradient descent can minimise, the softmax with and without its maximum subtracted, and four sigmoids.

Source: the questions on paper of an assignment on PyTorch.  They leave two things open, and the readings are given:
whether the squared error has a half, and the signs of the weights of size 1.

    jaxnn run by_hand                    # seconds; every preset is the same calculation

Expect (2026-11-22, docs/results/by_hand): the path gives 3, its derivatives are 3 by w1 and 1 by w2, and one step
takes w1 to -5, where it stays; the outputs for the logits S and 2 are (0.12, 0.88), (0.27, 0.73) and (0.73, 0.27)
where the activations sum to 0, 1 and 3.  `tests/experiments/test_by_hand.py` has all numbers as they are worked on
paper.  Some seconds on two cores; there is nothing for a GPU to do.
"""

import sys
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxnn import backprop, plots
from jaxnn.backprop import Pair, pair
from jaxnn.cli import experiment_main
from jaxnn.experiment import Experiment
from jaxnn.study import Analysis

RATE = 0.5
# Weights (2, 4) of the hidden units of the 2-4-2 network, and (4, 2) of its outputs: all of size 1 where not 0.
HIDDEN = {"all weights +1": [[1, 1, 1, 1], [1, 1, 1, 1]], "all four signs": [[1, 1, -1, -1], [1, -1, 1, -1]]}
OUTPUTS = {"S, 2 + S": (1, 1), "S, 2": (1, 0), "S, 2 - S": (1, -1)}


class OnePath(NamedTuple):
    """One input, one relu unit, one output: the values, and the derivatives of the loss by each parameter."""

    net_input: float
    activation: float
    output: float
    loss: float
    grads: dict[str, float]


def calculate() -> Analysis:
    """All five calculations."""
    path, wide = one_path(), hidden_outputs("all four signs", [[1.5, 0.0]])[0]
    moved = -2 - RATE * path.grads["w1"]
    steps = {name: accuracy_after(name) for name in LOSSES}
    notes = [
        f"The path gives {path.output:g}; the output changes by {output_gradients()['w1']:g} a unit of w1 and by "
        f"{output_gradients()['w2']:g} a unit of w2.  One step for y = 1 takes w1 from -2 to {moved:g}, after "
        f"which its unit gives {one_path(w1=moved).activation:g} at x = 1 and w1 never moves again on this "
        "example.",
        f"In the 2-4-2 network with all four signs the units are silent inside the diamond |x1| + |x2| = 1; at "
        f"(1.5, 0) their activations are {', '.join(f'{a:g}' for a in wide)}.",
        "Of four points that are all on the wrong side, gradient descent brings to the right side: "
        + "; ".join(f"{name} {share:.0%}" for name, share in steps.items())
        + ".  The 0/1 loss is flat wherever it has a derivative, so it says nothing about where to go.",
    ]
    tables = [path_table(), still_table(), hidden_table(), outputs_table()]
    tables += [losses_table(steps), softmax_table(), sigmoids_table()]
    return Analysis(notes, tables, [("diamond", *draw_network())])


# One path: y = w2 relu(w1 x + b1) + b2.


def one_path(
    *, w1: float = -2, b1: float = 3, w2: float = 3, b2: float = 0, x: float = 1, y: float = 1,
    loss: str = "half_squared_error",
) -> OnePath:  # fmt: skip
    """Forward and backward through dense, relu, dense and the loss, one hand-derived pair after another."""
    z, z_res = backprop.dense_fwd(_matrix(x), _matrix(w1), _vector(b1))
    a, a_res = backprop.relu_fwd(z)
    output, out_res = backprop.dense_fwd(a, _matrix(w2), _vector(b2))
    losses, loss_res = pair(loss).fwd(output, _matrix(y))
    output_bar = pair(loss).bwd(loss_res, jnp.ones(1))[0]
    a_bar, w2_bar, b2_bar = backprop.dense_bwd(out_res, output_bar)
    (z_bar,) = backprop.relu_bwd(a_res, a_bar)
    _, w1_bar, b1_bar = backprop.dense_bwd(z_res, z_bar)
    bars = {"w1": w1_bar, "b1": b1_bar, "w2": w2_bar, "b2": b2_bar}
    grads = {name: float(bar.sum()) + 0.0 for name, bar in bars.items()}  # + 0 makes -0 a 0
    return OnePath(float(z.sum()), float(a.sum()), float(output.sum()), float(losses.sum()), grads)


def output_gradients() -> dict[str, float]:
    """Derivatives of the output itself: those of (output - y)^2 / 2 where output - y is 1."""
    return one_path(y=one_path().output - 1).grads


def path_table() -> tuple[str, str]:
    """The values, the derivatives, and one step of gradient descent for both forms of the squared error."""
    path, slopes = one_path(), output_gradients()
    lines = [
        f"net input   z = w1 x + b1 = -2 * 1 + 3 = {path.net_input:g}",
        f"activation  a = relu(z) = {path.activation:g}",
        f"output      o = w2 a + b2 = 3 * {path.activation:g} + 0 = {path.output:g}",
        f"            do/dw2 = a = {slopes['w2']:g}",
        f"            do/dw1 = w2 [z > 0] x = 3 * 1 * 1 = {slopes['w1']:g}",
    ]
    for loss, formula, slope in (
        ("half_squared_error", "(o - y)^2 / 2", "(o - y)"),
        ("squared_error", "(o - y)^2", "2 (o - y)"),
    ):
        path = one_path(loss=loss)
        grads = {name: path.grads[name] for name in ("w1", "w2")}
        steps = {name: start - RATE * grads[name] for name, start in (("w1", -2), ("w2", 3))}
        lines += [
            "",
            f"loss        L = {formula} = {path.loss:g} for y = 1",
            f"            dL/dw2 = {slope} do/dw2 = {grads['w2']:g},  dL/dw1 = {slope} do/dw1 = {grads['w1']:g}",
            f"one step    w1 <- -2 - {RATE:g} * {grads['w1']:g} = {steps['w1']:g},"
            f"  w2 <- 3 - {RATE:g} * {grads['w2']:g} = {steps['w2']:g}",
        ]
    return "One path: w1 = -2, b1 = 3, w2 = 3, b2 = 0, x = 1", "\n".join(lines)


def still_table() -> tuple[str, str]:
    """The four ways in which a factor of dL/dw1 = (o - y) w2 [w1 x + b1 > 0] x is 0."""
    cases = {
        "as given": one_path(),
        "o = y:           y = 3": one_path(y=3),
        "w2 = 0": one_path(w2=0),
        "x = 0": one_path(x=0),
        "w1 x + b1 <= 0:  x = 1.5": one_path(x=1.5),
        "                 x = 2": one_path(x=2),
        "                 w1 = -5, after the step": one_path(w1=-5),
    }
    rows = [f"{'':<42}{'net input':>10}{'output':>8}{'dL/dw1':>8}"]
    rows += [f"{name:<42}{p.net_input:>10g}{p.output:>8g}{p.grads['w1']:>8g}" for name, p in cases.items()]
    return "When w1 does not move: a factor of dL/dw1 = (o - y) w2 [w1 x + b1 > 0] x is 0", "\n".join(rows)


# The 2-4-2 network.


def hidden_outputs(reading: str, x: Sequence[Sequence[float]] | np.ndarray) -> np.ndarray:
    """Activations (rows, 4) of the hidden units, relu of the weighted inputs less 1."""
    net_inputs, _ = backprop.dense_fwd(jnp.asarray(x, jnp.float32), _array(HIDDEN[reading]), jnp.full(4, -1.0))
    return np.asarray(backprop.relu_fwd(net_inputs)[0])


def output_probabilities(weights: tuple[int, int], activations: np.ndarray) -> np.ndarray:
    """Softmax outputs (rows, 2); output k has `weights[k]` for every unit, and the biases are 0 and 2."""
    kernel = jnp.tile(_array(weights)[None], (4, 1))
    logits, _ = backprop.dense_fwd(jnp.asarray(activations, jnp.float32), kernel, jnp.asarray([0.0, 2.0]))
    return np.asarray(backprop.softmax_fwd(logits)[0])


def hidden_table() -> tuple[str, str]:
    """What the hidden units give at some points, and where each begins to."""
    points = [[0, 0], [1, 0], [1.5, 0], [2.5, 0], [1, 1], [-2, 1]]
    rows = [f"{'x':<12}" + "".join(f"{reading:>28}" for reading in HIDDEN)]
    outputs = [hidden_outputs(reading, points) for reading in HIDDEN]
    for point, *activations in zip(points, *outputs, strict=True):
        cells = (f"{', '.join(f'{a:g}' for a in units)}  sum {sum(units):g}" for units in activations)
        rows.append(f"{f'({point[0]:g}, {point[1]:g})':<12}" + "".join(f"{cell:>28}" for cell in cells))
    rows += ["", "A unit gives more than 0 on the far side of its boundary w . x = 1:"]
    for reading, weights in HIDDEN.items():
        lines = dict.fromkeys(f"{_signed(w1)}x1 {_signed(w2)}x2 = 1" for w1, w2 in zip(*weights, strict=True))
        rows.append(f"{reading}: {',  '.join(lines)}")
    return "2-4-2: the activations a = relu(w . x - 1) of the four hidden units", "\n".join(rows)


def outputs_table() -> tuple[str, str]:
    """The two outputs where the activations sum to 0, 1 and 3, for each sign of the outputs' weights."""
    sums = (0, 1, 3)
    rows = [f"{'weights v':<14}{'logits':<14}" + "".join(f"{f'S = {s}':>18}" for s in sums)]
    for logits, weights in OUTPUTS.items():
        shares = output_probabilities(weights, np.array([[s, 0, 0, 0] for s in sums]))
        cells = "".join(f"{f'{p:.4f}, {q:.4f}':>18}" for p, q in shares)
        rows.append(f"{'{:+d}, {:+d}'.format(*weights):<14}{logits:<14}{cells}")
    rows += [
        "",
        "The outputs see the units only through the sum S of their activations, and a softmax sees only the",
        "difference of the logits: with +1, +1 it is -2 whatever the input; with +1, +0 it is 0 at S = 2, with",
        "+1, -1 at S = 1.",
    ]
    return "2-4-2: outputs softmax(v S + (0, 2)) for the weights v", "\n".join(rows)


def draw_network() -> tuple[str, plots.Figure]:
    """The outputs over the plane, with the points where the sum of the activations is 0, 1 and 3."""
    corners = np.array([[-3, -3], [3, 3]])
    mesh = plots.make_mesh(corners, margin=0)
    points = np.array([[0, 0], [1.5, 0], [2.5, 0]])
    row = []
    for name in ("S, 2", "S, 2 - S"):
        shares = output_probabilities(OUTPUTS[name], hidden_outputs("all four signs", mesh.inputs))
        labels = output_probabilities(OUTPUTS[name], hidden_outputs("all four signs", points)).argmax(1)
        row.append(plots.DecisionPanel(f"logits {name}", mesh, shares, points, labels))
    figure = plots.plot_decision_boundaries([row], title="The 2-4-2 network, all four signs")
    diamond = np.array([[1, 0], [0, 1], [-1, 0], [0, -1], [1, 0]])
    for ax in figure.axes:
        ax.plot(*diamond.T, color="#57606a", linewidth=1, linestyle="--")
    caption = (
        "Class probabilities and decision boundary (solid), and the boundaries of the four hidden units (dashed), "
        "within which all are silent.  The points, where the activations sum to 0, 1 and 3, have the colour of the "
        "class they are given; the middle one on the right is on the boundary, where both have a half."
    )
    return caption, figure


# Losses.


def zero_one_fwd(logits: jax.Array, labels: jax.Array):
    """1 where the sign of the logit is not that of its label, else 0.  logits (batch, 1), labels (batch,)."""
    return jnp.where((logits[:, 0] > 0) == (labels == 1), 0.0, 1.0), logits


def zero_one_bwd(logits: jax.Array, losses_bar: jax.Array):
    """0: the loss is constant on either side of logit 0, and has no derivative there."""
    return jnp.zeros_like(logits), None


LOSSES = {
    "0/1": Pair(zero_one_fwd, zero_one_bwd),
    **{
        name: pair(name)
        for name in ("absolute_error", "huber", "squared_error", "tanh_squared_error", "binary_cross_entropy")
    },
}


def loss_and_slope(name: str, logit: float) -> tuple[float, float, float]:
    """The loss of one logit whose label is 1, its derivative, and the difference quotient over a step of 0.01."""
    targets = _targets(name, jnp.ones(1, jnp.int32))
    value = lambda z: float(LOSSES[name].fwd(_matrix(z), targets)[0][0])
    _, residuals = LOSSES[name].fwd(_matrix(logit), targets)
    slope = float(LOSSES[name].bwd(residuals, jnp.ones(1))[0][0, 0])
    return value(logit), slope, (value(logit + 0.01) - value(logit - 0.01)) / 0.02


def accuracy_after(name: str, steps: int = 100) -> float:
    """Share of four points on the right side after gradient descent on a line that has all on the wrong side."""
    x, labels = jnp.asarray([[-2.0], [-1.0], [1.0], [2.0]]), jnp.asarray([0, 0, 1, 1])
    kernel, bias = _matrix(-1.0), _vector(0.0)
    for _ in range(steps):
        logits, residuals = backprop.dense_fwd(x, kernel, bias)
        _, loss_residuals = LOSSES[name].fwd(logits, _targets(name, labels))
        logits_bar = LOSSES[name].bwd(loss_residuals, jnp.full(4, 0.25))[0]
        _, kernel_bar, bias_bar = backprop.dense_bwd(residuals, logits_bar)
        kernel, bias = kernel - 0.1 * kernel_bar, bias - 0.1 * bias_bar
    logits, _ = backprop.dense_fwd(x, kernel, bias)
    return float(((logits[:, 0] > 0) == (labels == 1)).mean())


def losses_table(steps: dict[str, float]) -> tuple[str, str]:
    """Losses at a logit that is right, undecided and wrong, and what gradient descent makes of them."""
    logits = (5.0, 0.5, -0.5, -5.0)
    rows = [f"{'loss of a logit z whose label is 1':<36}" + "".join(f"{f'z = {z:g}':>18}" for z in logits)]
    for name in LOSSES:
        values = [loss_and_slope(name, z) for z in logits]
        rows.append(f"{name:<36}" + "".join(f"{value:>18.4f}" for value, _, _ in values))
        rows.append(f"{'  dL/dz (difference quotient)':<36}" + "".join(_slope_cell(*v[1:]) for v in values))
        rows.append(f"  after 100 steps from 0% right: {steps[name]:.0%}")
    return "Which losses can gradient descent minimise?  The slope must say where to go", "\n".join(rows)


def _slope_cell(slope: float, quotient: float) -> str:
    return f"{f'{slope:.4f} ({quotient:.4f})':>18}"


def _targets(name: str, labels: jax.Array) -> jax.Array:
    """Labels 0 and 1 as the loss wants them: as they are, or as -1 and 1 for an error of the logit itself."""
    as_numbers = name in ("absolute_error", "huber", "squared_error")
    return (2.0 * labels - 1.0)[:, None] if as_numbers else labels


# Softmax and sigmoids.


def naive_softmax(logits: jax.Array) -> jax.Array:
    """e^z / sum e^z as it is written, which overflows for z > 88 in float32."""
    exponentials = jnp.exp(logits)
    return exponentials / exponentials.sum(-1, keepdims=True)


def softmax_table() -> tuple[str, str]:
    """The same differences between logits, at three heights."""
    rows = [f"{'logits':<22}{'e^z / sum e^z':>28}{'with max z subtracted':>28}{'- log p of the last':>22}"]
    for logits in ([1.0, 2.0, 3.0], [1001.0, 1002.0, 1003.0], [-1001.0, -1000.0, -999.0]):
        z = _array(logits)[None]
        naive, safe = naive_softmax(z)[0], backprop.softmax_fwd(z)[0][0]
        loss = float(backprop.softmax_cross_entropy_fwd(z, jnp.asarray([2]))[0][0])
        rows.append(f"{_numbers(logits, 'g'):<22}{_numbers(naive):>28}{_numbers(safe):>28}{loss:>22.4f}")
    rows += [
        "",
        "e^(z - c) / sum e^(z - c) is the same for every c; with c = max z the largest exponent is 0, so that",
        "nothing overflows and the sum is at least 1.",
    ]
    return "The softmax with and without subtracting the maximum (float32)", "\n".join(rows)


def sigmoids_table() -> tuple[str, str]:
    """Four outputs that may be on together, and the softmax of the same logits beside them."""
    logits, targets = _array([2.0, -1.0, 0.0, 3.0])[None], _array([1.0, 0.0, 0.0, 1.0])[None]
    shares, softmax = backprop.sigmoid_fwd(logits)[0][0], backprop.softmax_fwd(logits)[0][0]
    losses, residuals = backprop.sigmoid_cross_entropy_fwd(logits, targets)
    slopes = backprop.sigmoid_cross_entropy_bwd(residuals, jnp.ones(1))[0][0]
    rows = [
        f"{'logits z':<44}{_numbers(logits[0], 'g'):>36}",
        f"{'targets t, any number of them on':<44}{_numbers(targets[0], 'g'):>36}",
        f"{'sigmoids p = 1 / (1 + e^-z)':<44}{_numbers(shares):>36}   sum {float(shares.sum()):.4f}",
        f"{'on, where p > 1/2 (z > 0)':<44}{_numbers(jnp.where(logits[0] > 0, 1, 0), 'g'):>36}",
        f"{'gradient (p - t) / 4':<44}{_numbers(slopes):>36}",
        f"{'softmax of the same logits':<44}{_numbers(softmax):>36}   sum {float(softmax.sum()):.4f}",
        "",
        f"The loss is the mean of the four binary cross-entropies, {float(losses[0]):.4f}.  Each output is a",
        "question of its own: 2^4 answers, where a softmax chooses one of four.",
    ]
    return "Four sigmoids for four labels that do not exclude one another", "\n".join(rows)


def _matrix(value: float) -> jax.Array:
    return jnp.full((1, 1), value, jnp.float32)


def _vector(value: float) -> jax.Array:
    return jnp.full((1,), value, jnp.float32)


def _array(values: Sequence) -> jax.Array:
    return jnp.asarray(values, jnp.float32)


def _numbers(values: Sequence[float] | jax.Array, form: str = ".4f") -> str:
    return ", ".join(f"{float(value):{form}}" for value in values)


def _signed(weight: int) -> str:
    return "+" if weight > 0 else "-"


EXPERIMENT = Experiment(
    name="by_hand",
    question="What does a network compute, and which way does it learn, when every number is worked by hand?",
    presets={"quick": calculate, "cpu": calculate, "full": calculate},
)

if __name__ == "__main__":
    sys.exit(experiment_main(EXPERIMENT))
