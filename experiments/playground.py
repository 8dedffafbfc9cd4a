"""Which features, penalties and shapes solve the problems of TensorFlow Playground, and in how many epochs?

Circle, two Gaussians, exclusive or and spiral; 350 of Playground's 500 points to train on and 150 held out, batches
of 10, plain gradient descent at rate 0.1.  Playground's loss is half the squared error of a tanh output.

features: features chosen by hand and sigmoid units, with the epochs that the assignment took, and cross-entropy
beside Playground's loss.  penalties: all seven features, two layers of 5 tanh units, L1 or L2 at 0.01; Playground
penalises weights alone, by |w| or w^2 / 2, so that its L2 of 0.01 is an `l2` of 0.005 here.  plain: x1 and x2
alone; relu, sigmoid and tanh, 2 to 4 layers of 5 or 10 units, and the epochs until the loss is 0.001.

Source: an assignment on TensorFlow Playground, with one run each.  It claims test losses of 0.02 to 0.05 for the
features that it chose.

    jaxnn run playground                 # 5 seeds (3 for the shapes)
    jaxnn run playground --preset quick  # the circle, 2 seeds, a tenth of the epochs or less: seconds
    jaxnn run playground --preset full   # 50 seeds, up to 2,000 epochs for the shapes

Expect (5 seeds, 2026-11-22, docs/results/playground): chosen features reach losses of 0.0002 to 0.0115; an L1
of 0.01 leaves the two squares on the circle and, with every seed, x1 x2 on XOR; from x1 and x2 alone 5 of 54
networks solve the spiral; 316 networks in some 30 s, 9 s of it training.  `full` (4,600 networks, 5.07
TFLOP by `--dry-run`) took 6 minutes on two cores, 2026-11-22, docs/results/playground-full: of 50 seeds 14 leave
the spiral at more than 0.05, and the mean is 0.058 [0.030, 0.086].  Nothing has been measured on a GPU.
"""

import dataclasses
import sys

import numpy as np
import xarray as xr

from jaxnn import metrics, plots, stats
from jaxnn.cli import experiment_main
from jaxnn.data import DataConfig, load_config, map_features
from jaxnn.experiment import Experiment, Preset
from jaxnn.labels import interval_label, number, value_label
from jaxnn.study import Analysis, ModelConfig, Outcome, StudyConfig, TrainConfig
from jaxnn.types import Hparams

# What the assignment chose for each problem: the features and the sigmoid layers, and when it stopped.
CHOSEN = {
    "circle": {"features": ("x1sq", "x2sq"), "hidden": (5, 5)},
    "gauss": {"features": ("x1", "x2"), "hidden": (5, 5)},
    "xor": {"features": ("x1x2",), "hidden": (5, 5)},
    "spiral": {"features": ("x1", "x2", "sinx1", "sinx2"), "hidden": (5, 5, 5)},
}
EPOCHS = {"circle": 306, "gauss": 70, "xor": 390, "spiral": 700}
CLAIMED = 0.05
LOSSES = {"Playground's": {"loss": "tanh_squared_error"}, "cross-entropy": {"loss": "binary_cross_entropy"}}
ALL_FEATURES = ("x1", "x2", "x1sq", "x2sq", "x1x2", "sinx1", "sinx2")
PENALTIES = {"none": {"l1": 0.0}, "L1": {"l1": 0.01}, "L2": {"l2": 0.005}}
SHAPES = tuple((width,) * depth for depth in (2, 3, 4) for width in (5, 10))
ACTIVATIONS = ("relu", "sigmoid", "tanh")
GOAL = 0.001


def analyse_features(outcome: Outcome) -> Analysis:
    """The held-out loss after the assignment's epochs against its claim, and the boundaries."""
    results = outcome.results
    held_out = after_epochs(results["val_loss"])
    loss = stats.t_interval(held_out, axis="seed")
    accuracy = stats.t_interval(results["each_test_accuracy"], axis="seed")
    rows = [f"{'problem':<10}{'loss function':<16}{'held-out loss':>14}{'95% interval':>24}{'test accuracy':>16}"]
    notes = []
    for setting in stats.settings(results):
        place = stats.locate(results, setting)
        mean, low, high = (float(end.isel(place)) for end in loss[:3])
        problem, function = setting.values()
        span = interval_label("val_loss", low, high)
        shown = f"{float(accuracy.mean.isel(place)):.2%}"
        rows.append(f"{problem:<10}{function:<16}{number(mean):>14}{span:>24}{shown:>16}")
        if function == "Playground's":
            verdict = "holds" if high <= CLAIMED else "fails" if low > CLAIMED else "is not settled"
            notes.append(f"{problem}: a loss of at most {CLAIMED} {verdict}: {number(mean)} ({span}).")
    heading = "Held-out loss after the assignment's epochs, and test accuracy at the best epochs"
    figures = [("boundaries", *draw_features(outcome)), ("losses", *draw_losses(held_out))]
    return Analysis(notes, [(heading, "\n".join(rows))], figures)


def after_epochs(losses: xr.DataArray) -> xr.DataArray:
    """The loss of every member after the assignment's epochs for its problem, without the epoch's dimension.

    Where all train for fewer than the assignment did, after the same share of them.
    """
    last = int(losses["epoch"][-1])
    chosen = [
        losses.sel(problem=name).sel(epoch=last * EPOCHS[name] / max(EPOCHS.values()), method="nearest", drop=True)
        for name in losses["problem"].values.tolist()
    ]
    return xr.concat(chosen, losses["problem"])


def draw_features(outcome: Outcome) -> tuple[str, plots.Figure]:
    """A row of boundaries for each loss, over the plane of x1 and x2."""
    rows: dict[str, list[plots.DecisionPanel]] = {}
    for position, setting in enumerate(stats.settings(outcome.results)):
        config = outcome.plan.settings[position].config
        points, labels = plane_points(config.data)
        mesh = plots.make_mesh(points)
        outputs = outcome.predict(position, map_features(mesh.inputs, config.data.features), at="last")[0]
        shares = np.asarray(metrics.probabilities(outputs, str(config.training.loss)))
        title = ", ".join(setting.values()) + " (diverged)" * (not np.isfinite(outputs).all())
        panel = plots.DecisionPanel(title, mesh, shares, points, labels)
        rows.setdefault(setting["loss_function"], []).append(panel)
    figure = plots.plot_decision_boundaries(list(rows.values()), title="Features chosen by hand, seed 0")
    epochs = int(outcome.results["epoch"][-1])
    caption = f"What seed 0 makes of the plane after {epochs} epochs, and the training points."
    caption += "  The losses of the others than the spiral are after fewer, as the assignment had them."
    return caption, figure


def plane_points(config: DataConfig) -> tuple[np.ndarray, np.ndarray]:
    """The training points of a set as x1 and x2, whatever features it trains on, and their labels."""
    train = load_config(dataclasses.replace(config, features=())).train
    return train.x, train.y


def draw_losses(held_out: xr.DataArray) -> tuple[str, plots.Figure]:
    """Playground's loss of every member."""
    by_problem = held_out.sel(loss_function="Playground's")
    groups = {name: by_problem.sel(problem=name).values for name in by_problem["problem"].values.tolist()}
    figure = plots.plot_spread(groups, "val_loss", reference=("claim", CLAIMED), title="Held-out loss, every seed")
    return (
        "Half the squared error of the tanh output on the 150 held-out points, after the assignment's epochs.",
        figure,
    )


def analyse_penalties(outcome: Outcome) -> Analysis:
    """How much of each feature is left in the first layer."""
    settings, texts, left, notes = stats.settings(outcome.results), [], [], []
    for position, setting in enumerate(settings):
        strength = feature_strengths(outcome.variables(position)[1])
        survives = strength > 0.1 * strength.max(1, keepdims=True)
        seeds = len(strength)
        left.append(strength.mean(0))
        texts.append([f"{s:.2f} ({n}/{seeds})" for s, n in zip(left[-1], survives.sum(0), strict=True)])
        if setting["penalty"] != "none":
            always = [name for name, n in zip(ALL_FEATURES, survives.sum(0), strict=True) if n == seeds]
            notes.append(
                f"{setting['dataset']}, {setting['penalty']}: {survives.sum(1).mean():.1f} of 7 features survive "
                f"on average; with every seed: {', '.join(always) or 'none'}."
            )
    figure = plots.plot_table(
        np.array(left),
        row_labels=[", ".join(setting.values()) for setting in settings],
        column_labels=ALL_FEATURES,
        texts=texts,
        title="What is left of each feature in the first layer",
        label="norm of its weights, mean over the seeds",
    )
    caption = (
        "Norm of the weights that leave each feature; in brackets the seeds in which it survives, with more than a "
        "tenth of the strongest feature's norm."
    )
    return Analysis(notes, figures=[("features", caption, figure)])


def feature_strengths(params: dict) -> np.ndarray:
    """Norm of the weights that leave each feature: (seeds, features).  `params` have a leading seed axis."""
    return np.linalg.norm(np.asarray(params["layers_1"]["kernel"], np.float64), axis=2)


def analyse_plain(outcome: Outcome) -> Analysis:
    """Epochs until training and held-out loss are 0.001, for every shape."""
    results = outcome.results
    notes, figures = [], []
    for metric, words in (("train_loss", "training"), ("val_loss", "held-out")):
        epochs = epochs_to_reach(results[metric], GOAL)
        reached = epochs.notnull()
        for problem in results["dataset"].values.tolist():
            share = reached.sel(dataset=problem)
            first = soonest(epochs.sel(dataset=problem))
            notes.append(
                f"{problem}, {words} loss: {int(share.sum())} of {share.size} networks reach {GOAL:g}; {first}."
            )
        caption = (
            f"Median epoch at which the {words} loss is {GOAL:g} or less, of the seeds that reach it; in brackets "
            f"how many do within {int(results['epoch'][-1])} epochs."
        )
        figures.append((f"epochs_{metric}", caption, draw_epochs(epochs, f"Epochs to a {words} loss of {GOAL:g}")))
    return Analysis(notes, figures=figures)


def epochs_to_reach(losses: xr.DataArray, goal: float) -> xr.DataArray:
    """The first recorded epoch whose loss is `goal` or less, NaN where there is none; over (settings..., seed)."""
    reached = losses <= goal
    return losses["epoch"].where(reached).min("epoch")


def soonest(epochs: xr.DataArray) -> str:
    """The activation and shape that take the fewest epochs on average, of those whose seeds all reach the goal."""
    mean = epochs.where(epochs.notnull().all("seed")).mean("seed")
    if not bool(mean.notnull().any()):
        return "no shape with all its seeds"
    best = np.unravel_index(np.nanargmin(mean.values), mean.shape)
    words = " ".join(str(mean[dim].values[i]) for dim, i in zip(mean.dims, best, strict=True))
    return f"soonest {words}, after {float(mean.values[best]):.0f} epochs on average"


def draw_epochs(epochs: xr.DataArray, title: str) -> plots.Figure:
    """A row for each problem and activation, a column for each shape."""
    rows = [(problem, kind) for problem in epochs["dataset"].values for kind in epochs["activation"].values]
    cells = [epochs.sel(dataset=problem, activation=kind) for problem, kind in rows]
    values = np.array([row.median("seed").values for row in cells])
    counts = np.array([row.notnull().sum("seed").values for row in cells])
    seeds = epochs.sizes["seed"]
    texts = [
        [f"{v:.0f} ({n}/{seeds})" if n else "never" for v, n in zip(*row, strict=True)]
        for row in zip(values, counts, strict=True)
    ]
    labels = [f"{problem}, {kind}" for problem, kind in rows]
    shapes = [value_label(shape) for shape in epochs["hidden"].values.tolist()]
    return plots.plot_table(
        values, row_labels=labels, column_labels=shapes, texts=texts, title=title, label="epochs"
    )


def parts(
    names: tuple[str, ...],
    shapes: tuple[tuple[int, ...], ...],
    activations: tuple[str, ...],
    *,
    seeds: int,
    shape_seeds: int,
    share: float,
    plain_epochs: int,
) -> dict[str, Preset]:
    """The three studies.

    Args:
        names: of the problems.
        shapes: hidden layers of the third study.
        activations: of the third study.
        seeds: of the first two.
        shape_seeds: of the third.
        share: of the assignment's epochs.
        plain_epochs: of the third.
    """
    config = StudyConfig(
        data=DataConfig("circle", num_examples=1500, validation=150, test=1000),
        model=ModelConfig("mlp"),
        training=TrainConfig(batch_size=10, optimizer="sgd", loss="tanh_squared_error", select_on="val_accuracy"),
        hparams=Hparams(learning_rate=0.1),
        seeds=seeds,
        final="every",
    )
    of_training = lambda **fields: dataclasses.replace(config.training, **fields)
    longest = 2 * round(share * max(EPOCHS.values()) / 2)
    features = dataclasses.replace(
        config,
        model=ModelConfig("mlp", activation="sigmoid"),
        training=of_training(loss=None, epochs=longest, eval_every=2),
    )
    problems = {name: {"dataset": name, **CHOSEN[name]} for name in names}
    penalties = dataclasses.replace(
        config,
        data=dataclasses.replace(config.data, features=ALL_FEATURES),
        model=ModelConfig("mlp", hidden=(5, 5), activation="tanh"),
        training=of_training(epochs=10 * round(20 * share), eval_every=10, select_on="val_loss"),
    )
    plain = dataclasses.replace(
        config,
        training=of_training(epochs=plain_epochs, eval_every=5, select_on="val_loss"),
        seeds=shape_seeds,
    )
    return {
        "features": Preset(
            features,
            {"problem": problems, "loss_function": LOSSES},
            analyse_features,
            "Do features chosen by hand reach the losses that the assignment reports?",
        ),
        "penalties": Preset(
            penalties,
            {"dataset": names, "penalty": PENALTIES},
            analyse_penalties,
            "Which of the seven features survive L1 and L2?",
        ),
        "plain": Preset(
            plain,
            {"dataset": names, "activation": activations, "hidden": shapes},
            analyse_plain,
            "From x1 and x2 alone, how many epochs does each shape need to a loss of 0.001?",
        ),
    }


EXPERIMENT = Experiment(
    name="playground",
    question="Which features, penalties and shapes solve the problems of TensorFlow Playground, and how soon?",
    presets={
        "quick": parts(("circle",), SHAPES[:2], ("tanh",), seeds=2, shape_seeds=2, share=0.1, plain_epochs=20),
        "cpu": parts(tuple(CHOSEN), SHAPES, ACTIVATIONS, seeds=5, shape_seeds=3, share=1.0, plain_epochs=300),
        "full": parts(tuple(CHOSEN), SHAPES, ACTIVATIONS, seeds=50, shape_seeds=50, share=1.0, plain_epochs=2000),
    },
)

if __name__ == "__main__":
    sys.exit(experiment_main(EXPERIMENT))
