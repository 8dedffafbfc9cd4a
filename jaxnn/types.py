"""The few types every module shares: the batch, the traced numbers and the state of training."""

import dataclasses
from typing import Any, NamedTuple

import jax

# A pytree, by position of the layer: {"layers_0": {"kernel": (m, n), "bias": (n,)}, ...}.  Any, because Flax
# and optax type their trees in ways that do not meet.
Params = Any
Metrics = dict[str, jax.Array]
Number = float | jax.Array


class Batch(NamedTuple):
    """Examples and what is wanted of them: x (batch, *input_shape), y (batch,) labels or (batch, k) targets."""

    x: jax.Array
    y: jax.Array


class TrainState(NamedTuple):
    """Everything one training step changes.  `step` counts the updates made, an int32 scalar."""

    params: Params
    batch_stats: Params
    opt_state: Any
    step: jax.Array


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Hparams:
    """Every number of the arithmetic.  All of them are traced: changing one never recompiles.

    A field that is `None` is absent: its term is not in the program and costs nothing.  A study turns a term on
    for all its members as soon as one of them uses it (the others get its neutral value), so that settings which
    differ only in numbers always share one program.  The numbers of an optimizer or a schedule get their usual
    values from `optim.resolve_hparams`, which also refuses those that the chosen ones do not use.

    The fields are annotated as the floats a person gives; inside a program each is a float32 array, with a leading
    axis of members in a population.
    """

    learning_rate: float = 1e-3
    """Step size, or the peak of the schedule."""
    momentum: float | None = None
    """Momentum of `momentum` and `nesterov` (0.9 unless given) and of `rmsprop` (none unless given)."""
    beta1: float | None = None
    """Decay of the first moment of `adam`, `adamw`, `lion` (0.9)."""
    beta2: float | None = None
    """Decay of the second moment of `adam`, `adamw` (0.999), `lion` (0.99), `rmsprop` (0.9)."""
    epsilon: float | None = None
    """Added to the denominator of `adam` and `adamw` (1e-8), and under the root there of `rmsprop` (1e-8) and
    `adagrad` (1e-7)."""
    decay_rate: float | None = None
    """Factor of the `exponential` and `step` schedules, applied every `decay_epochs` (0.5)."""
    decay_epochs: float | None = None
    """Epochs between two decays of the `exponential` and `step` schedules (10)."""
    warmup: float | None = None
    """Share of the run in which `warmup_cosine` and `one_cycle` rise to the peak (0.1, 0.3)."""
    final_scale: float | None = None
    """Rate at the end of `cosine`, `warmup_cosine` and `one_cycle`, as a share of the peak (0)."""
    weight_decay: float | None = None
    """Decoupled weight decay of the kernels, w -= rate * weight_decay * w; `adamw` has 1e-4 unless given."""
    l1: float | None = None
    """Weight of the penalty l1 * sum |w| over the kernels."""
    l2: float | None = None
    """Weight of the penalty l2 * sum w^2 over the kernels."""
    activity_l1: float | None = None
    """Weight of the penalty activity_l1 * sum |a| over the activations, of an autoencoder those of its code alone,
    mean over the batch."""
    dropout_rate: float | None = None
    """Probability that a unit is dropped, in every dropout layer that has no rate of its own."""
    label_smoothing: float | None = None
    """Share s of the label spread over the classes: (1 - s) * onehot + s / num_classes."""
    input_noise: float | None = None
    """Standard deviation of Gaussian noise added to the (scaled) inputs in training."""
    input_mask: float | None = None
    """Probability that an input is set to 0 in training, for each input of each example by itself."""
    shift: float | None = None
    """Largest shift of an image in training, up, down and to the sides, as a share of its height and width."""
    rotation: float | None = None
    """Largest rotation of an image in training, to either side, in degrees."""
    flip: float | None = None
    """Probability that an image is mirrored, left for right, in training."""
    brightness: float | None = None
    """Largest relative change of an image's brightness in training: a factor 1 - brightness to 1 + brightness."""
    erasing: float | None = None
    """Probability that a random rectangle of an image is filled with noise in training."""
    clip_norm: float | None = None
    """Largest global norm of the gradient; longer ones are scaled down to it."""
