"""Is a network without activations more than linear regression, and why do classifiers not learn by squared error?

Three studies.  regression: networks of linear layers, one output and squared error, on a noisy plane; their weights
are multiplied out and compared with the least-squares solution and with scikit-learn.  logistic: the same with a
sigmoid or a softmax at the end, on two overlapping Gaussian clouds, beside scikit-learn's logistic regression
without a penalty.  losses: one hidden layer on two moons, trained by cross-entropy and by the squared error of a
tanh, each at four learning rates, and the gradient that either gives where the network is sure and wrong.

Source: an assignment on neural networks, which states that a two-layer linear network is linear regression, that
with a sigmoid it is logistic regression, and that cross-entropy is the loss for classes.

    jaxnn run linear_nets                # 10 seeds: seconds on two CPU cores
    jaxnn run linear_nets --preset quick
    jaxnn run linear_nets --preset full  # 100 seeds, and more epochs for the losses

Expect (10 seeds, 2026-11-22, docs/results/linear_nets): multiplied out, no coefficient differs from least
squares or from scikit-learn by more than 0.003; the gradient of a confident mistake is 2,734 times larger with
cross-entropy.  `full` (1,300 networks, 84 GFLOP by `--dry-run`) took half a minute on two cores, 2026-11-22,
docs/results/linear_nets-full: the losses are not shown to differ in test accuracy.  Nothing has been measured on
a GPU.
"""

import dataclasses
import sys

import jax.numpy as jnp
import numpy as np
from sklearn.linear_model import LinearRegression, LogisticRegression

from jaxnn import stats
from jaxnn.backprop import pair
from jaxnn.cli import experiment_main
from jaxnn.data import Data, DataConfig
from jaxnn.experiment import Experiment, Preset
from jaxnn.labels import interval_label, metric_value, setting_label
from jaxnn.models import Dense, Network
from jaxnn.study import Analysis, ModelConfig, Outcome, StudyConfig, TrainConfig
from jaxnn.types import Hparams, Params

LINEAR = {"two layers, 1 unit": (1,), "two layers, 2 units": (2,), "three layers, 4 units": (4, 4)}
LOSSES = {"cross-entropy": "binary_cross_entropy", "squared error of a tanh": "tanh_squared_error"}


def collapse(model: Network, params: Params) -> tuple[np.ndarray, np.ndarray]:
    """The one linear map that linear layers make: x W1 W2 ... + (b1 W2 ... + b2), for every member.

    Args:
        model: Dense layers, between which every activation is the identity.
        params: theirs, each leaf (seeds, ...).

    Returns:
        Coefficients (seeds, inputs, outputs) and intercepts (seeds, outputs), float64.
    """
    names = [f"layers_{i}" for i, layer in enumerate(model.layers) if isinstance(layer, Dense)]
    layers = [[np.asarray(params[name][leaf], np.float64) for leaf in ("kernel", "bias")] for name in names]
    coefficients, intercepts = layers[0]
    for kernel, bias in layers[1:]:
        coefficients, intercepts = coefficients @ kernel, (intercepts[:, None] @ kernel)[:, 0] + bias
    return coefficients, intercepts


def least_squares(data: Data) -> np.ndarray:
    """Coefficients and intercept that minimise the squared error on the training rows: the closed form."""
    x = np.column_stack([data.train.x, np.ones(len(data.train.x))]).astype(np.float64)
    return np.linalg.lstsq(x, data.train.y[:, 0].astype(np.float64), rcond=None)[0]


def analyse_regression(outcome: Outcome) -> Analysis:
    """The collapsed networks beside the closed form and scikit-learn."""
    data = outcome.data(0)
    fitted = LinearRegression().fit(data.train.x.astype(np.float64), data.train.y[:, 0])
    exact = least_squares(data)
    rows = {"least squares": exact[None], "scikit-learn": np.append(fitted.coef_, fitted.intercept_)[None]}
    rows |= _collapsed_rows(outcome)
    return Analysis(
        [_closeness(rows, "the least-squares solution", exact)],
        [("Coefficients and intercept, mean over the seeds, and the largest difference", _table(rows, exact))],
    )


def analyse_logistic(outcome: Outcome) -> Analysis:
    """The collapsed networks beside scikit-learn; of two softmax outputs the difference counts."""
    data = outcome.data(0)
    fitted = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000).fit(
        data.train.x.astype(np.float64), data.train.y
    )
    exact = np.append(fitted.coef_, fitted.intercept_)
    rows = {"scikit-learn": exact[None], **_collapsed_rows(outcome)}
    return Analysis(
        [_closeness(rows, "scikit-learn's logistic regression without a penalty", exact)],
        [("Coefficients and intercept, mean over the seeds, and the largest difference", _table(rows, exact))],
    )


def analyse_losses(outcome: Outcome) -> Analysis:
    """Accuracy of either loss at its rates, and the gradients where the network is sure."""
    results = outcome.results
    interval = stats.t_interval(results["each_test_accuracy"], axis="seed")
    rows = [f"{'setting':<60}{'test accuracy':>16}{'95% interval':>22}"]
    for setting in stats.settings(results):
        place = stats.locate(results, setting)
        mean, low, high = (float(end.isel(place)) for end in interval[:3])
        accuracy = f"{metric_value('accuracy', mean):>16}{interval_label('accuracy', low, high):>22}"
        rows.append(f"{setting_label(setting):<60}{accuracy}")
    test = {}
    for name in LOSSES:
        own = results.sel(loss_function=name)
        rate = own["val_accuracy"].max("epoch").mean("seed").argmax("learning_rate")
        test[name] = (
            own["each_test_accuracy"].isel(learning_rate=rate).drop_vars(["learning_rate", "loss_function"])
        )
    resolution = stats.resolution(results, "each_test_accuracy")
    change = stats.paired_comparison(*test.values(), axis="seed", resolution=resolution).difference
    slopes = {name: [abs(gradient(loss, z)) for z in (-5.0, -2.0)] for name, loss in LOSSES.items()}
    notes = [
        "Each loss at its best rate on validation, cross-entropy minus squared error on the same seeds: test "
        f"accuracy {100 * change.mean:+.2f} points (95% interval {100 * change.low:+.2f} to "
        f"{100 * change.high:+.2f}).",
        "At a logit of -5 for a label of 1, sure and wrong, the gradient is "
        + " and ".join(f"{slope[0]:.2g} for {name}" for name, slope in slopes.items())
        + f": {slopes['cross-entropy'][0] / slopes['squared error of a tanh'][0]:,.0f} times as much.",
    ]
    return Analysis(notes, [("Test accuracy at the best epochs", "\n".join(rows)), gradient_table()])


def gradient(loss: str, logit: float) -> float:
    """Derivative of the loss of one logit whose label is 1, by the hand-derived pair."""
    fwd, bwd = pair(loss)
    _, residuals = fwd(jnp.full((1, 1), logit), jnp.ones(1, jnp.int32))
    return float(bwd(residuals, jnp.ones(1))[0][0, 0])


def gradient_table() -> tuple[str, str]:
    """Gradients from sure and wrong to sure and right."""
    logits = (-10.0, -5.0, -2.0, 0.0, 2.0, 5.0)
    rows = [f"{'logit, of label 1':<28}" + "".join(f"{z:>12g}" for z in logits)]
    rows += [
        f"{name:<28}" + "".join(f"{gradient(loss, z):>12.2e}" for z in logits) for name, loss in LOSSES.items()
    ]
    return "Gradient of the loss by the logit, from sure and wrong to sure and right", "\n".join(rows)


def _collapsed_rows(outcome: Outcome) -> dict[str, np.ndarray]:
    """For each setting (seeds, inputs + 1): what it collapses to."""
    rows = {}
    for position, setting in enumerate(stats.settings(outcome.results)):
        model, params, _ = outcome.variables(position)
        coefficients, intercepts = collapse(model, params)
        if intercepts.shape[1] == 2:  # softmax(z) of two is sigmoid(z1 - z0)
            coefficients, intercepts = np.diff(coefficients), np.diff(intercepts)
        rows[", ".join(map(str, setting.values()))] = np.column_stack([coefficients[:, :, 0], intercepts[:, 0]])
    return rows


def _closeness(rows: dict[str, np.ndarray], what: str, exact: np.ndarray) -> str:
    worst = {name: np.abs(values - exact).max() for name, values in rows.items()}
    name = max(worst, key=lambda name: worst[name])
    return (
        f"Multiplied out, every network is {what}: no coefficient of any member differs by more than "
        f"{worst[name]:.1e} ({name}), where the coefficients are of size {np.abs(exact).max():.2g}."
    )


def _table(rows: dict[str, np.ndarray], exact: np.ndarray) -> str:
    lines = [f"{'':<44}{'x1':>12}{'x2':>12}{'intercept':>12}{'difference':>12}"]
    for name, values in rows.items():
        cells = "".join(f"{value:>12.6f}" for value in values.mean(0))
        lines.append(f"{name:<44}{cells}{np.abs(values - exact).max():>12.1e}")
    return "\n".join(lines)


def parts(*, steps: int, epochs: int, seeds: int) -> dict[str, Preset]:
    """The three studies; those that are compared with exact solutions are recorded at their end alone."""
    sizes = {"num_examples": 1500, "validation": 200, "test": 1000}
    regression = StudyConfig(
        data=dataclasses.replace(DataConfig("plane", noise=50), **sizes),
        model=ModelConfig("mlp", activation="identity"),
        training=TrainConfig(epochs=steps, batch_size="full", eval_every=steps, optimizer="adam"),
        hparams=Hparams(learning_rate=0.01),
        seeds=seeds,
        final="every",
    )
    logistic = dataclasses.replace(
        regression,
        data=dataclasses.replace(DataConfig("gauss", noise=50), **sizes),
        model=ModelConfig("mlp", hidden=(2,), activation="identity"),
        training=dataclasses.replace(regression.training, select_on="val_accuracy"),
    )
    losses = StudyConfig(
        data=dataclasses.replace(DataConfig("moons", noise=0.2), **sizes),
        model=ModelConfig("mlp", hidden=(8,), activation="tanh"),
        training=TrainConfig(
            epochs=epochs, batch_size=10, eval_every=epochs // 20, optimizer="sgd", select_on="val_accuracy"
        ),
        seeds=seeds,
        final="every",
    )
    outputs = {"sigmoid": {"loss": "binary_cross_entropy"}, "softmax": {"loss": "softmax_cross_entropy"}}
    return {
        "regression": Preset(
            regression,
            {"network": {name: {"hidden": hidden} for name, hidden in LINEAR.items()}},
            analyse_regression,
            "Is a network of linear layers linear regression?",
        ),
        "logistic": Preset(
            logistic,
            {"output": outputs},
            analyse_logistic,
            "Is a linear network with a sigmoid logistic regression?",
        ),
        "losses": Preset(
            losses,
            {
                "loss_function": {name: {"loss": loss} for name, loss in LOSSES.items()},
                "learning_rate": (0.03, 0.1, 0.3, 1.0),
            },
            analyse_losses,
            "Does cross-entropy classify better than squared error, and what gradient does either give?",
        ),
    }


EXPERIMENT = Experiment(
    name="linear_nets",
    question="Is a network without activations more than linear regression, and why not classify by squared error?",
    presets={
        "quick": parts(steps=2_000, epochs=20, seeds=3),
        "cpu": parts(steps=5_000, epochs=60, seeds=10),
        "full": parts(steps=5_000, epochs=200, seeds=100),
    },
)

if __name__ == "__main__":
    sys.exit(experiment_main(EXPERIMENT))
