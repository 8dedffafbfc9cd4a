"""What a monitored study shows of the inside of its networks: strips of histograms over time, and images."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxnn import plots
from jaxnn.labels import setting_label
from jaxnn.metrics import confusion_matrix, predict, probabilities
from jaxnn.models import Conv, Dense, Flatten
from jaxnn.monitor import STATISTICS
from jaxnn.study.board import Boards, folder_names, own_tensors
from jaxnn.study.members import program_members
from jaxnn.study.outcome import Outcome
from jaxnn.study.results import selected_setting

# How many images of weights, and how many reconstructions, are in one figure.
NUM_IMAGES = 40
NUM_RECONSTRUCTIONS = 10


def watched_networks(outcome: Outcome) -> list[tuple[int, int]]:
    """(setting, seed) of every network that was looked into."""
    plan = outcome.plan
    return [program_members(plan, one.program)[member] for one in outcome.trained for member in one.watched]


def shown_strips(outcome: Outcome) -> dict[str, tuple[str, plots.Figure]]:
    """Of one watched network the name of a file, with a caption and its strips; nothing where none was watched.

    Of the selected setting the first, or the first of all.
    """
    networks = watched_networks(outcome)
    if not networks:
        return {}
    selected = selected_setting(outcome.plan, outcome.results)
    setting, seed = next((one for one in networks if one[0] == selected), networks[0])
    caption = (
        f"Histograms every {outcome.plan.config.monitoring.monitor_every} steps, each as wide as its smallest and "
        "largest value; dark where many are."
    )
    if len(networks) > 1:
        caption += f" TensorBoard has those of all {len(networks)} networks that were looked into."
    name = f"inside-{folder_names(outcome.plan)[setting]}-seed-{seed}"
    return {name: (caption, strip_figure(outcome, setting, seed))}


def strip_figure(outcome: Outcome, setting: int, seed: int) -> plots.Figure:
    """The histograms of every layer over time; of the parameters themselves, and their gradients and updates."""
    plan = outcome.plan
    one = next(one for one in outcome.trained if setting in one.program.settings)
    row = one.watched.index(program_members(plan, one.program).index((setting, seed)))
    every: Any = one.samples  # of NumPy arrays
    run = one.program.recipe.run
    taken = np.flatnonzero(every.taken[row])
    steps = run.sampling(one.program.num_train).steps(0, run.num_records)[taken]
    seen = jax.tree.map(lambda leaf: leaf[row, taken], every)
    names, samples = own_tensors(plan, one.program, setting, seen)
    statistics, counts = np.asarray(samples.tensors.statistics), np.asarray(samples.tensors.counts)
    low, high = (statistics[:, :, STATISTICS.index(name)] for name in ("min", "max"))
    groups: dict[str, list[plots.Strip]] = {}
    for position, name in enumerate(names):
        layer, tensor = name.split("/")
        # An activation or a pooling layer stands with the layer whose net inputs it takes.
        group = layer if tensor in ("weights", "scales") or not groups else list(groups)[-1]
        title = f"{layer} {tensor.replace('_', ' ')}"
        strip = plots.Strip(title, steps, low[:, position], high[:, position], counts[:, position])
        groups.setdefault(group, []).append(strip)
    return plots.plot_strips(list(groups.values()), title=_network_label(outcome, setting, seed))


def images_of(outcome: Outcome, setting: int, seed: int) -> Mapping[str, plots.Figure]:
    """Figures of a network at its best epoch: first-layer weights, and what goes with its data.

    Without a title: TensorBoard names the network.  For classes the confusion matrix on the validation set (the
    test set is not for looking at), and in two dimensions the decision boundary; for an autoencoder reconstructions
    of validation examples.
    """
    data, recipe = outcome.data(setting), outcome.plan.settings[setting].recipe
    member = outcome.plan.seeds.index(seed)
    figures = {}
    weights = _first_weights(outcome, setting, member)
    if weights is not None:
        figures["first_layer_weights"] = plots.plot_images(weights[:NUM_IMAGES], signed=True)
    if recipe.run.reconstruct:
        if len(data.info.input_shape) > 1:
            x = data.validation.x[:NUM_RECONSTRUCTIONS]
            found = outcome.predict(setting, x)[member]
            images = np.concatenate([x * np.float32(data.info.scale), found.reshape(x.shape)])
            labels = ("input", "output")
            figures["reconstructions"] = plots.plot_images(images, num_columns=len(x), row_labels=labels)
        return figures
    if data.info.num_classes is None:
        return figures
    names, loss = data.info.class_names, recipe.loss
    outputs = outcome.predict(setting, data.validation.x)[member]
    matrix = confusion_matrix(jnp.asarray(data.validation.y), predict(outputs), len(names))
    figures["confusion_matrix"] = plots.plot_confusion(np.asarray(matrix), names)
    if data.info.input_shape == (2,):
        mesh = plots.make_mesh(data.train.x)
        shares = np.asarray(probabilities(outcome.predict(setting, mesh.inputs)[member], loss))
        panel = plots.DecisionPanel("", mesh, shares, data.validation.x, data.validation.y)
        figures["decision_boundary"] = plots.plot_decision_boundaries([[panel]], class_names=names)
    return figures


def add_images(outcome: Outcome, boards: Boards) -> None:
    """The images of every watched network to TensorBoard, which draws the histograms itself."""
    for setting, seed in watched_networks(outcome):
        run = outcome.plan.settings[setting].recipe.run
        step = run.epochs * run.sampling(len(outcome.data(setting).train.x)).steps_per_epoch
        file = boards.file(outcome.plan, setting, seed)
        for tag, figure in images_of(outcome, setting, seed).items():
            file.add_image(step, tag, plots.figure_pixels(figure))


def _first_weights(outcome: Outcome, setting: int, member: int) -> np.ndarray | None:
    """The weights of the first layer as images (units, height, width[, channels]); None where they are none."""
    model, params, _ = outcome.variables(setting)
    shape = outcome.data(setting).info.input_shape
    for position, layer in enumerate(model.layers):
        if isinstance(layer, Flatten):
            continue
        if isinstance(layer, Conv):
            kernel = np.moveaxis(params[f"layers_{position}"]["kernel"][member], -1, 0)
            return kernel if kernel.shape[-1] in (1, 3) else None
        if isinstance(layer, Dense):
            kernel = params[f"layers_{position}"]["kernel"][member]
            return kernel.T.reshape(-1, *shape) if len(shape) > 1 else kernel[None]
        return None
    return None


def _network_label(outcome: Outcome, setting: int, seed: int) -> str:
    place = outcome.plan.settings[setting].place
    return f"{setting_label(place)}, seed {seed}" if place else f"seed {seed}"
