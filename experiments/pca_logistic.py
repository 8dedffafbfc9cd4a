"""How many principal components of Fashion-MNIST does logistic regression need to do as well as on raw pixels?

2, 5, 10, 25, 50, 100 principal components (each of deviation 1) and raw pixels, softmax regression by Adam, 5-fold
cross-validation with all folds and sizes in one study; beside it scikit-learn's LogisticRegression as it comes
(L-BFGS, 100 iterations at most, C = 1) on the same folds, with its accuracy and its seconds; the
share of the variance that is explained, and the plane of the first two components with the centres of k-means.

Source: a course assignment with scikit-learn, which reports about 85% on raw pixels, after 90 s a fold.

    jaxnn run pca_logistic                   # all 60,000 training images: minutes on two CPU cores
    jaxnn run pca_logistic --preset quick    # the bundled digits: seconds
    jaxnn run pca_logistic --preset full     # four times as many epochs

Expect (5 folds, 2026-11-22, docs/results/pca_logistic): raw pixels 86.0% [85.4%, 86.7%], 100 components 84.9%,
2 components 48.8%; 35 models in 5 to 15 s of training, then two minutes of scikit-learn.  `full` (632 GFLOP by
`--dry-run`) took 27 s of training, 2026-11-22, docs/results/pca_logistic-full: raw pixels 85.6% [85.2%, 86.0%].
Nothing has been measured on a GPU.
"""

import functools
import math
import sys
import time
import warnings

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import adjusted_rand_score

from jaxnn import plots, stats
from jaxnn.cli import experiment_main
from jaxnn.data import DataConfig, Split, principal_components
from jaxnn.experiment import Experiment, Preset
from jaxnn.study import Analysis, ModelConfig, Outcome, StudyConfig, TrainConfig
from jaxnn.types import Hparams

FOLDS = 5
CLAIM = 0.85
NUM_DRAWN = 2000


def analyse(outcome: Outcome) -> Analysis:
    """Accuracy against components, scikit-learn's on the same folds, the variance explained, and the plane."""
    results = outcome.results
    accuracy = stats.at_epoch(results, "val_accuracy", int(results["epoch"][-1])).mean("seed")
    ratio = 1 / (results.attrs["num_folds"] - 1)
    over_folds = functools.partial(stats.t_interval, fold_ratio=ratio)
    ours = over_folds(accuracy, axis="fold")
    rows = [
        f"{'inputs':<16}{'variance':>10}{'softmax regression by Adam':>34}{'scikit-learn':>14}"
        f"{'paired difference':>32}{'its seconds a fold':>20}"
    ]
    shares, num_folds = explained_shares(outcome), results.sizes["fold"]
    baselines = []
    for position, name in enumerate(results["inputs"].values.tolist()):
        theirs, seconds = zip(*(baseline(outcome, position, fold) for fold in range(num_folds)), strict=True)
        baselines.append(theirs)
        change = over_folds(accuracy.sel(inputs=name).values - np.array(theirs))
        mean, low, high = (float(end.sel(inputs=name)) for end in ours[:3])
        cell = f"{mean:.2%} [{low:.2%}, {high:.2%}]"
        difference = f"{change.mean:+.2%} [{change.low:+.2%}, {change.high:+.2%}]"
        rows.append(
            f"{name:<16}{shares[position]:>10.1%}{cell:>34}{np.mean(theirs):>14.2%}{difference:>32}"
            f"{np.mean(seconds):>20.1f}"
        )
    heading = f"Validation accuracy over {num_folds} folds: mean [95% t-interval]"
    notes = [
        seconds_note(outcome),
        "The table is of the last epoch, as scikit-learn chooses no iteration on validation rows either.",
        "Its intervals are over the folds, widened for the training rows that they share (Nadeau and Bengio 2003).",
    ]
    if outcome.data(0).info.name == "fashion_mnist":
        low, high = (float(end.sel(inputs="raw pixels")) for end in ours[1:3])
        notes.insert(0, f"Raw pixels: reported {CLAIM:.0%}; found: 95% interval {low:.2%} to {high:.2%}.")
    figure, note = plane(outcome)
    curve = draw_accuracies(outcome, ours, over_folds(np.array(baselines)))
    return Analysis([*notes, note], [(heading, "\n".join(rows))], [curve, figure])


def draw_accuracies(
    outcome: Outcome, ours: stats.Interval, theirs: stats.Interval
) -> tuple[str, str, plots.Figure]:
    """The accuracy of both against the number of inputs, the raw pixels last."""
    num_folds = outcome.results.sizes["fold"]
    num_inputs = [
        math.prod(outcome.data(position).info.input_shape)
        for position in range(0, num_folds * len(ours.mean), num_folds)
    ]
    lines = {
        "softmax regression by Adam": plots.Line(ours.mean.values, ours.low.values, ours.high.values),
        "scikit-learn": plots.Line(theirs.mean, theirs.low, theirs.high, dashed=True),
    }
    figure = plots.plot_lines(
        num_inputs, lines, x_label="components (last: raw pixels)", y_label="validation accuracy", log="x"
    )
    return "accuracy", f"Mean over {num_folds} folds, with 95% t-intervals for folds.", figure


def seconds_note(outcome: Outcome) -> str:
    """What all models together took."""
    seconds = sum(one.run_seconds for one in outcome.trained)
    compiling = sum(one.compile_seconds for one in outcome.trained)
    members = len(outcome.plan.settings) * len(outcome.plan.seeds)
    return (
        f"jaxnn trained all {members} models in {seconds:.1f} s, {seconds / members:.2f} s each, after "
        f"{compiling:.1f} s of compilation."
    )


def explained_shares(outcome: Outcome) -> list[float]:
    """The share of the variance of fold 0's training rows that the inputs of each setting keep."""
    num_folds = outcome.results.sizes["fold"]
    sizes = [setting.config.data.pca for setting in outcome.plan.settings[::num_folds]]
    raw = outcome.data(sizes.index(None) * num_folds)
    variances = principal_components(raw.train.x, scale=raw.info.scale).deviations ** 2
    pixels = raw.train.x.reshape(len(raw.train.x), -1) * raw.info.scale
    total = pixels.var(axis=0, ddof=1).sum()  # not of the variances: that of a direction without any is given as 1
    return [1.0 if size is None else min(1.0, float(variances[:size].sum() / total)) for size in sizes]


def baseline(outcome: Outcome, position: int, fold: int) -> tuple[float, float]:
    """Validation accuracy and seconds of scikit-learn's logistic regression on the rows of one setting."""
    data = outcome.data(position * outcome.results.sizes["fold"] + fold)
    flat = lambda split: split.x.reshape(len(split.x), -1) * np.float32(data.info.scale)
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # its usual 100 iterations are what is compared
        model = LogisticRegression().fit(flat(data.train), data.train.y)
    return float(model.score(flat(data.validation), data.validation.y)), time.perf_counter() - start


def plane(outcome: Outcome) -> tuple[tuple[str, str, plots.Figure], str]:
    """The first two components of some training rows, in their own units, with the centres of k-means."""
    sizes = [setting.config.data.pca for setting in outcome.plan.settings]
    data = outcome.data(sizes.index(2))
    raw = outcome.data(sizes.index(None))
    deviations = principal_components(raw.train.x, scale=raw.info.scale).deviations[:2]
    points, names = data.train.x * deviations[None], data.info.class_names
    found = KMeans(len(names), random_state=0).fit(points)
    agreement = adjusted_rand_score(data.train.y, found.labels_)
    note = (
        f"k-means with {len(names)} centres on two components agrees with the classes by an adjusted Rand index of "
        f"{agreement:.2f} (1: the same division, 0: as by chance)."
    )
    # Rows of a fold stand in the order of their classes.
    chosen = np.random.default_rng(0).permutation(len(points))[:NUM_DRAWN]
    some = Split(points[chosen], data.train.y[chosen])
    figure = plots.plot_codes(
        [some.x],
        some.y,
        class_names=names,
        centres=found.cluster_centers_,
        axis_names=("component 1", "component 2"),
    )
    caption = f"{len(some.y):,} training rows of fold 0 on two components, and the centres of k-means."
    return ("components", caption, figure), note


def preset(data: DataConfig, sizes: tuple[int, ...], *, epochs: int, batch_size: int) -> Preset:
    """The study at one size."""
    config = StudyConfig(
        data=data,
        model=ModelConfig("linear"),
        training=TrainConfig(epochs=epochs, batch_size=batch_size, schedule="cosine", select_on="val_accuracy"),
        hparams=Hparams(learning_rate=1e-2),
        seeds=1,
    )
    inputs = {f"{size} components": {"pca": size} for size in sizes} | {"raw pixels": {"pca": None}}
    return Preset(config, {"inputs": inputs, "fold": tuple(range(FOLDS))})


FASHION, SIZES = DataConfig("fashion_mnist", folds=FOLDS), (2, 5, 10, 25, 50, 100)
DIGITS = DataConfig("digits", folds=FOLDS, test=357)  # which leaves 1,440 rows, five folds of one size

EXPERIMENT = Experiment(
    name="pca_logistic",
    question="How many principal components does logistic regression need to do as well as on raw pixels?",
    presets={
        "quick": preset(DIGITS, (2,), epochs=60, batch_size=32),
        "cpu": preset(FASHION, SIZES, epochs=15, batch_size=256),
        "full": preset(FASHION, SIZES, epochs=60, batch_size=256),
    },
    analyse=analyse,
)

if __name__ == "__main__":
    sys.exit(experiment_main(EXPERIMENT))
