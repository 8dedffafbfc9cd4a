"""What the members of a run say of inputs that are stored as their data set stores them."""

import jax
import numpy as np

from jaxnn.metrics import probabilities
from jaxnn.saved.load import LoadedRun
from jaxnn.study.training import predict_members


def outputs(run: LoadedRun, x: np.ndarray, *, every_seed: bool = False) -> np.ndarray:
    """What the network gives: logits of classes, or numbers.

    Args:
        run: a loaded run.
        x: (rows, *input_shape), stored as `run.info` says; they are scaled on the device.
        every_seed: of all members, instead of the chosen one.

    Returns:
        (rows, num_outputs) float32, or (seeds, rows, num_outputs).
    """
    variables = run.members["params"], run.members["batch_stats"]
    if not every_seed:
        row = run.seeds.index(run.seed)
        variables = jax.tree.map(lambda leaf: leaf[row : row + 1], variables)
    found = predict_members(run.recipe, variables, x)
    return found if every_seed else found[0]


def predictions(run: LoadedRun, x: np.ndarray, *, every_seed: bool = False) -> np.ndarray:
    """Probabilities where the network tells classes apart, else the outputs; shapes as in `outputs`."""
    found = outputs(run, x, every_seed=every_seed)
    return np.asarray(probabilities(found, run.recipe.loss)) if run.tells_classes else found


def ensemble(run: LoadedRun, x: np.ndarray) -> np.ndarray:
    """Mean of the `predictions` of all seeds but those that are of no use, (rows, num_outputs)."""
    return predictions(run, x, every_seed=True)[run.usable].mean(axis=0)
