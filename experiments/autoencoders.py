"""What do five kinds of autoencoder keep of an image, how do they take noise, and how large should the code be?

mnist and fashion_mnist: a shallow autoencoder (784-32-784), the same with an L1 penalty on its code, a deep one
(784-128-64-32-64-128-784) and a convolutional one; squared error on the test set beside that of 32 principal
components (and of as many as the code of the convolutional one has), reconstructions, and the weights of the
first layer.  mnist_denoising and fashion_mnist_denoising: the shallow one trained on clean inputs, under Gaussian
noise and under masking noise of two levels each, tested under each.  mnist_code_size and fashion_mnist_code_size:
the shallow one with codes of 2 to 256 units, training and test error against the size with PCA's beside it, and
the codes of two units.

Source: a course assignment with Keras, one seed, which states that a larger code lowers the bias and raises the
variance.  Its penalty on the activity is of the layer of the code alone, and so is that of these.

    jaxnn run autoencoders                   # 3 seeds on 10,000 images: minutes on two CPU cores
    jaxnn run autoencoders --preset quick    # the bundled digits: seconds
    jaxnn run autoencoders --preset full     # all images, more epochs

Expect (3 seeds, 2026-11-22, docs/results/autoencoders): a code of 32 gives test errors of 0.0159 (MNIST) and
0.0165 (Fashion-MNIST), PCA 0.0169 and 0.0152, and the convolutional one, with a code of 196 and 1,325 parameters,
0.0090 and 0.0140, where 196 principal components give 0.0024 and 0.0043; a larger code lowers the error throughout,
below that of PCA with 16 and 32 units on MNIST alone; 102 networks, some 8 minutes.
Nothing has been measured on a GPU, and `full` not been run: 340 networks, 921 TFLOP (`--dry-run`).
"""

import dataclasses
import sys
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxnn import models, plots, stats
from jaxnn.cli import experiment_main
from jaxnn.data import Data, DataConfig, first_components, principal_components, project, restore
from jaxnn.experiment import Experiment, Preset
from jaxnn.labels import interval_label, number
from jaxnn.study import Analysis, ModelConfig, Outcome, StudyConfig, TrainConfig
from jaxnn.types import Hparams

NUM_DRAWN = 10
GAUSSIAN, MASKING = (0.2, 0.5), (0.25, 0.5)
CLEAN = "clean"
NOISES: dict[str, dict[str, float]] = {CLEAN: {}} | {f"noise {level}": {"input_noise": level} for level in GAUSSIAN}
NOISES |= {f"mask {share}": {"input_mask": share} for share in MASKING}


# A code of 4 channels, at a quarter of the height and width.
CONVOLUTIONS = (
    *("conv:8", "relu", "maxpool", "conv:8", "relu", "maxpool"),
    *("conv:4", "relu", "upsample", "conv:8", "relu", "upsample"),
)


def kinds(code: int, hidden: tuple[int, ...]) -> dict[str, dict[str, Any]]:
    """The variants of an autoencoder: fields of the configuration for each; a deep one where `hidden` is given.

    The outputs of the convolutional one are linear: behind a sigmoid its few weights first learn the black that
    most pixels of MNIST are, and never leave it.
    """
    return {
        "shallow": {"code": code},
        "sparse": {"code": code, "activity_l1": 1e-4},
        "convolutional": {
            "model": "conv_autoencoder",
            "layers": CONVOLUTIONS,
            "output_activation": "identity",
        },
    } | ({"deep": {"code": code, "hidden": hidden}} if hidden else {})


def analyse_kinds(outcome: Outcome) -> Analysis:
    """Size and test error of every kind beside PCA's of as many numbers, how sparse its code is, some images."""
    data, results = outcome.data(0), outcome.results
    error = stats.t_interval(results["each_test_loss"], axis="seed")
    rows = [
        f"{'kind':<16}{'parameters':>12}{'code':>8}{'test error':>12}{'95% interval':>24}{'code units at 0':>18}"
    ]
    drawn, sizes = {"test images": scaled(data.test.x[:NUM_DRAWN], data)}, set()
    for position, name in enumerate(results["kind"].values.tolist()):
        codes = encode(outcome, position, data.test.x[:1000])
        sizes.add(codes[0, 0].size)
        parameters = sum(row.trainable for row in models.summary_rows(*network(outcome, position)))
        low, high = (float(end.sel(kind=name)) for end in error[1:3])
        rows.append(
            f"{name:<16}{parameters:>12,}{codes[0, 0].size:>8}{number(float(error.mean.sel(kind=name))):>12}"
            f"{interval_label('test_loss', low, high):>24}{np.mean(codes == 0):>18.0%}"
        )
        drawn[name] = outcome.predict(position, data.test.x[:NUM_DRAWN])[0]
    for size in sorted(sizes):
        rows.append(f"{'PCA':<16}{'':>12}{size:>8}{number(pca_errors(data, size)['test']):>12}")
        drawn[f"PCA, {size}"] = by_pca(data, size, data.test.x[:NUM_DRAWN])
    figures = [
        ("reconstructions", "Test images, and what seed 0 of each kind makes of them.", image_rows(drawn, data)),
        ("weights", "Weights of the first code units (seed 0): red is positive.", first_weights(outcome)),
    ]
    note = "The test error is the squared error a pixel, of members at their best epochs on validation."
    return Analysis([note], [("Kinds of autoencoder", "\n".join(rows))], figures)


def analyse_denoising(outcome: Outcome) -> Analysis:
    """The error against the clean image, for every noise in training and every noise in the test."""
    data, names = outcome.data(0), outcome.results["trained_on"].values.tolist()
    clean = scaled(data.test.x, data)
    errors = {}  # (trained on, tested on) -> of every seed
    for tested, noise in NOISES.items():
        noisy = corrupted(data, noise)
        for row, trained in enumerate(names):
            errors[trained, tested] = ((outcome.predict(row, noisy) - clean[None]) ** 2).mean((1, 2, 3, 4))
    table = np.array([[errors[trained, tested].mean() for tested in NOISES] for trained in names])
    notes = ["The inputs of the test are corrupted, its targets are clean; the error is the squared error a pixel."]
    for name in names if CLEAN in names else ():
        if name != CLEAN:
            change = stats.t_interval(errors[name, name] - errors[CLEAN, name])
            notes.append(
                f"Under {name}, training on it instead of on clean inputs changes the error by "
                f"{number(change.mean)} (95% interval {interval_label('test_loss', change.low, change.high)})."
            )
    heat = plots.plot_table(
        table,
        row_labels=[f"trained: {name}" for name in names],
        column_labels=[f"tested: {name}" for name in NOISES],
        texts=[[f"{value:.4f}" for value in row] for row in table],
        label="test error",
    )
    caption = "Squared error a pixel against the clean images, mean over the seeds."
    lines = [f"{'trained on':<12}" + "".join(f"{tested:>12}" for tested in NOISES)]
    lines += [
        f"{name:<12}" + "".join(f"{value:>12.5f}" for value in row) for name, row in zip(names, table, strict=True)
    ]
    text = ("Test error by the noise in training (rows) and in the test", "\n".join(lines))
    return Analysis(notes, [text], [("noise", caption, heat), ("denoised", *denoised(outcome, data))])


def analyse_codes(outcome: Outcome) -> Analysis:
    """Training and test error against the size of the code, PCA's beside them, and the codes of the smallest."""
    data, results = outcome.data(0), outcome.results
    sizes = results["code"].values.tolist()
    errors = {"test": results["each_test_loss"], "training": training_errors(outcome)}
    found = {name: stats.t_interval(values, axis="seed") for name, values in errors.items()}
    gap = stats.t_interval(errors["test"] - errors["training"], axis="seed")
    pca = [pca_errors(data, size) for size in sizes]
    rows = [
        f"{'code':>6}{'training':>12}{'test':>12}{'gap':>12}{'95% interval':>28}"
        f"{'PCA training':>16}{'PCA test':>12}"
    ]
    for position, size in enumerate(sizes):
        training, test = (float(found[name].mean[position]) for name in ("training", "test"))
        change, *ends = (float(end[position]) for end in gap[:3])
        of_pca = pca[position]
        rows.append(
            f"{size:>6}{training:>12.5f}{test:>12.5f}{change:>+12.5f}{interval_label('test_loss', *ends):>28}"
            f"{of_pca['train']:>16.5f}{of_pca['test']:>12.5f}"
        )
    lines = {name: plots.Line(*(end.values for end in interval[:3])) for name, interval in found.items()}
    lines["PCA, test"] = plots.Line(np.array([one["test"] for one in pca]), dashed=True)
    curve = plots.plot_lines(sizes, lines, x_label="units of the code", y_label="squared error a pixel")
    notes = [
        f"From {sizes[0]} to {sizes[-1]} code units the training error goes from "
        f"{number(float(found['training'].mean[0]))} to {number(float(found['training'].mean[-1]))}: less bias. "
        f"The gap to the test error, which is what variance adds here, goes from {float(gap.mean[0]):+.5f} to "
        f"{float(gap.mean[-1]):+.5f}; the training images are one draw, so that it is not measured over draws.",
        below_pca(errors["test"], pca, sizes),
    ]
    figures = [("code_size", "Error against the size of the code: mean and 95% interval over the seeds.", curve)]
    if sizes[0] == 2:
        figures.append(plane(outcome, data))
    return Analysis(notes, [("Error against the size of the code", "\n".join(rows))], figures)


def below_pca(errors, pca: list[dict[str, float]], sizes: list[int]) -> str:
    """At which sizes the autoencoder's test error is shown to be below PCA's."""
    high = stats.t_interval(errors, axis="seed").high.values
    better = [str(size) for size, end, one in zip(sizes, high, pca, strict=True) if end < one["test"]]
    where = f"at {', '.join(better)} code units" if better else "at none"
    return f"The test error is shown to be below PCA's (95% intervals) {where} of {len(sizes)} sizes."


def training_errors(outcome: Outcome):
    """The squared error on the training rows, in evaluation, over (settings..., seed)."""
    like = outcome.results["each_test_loss"]
    found = []
    for position in range(len(outcome.plan.settings)):
        data = outcome.data(position)
        outputs = outcome.predict(position, data.train.x)
        found.append(((outputs - scaled(data.train.x, data)[None]) ** 2).mean((1, 2, 3, 4)))
    return like.copy(data=np.stack(found).reshape(like.shape))


def network(outcome: Outcome, position: int) -> tuple[models.Network, tuple[int, ...]]:
    """The network of a setting, and the shape of its inputs."""
    return outcome.variables(position)[0], outcome.data(position).info.input_shape


def encode(outcome: Outcome, position: int, x: np.ndarray) -> np.ndarray:
    """The codes of stored images: (seeds, rows, ...)."""
    model, params, batch_stats = outcome.variables(position)
    name = models.layer_names(model)[models.penalized_positions(model)[0]]
    images = jnp.asarray(scaled(x, outcome.data(position)))

    @jax.jit
    def of_member(params, batch_stats):
        return models.record(model, {"params": params, "batch_stats": batch_stats}, images)[name]

    members = range(len(outcome.plan.seeds))
    one = lambda tree, member: jax.tree.map(lambda leaf: leaf[member], tree)
    return np.stack([of_member(one(params, member), one(batch_stats, member)) for member in members])


def scaled(x: np.ndarray, data: Data) -> np.ndarray:
    """Stored images as the network sees them."""
    return x * np.float32(data.info.scale)


def corrupted(data: Data, noise: Mapping[str, float]) -> np.ndarray:
    """The stored test images under a noise of `NOISES`, as floats on their stored scale, drawn once for all."""
    rng = np.random.default_rng(0)
    x = data.test.x.astype(np.float32)
    if "input_noise" in noise:
        x = x + rng.normal(0, noise["input_noise"] / data.info.scale, x.shape).astype(np.float32)
    if "input_mask" in noise:
        x = np.where(rng.uniform(size=x.shape) < noise["input_mask"], np.float32(0), x)
    return x


def denoised(outcome: Outcome, data: Data) -> tuple[str, plots.Figure]:
    """Test images under the strongest noises, by the networks trained on clean inputs and on that noise."""
    names = outcome.results["trained_on"].values.tolist()
    drawn = {"test images": scaled(data.test.x[:NUM_DRAWN], data)}
    for name in (f"noise {GAUSSIAN[-1]}", f"mask {MASKING[-1]}"):
        noisy = corrupted(data, NOISES[name])[:NUM_DRAWN]
        drawn[name] = scaled(noisy, data)
        for trained, label in ((CLEAN, "clean"), (name, "itself")):
            if trained in names:
                drawn[f"{name}: {label}"] = outcome.predict(names.index(trained), noisy)[0]
    caption = "Corrupted test images, and seed 0 of the networks trained on clean inputs and on that noise."
    return caption, image_rows(drawn, data)


def image_rows(rows: Mapping[str, np.ndarray], data: Data) -> plots.Figure:
    """Rows of images of one scale, by their names."""
    images = np.concatenate([np.clip(row, 0, 1).reshape(-1, *data.info.input_shape) for row in rows.values()])
    return plots.plot_images(images, num_columns=NUM_DRAWN, row_labels=list(rows))


def first_weights(outcome: Outcome) -> plots.Figure:
    """The kernels of the first code units of the shallow and the sparse network."""
    height, width, _ = outcome.data(0).info.input_shape
    names = outcome.results["kind"].values.tolist()
    images = []
    for name in ("shallow", "sparse"):
        kernels = np.asarray(outcome.variables(names.index(name))[1]["layers_1"]["kernel"][0]).T[:16]
        images.append(kernels.reshape(-1, height, width) / np.abs(kernels).max())
    columns = min(16, len(images[0]))
    return plots.plot_images(
        np.concatenate(images), num_columns=columns, row_labels=("shallow", "sparse"), signed=True
    )


def plane(outcome: Outcome, data: Data) -> tuple[str, str, plots.Figure]:
    """The two numbers that the smallest autoencoder, and PCA, make of some test images."""
    x, labels = data.test.x[:2000], data.test.y[:2000]
    components = first_components(principal_components(data.train.x, scale=data.info.scale), 2)
    points = [encode(outcome, 0, x)[0], project(x, components, scale=data.info.scale)]
    figure = plots.plot_codes(
        points,
        labels,
        class_names=data.info.class_names,
        titles=("autoencoder, seed 0", "PCA"),
        axis_names=("first unit or component", "second"),
    )
    return "codes", f"{len(x):,} test images by the two units of a code, and by two principal components.", figure


def by_pca(data: Data, count: int, x: np.ndarray) -> np.ndarray:
    """Stored images as so many principal components of the training rows restore them."""
    components = first_components(principal_components(data.train.x, scale=data.info.scale), count)
    return restore(project(x, components, scale=data.info.scale), components).reshape(
        len(x), *data.info.input_shape
    )


def pca_errors(data: Data, count: int) -> dict[str, float]:
    """The squared error a pixel of PCA on the training and the test rows."""
    splits = {"train": data.train.x, "test": data.test.x}
    return {name: float(((by_pca(data, count, x) - scaled(x, data)) ** 2).mean()) for name, x in splits.items()}


def study(data: DataConfig, *, epochs: int, seeds: int, batch_size: int) -> StudyConfig:
    """What all studies here have in common: every setting is tested."""
    return StudyConfig(
        data=data,
        model=ModelConfig("autoencoder", output_activation="sigmoid"),
        training=TrainConfig(epochs=epochs, batch_size=batch_size, schedule="cosine"),
        hparams=Hparams(learning_rate=2e-3),
        seeds=seeds,
        final="every",
    )


def parts(
    data: Mapping[str, DataConfig], *, code: int, hidden: tuple[int, ...], sizes: tuple[int, ...], **size: int
) -> dict[str, Preset]:
    """All studies at one size: three for each data set."""
    found = {}
    for name, one in data.items():
        config = study(one, **size)
        found[name] = Preset(
            config,
            {"kind": kinds(code, hidden)},
            analyse_kinds,
            f"What do four kinds of autoencoder keep of {name}?",
        )
        shallow = dataclasses.replace(config, model=dataclasses.replace(config.model, code=code))
        found[f"{name}_denoising"] = Preset(
            shallow, {"trained_on": NOISES}, analyse_denoising, f"Does training under noise undo noise on {name}?"
        )
        question = f"How large should the code be on {name}?"
        found[f"{name}_code_size"] = Preset(config, {"code": sizes}, analyse_codes, question)
    return found


PART = {name: DataConfig(name, train=10_000, validation=2_000) for name in ("mnist", "fashion_mnist")}
WHOLE = {name: DataConfig(name, validation=10_000) for name in PART}
SIZES = (2, 4, 8, 16, 32, 64, 128, 256)

EXPERIMENT = Experiment(
    name="autoencoders",
    question="What do five kinds of autoencoder keep of an image, and how large should the code be?",
    presets={
        "quick": parts(
            {"digits": DataConfig("digits")}, code=8, hidden=(), sizes=(2, 8), epochs=60, seeds=2, batch_size=25
        ),
        "cpu": parts(PART, code=32, hidden=(128, 64), sizes=SIZES, epochs=20, seeds=3, batch_size=128),
        "full": parts(WHOLE, code=32, hidden=(128, 64), sizes=SIZES, epochs=100, seeds=10, batch_size=256),
    },
)

if __name__ == "__main__":
    sys.exit(experiment_main(EXPERIMENT))
