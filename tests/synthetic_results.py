"""Results datasets with the shape of a study's, from a formula instead of training."""

import json
import math

import numpy as np
import xarray as xr

CLASSES = ("T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")


def make_results(
    sweep: dict | None = None,
    *,
    seeds: int = 5,
    epochs: int = 30,
    diverged: dict[tuple[int, ...], int] | None = None,
    regression: bool = False,
    patience: int | None = None,
    class_names: tuple[str, ...] = CLASSES,
) -> xr.Dataset:
    """A study of `sweep` whose settings improve in order, then over-fit.

    `diverged` maps a member's position (settings..., seed) to the epoch from which it has no values.
    `patience` stops every member that many epochs after its best one.
    """
    sweep = sweep or {}
    rng = np.random.default_rng(0)
    shape = tuple(len(values) for values in sweep.values())
    order = np.arange(math.prod(shape)).reshape(shape)[..., None, None]
    epoch = np.arange(1, epochs + 1)
    luck = rng.normal(0, 0.006, (*shape, seeds, 1))
    train_loss = 0.35 - 0.03 * order / order.size**0.5 + 0.9 * np.exp(-epoch / (2 + 2 * order / order.size)) + luck
    val_loss = (
        train_loss
        + 0.05
        + 0.0006 * (1 + order / order.size) * epoch
        + rng.normal(0, 0.004, (*shape, seeds, epochs))
    )
    histories = {"train_loss": train_loss, "val_loss": val_loss}
    metric, mode = "val_loss", "min"
    if not regression:
        histories |= {"train_accuracy": 1 - train_loss / 3.2, "val_accuracy": 1 - val_loss / 3.2}
        metric, mode = "val_accuracy", "max"
    histories = {name: values.astype(np.float32) for name, values in histories.items()}
    best = histories[metric].argmin(-1) if mode == "min" else histories[metric].argmax(-1)
    best, stopped, diverged_at = best + 1, np.full(best.shape, epochs), np.full(best.shape, -1)
    if patience is not None:
        stopped = np.minimum(best + patience, epochs)
    for position, first_epoch in (diverged or {}).items():
        best[position], stopped[position], diverged_at[position] = first_epoch - 1, first_epoch, 100 * first_epoch
    for name, values in histories.items():
        values[epoch > stopped[..., None]] = np.nan
        values[(epoch >= stopped[..., None]) & (diverged_at[..., None] >= 0)] = np.nan
        histories[name] = values
    dims = (*sweep, "seed")
    variables = {name: ((*dims, "epoch"), values) for name, values in histories.items()}
    for name, values in (("best_epoch", best), ("diverged_at", diverged_at), ("stopped_at", stopped)):
        variables[name] = (dims, values.astype(np.int32))
    variables["test_loss"] = ("seed", rng.normal(0.36, 0.004, seeds).astype(np.float32))
    coords = {**{k: list(v) for k, v in sweep.items()}, "seed": range(seeds), "epoch": epoch}
    if not regression:
        confusion = _confusion(rng, seeds, len(class_names))
        variables["confusion"] = (("seed", "true", "predicted"), confusion)
        hits = np.trace(confusion, axis1=1, axis2=2) / confusion.sum((1, 2))
        variables["test_accuracy"] = ("seed", hits.astype(np.float32))
        coords |= {"true": list(class_names), "predicted": list(class_names)}
    selected = {name: values[-1] for name, values in sweep.items()}
    return xr.Dataset(variables, coords, _attributes(metric, mode, selected, math.prod(shape) * seeds))


def _confusion(rng: np.random.Generator, seeds: int, num_classes: int) -> np.ndarray:
    share = np.full((num_classes, num_classes), 0.1 / num_classes) + np.eye(num_classes) * 0.8
    share[0, -1] = 0.12
    share /= share.sum(1, keepdims=True)
    return np.stack([rng.multinomial(1000, share) for _ in range(seeds)]).astype(np.int32)


def _attributes(metric: str, mode: str, selected: dict, num_members: int) -> dict:
    return {
        "experiment": "widths",
        "question": "Which width and which activation of one hidden layer are best on Fashion-MNIST?",
        "mode": mode,
        "selected": json.dumps(selected),
        "selected_on": metric,
        "final": "retrain",
        "compile_seconds": 6.42,
        "run_seconds": 183.7,
        "num_programs": 8,
        "num_members": num_members,
        "device": "cpu x 2 (x86_64)",
        "date": "2025-11-21T10:20:30",
        "versions": json.dumps({"jaxnn": "0.1.0", "jax": "0.10.2", "flax": "0.12.8"}),
        "command": "jaxnn run widths --preset full --seeds 5",
    }
