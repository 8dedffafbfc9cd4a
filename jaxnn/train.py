"""One training step and one evaluation step, as pure functions of their arguments.

The step knows nothing of populations, epochs or files: it is what a population vectorises and a run scans.
The loss, the optimizer and the way gradients are made are given to it.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxnn.augment import augment, augments
from jaxnn.losses import LossFunction, activity_l1_penalty, l1_penalty, l2_penalty, softmax_cross_entropy
from jaxnn.metrics import accuracy
from jaxnn.models import EVALUATION, Mode, Network, activations_of, layer_names
from jaxnn.types import Batch, Hparams, Metrics, Params, TrainState

# loss_fn(params, batch_stats, batch, key, hparams) -> (objective, (metrics, batch_stats))
LossFn = Callable[[Params, Params, Batch, jax.Array, Hparams], tuple[jax.Array, tuple[Metrics, Params]]]
# The same arguments -> ((objective, (metrics, batch_stats)), grads), as jax.value_and_grad(..., has_aux=True)
GradFn = Callable[[Params, Params, Batch, jax.Array, Hparams], tuple[Any, Params]]
# train_step(state, batch, key, hparams, active) -> (state, metrics)
TrainStep = Callable[[TrainState, Batch, jax.Array, Hparams, jax.Array | bool], tuple[TrainState, Metrics]]
EvalStep = Callable[[TrainState, Batch], Metrics]


class Keys(NamedTuple):
    """The keys of one run, each named for its only use."""

    init: jax.Array
    data: jax.Array
    step: jax.Array


def run_keys(seed: int | jax.Array) -> Keys:
    """The keys of the run with this seed.  Two settings with one seed share initial draws and data order."""
    return Keys(*jax.random.split(jax.random.key(seed), 3))


def init_state(
    model: Network,
    optimizer: Callable[[Hparams], optax.GradientTransformation],
    key: jax.Array,
    x: jax.Array | jax.ShapeDtypeStruct,
    hparams: Hparams,
    variables: Params | None = None,
) -> TrainState:
    """The state before the first step.

    Args:
        model: a network.
        optimizer: function from `Hparams` to an optax transformation (`optim.make_optimizer`).
        key: what the parameters are drawn from.
        x: inputs of the right shape, (batch, *input_shape); only the shape is used.
        hparams: the traced numbers.
        variables: what to start from, "params" and "batch_stats"; None draws them.
    """
    if variables is None:
        variables = model.init(key, jnp.zeros((1, *x.shape[1:])))
    params: Params = variables.get("params", {})
    batch_stats: Params = variables.get("batch_stats", {})
    return TrainState(params, batch_stats, optimizer(hparams).init(params), jnp.zeros((), jnp.int32))


def make_loss_fn(model: Network, loss: LossFunction) -> LossFn:
    """The objective of training as a pure function: mean loss of the batch plus the penalties in `hparams`.

    Its metrics are those of the batch in training mode: "loss", the mean loss without penalties, and for integer
    labels "accuracy".  `batch_stats` come back as the batch moved them.
    """
    takes_smoothing = loss is softmax_cross_entropy

    def loss_fn(params, batch_stats, batch, key, hparams):
        mode = Mode(train=True, dropout_rate=hparams.dropout_rate, key=key)
        variables = {"params": params, "batch_stats": batch_stats}
        outputs, moved = model.apply(variables, batch.x, mode, method="record", mutable=["batch_stats"])
        logits = outputs[layer_names(model)[-1]]
        if takes_smoothing:
            losses = softmax_cross_entropy(logits, batch.y, smoothing=hparams.label_smoothing)
        else:
            losses = loss(logits, batch.y)
        mean_loss = losses.mean()
        objective = mean_loss
        if hparams.l1 is not None:
            objective += hparams.l1 * l1_penalty(params)
        if hparams.l2 is not None:
            objective += hparams.l2 * l2_penalty(params)
        if hparams.activity_l1 is not None:
            objective += hparams.activity_l1 * activity_l1_penalty(activations_of(model, outputs))
        metrics = {"loss": mean_loss, **_accuracy_metric(logits, batch.y)}
        return objective, (metrics, moved.get("batch_stats", {}))

    return loss_fn


def autodiff_value_and_grad(model: Network, loss: LossFunction) -> GradFn:
    """Gradients of `make_loss_fn(model, loss)` by `jax.value_and_grad`; `backprop.value_and_grad` is its twin."""
    return jax.value_and_grad(make_loss_fn(model, loss), has_aux=True)


def step_inputs(state: TrainState, batch: Batch, key: jax.Array, hparams: Hparams) -> tuple[Batch, jax.Array]:
    """What a training step shows the network: the batch augmented and with its noise, and the key of dropout.

    Everything random is drawn from `key`, the run's step key, folded with `state.step`.
    """
    step_key = jax.random.fold_in(key, state.step)
    noise_key, dropout_key = jax.random.split(step_key)
    # Apart from that split: one into more parts would change what the noise and dropout draw.
    mask_key, augment_key = jax.random.fold_in(step_key, 2), jax.random.fold_in(step_key, 3)
    if augments(hparams):
        images = augment(augment_key, batch.x, hparams)
        is_target = batch.y.shape == images.shape  # of an autoencoder, and then it moves too
        batch = Batch(images, images if is_target else batch.y)
    if hparams.input_noise is not None:
        noise = jax.random.normal(noise_key, batch.x.shape)
        batch = batch._replace(x=batch.x + hparams.input_noise * noise)
    if hparams.input_mask is not None:
        is_kept = jax.random.uniform(mask_key, batch.x.shape) >= hparams.input_mask
        batch = batch._replace(x=jnp.where(is_kept, batch.x, 0))
    return batch, dropout_key


def make_train_step(
    model: Network,
    loss: LossFunction,
    optimizer: Callable[[Hparams], optax.GradientTransformation],
    *,
    value_and_grad: Callable[[Network, LossFunction], GradFn] = autodiff_value_and_grad,
    vectorised: bool = False,
) -> TrainStep:
    """train_step(state, batch, key, hparams, active=True) -> (state, metrics), pure: one update of one run.

    `key` is the run's step key, from which `step_inputs` draws.  Metrics are those of
    `make_loss_fn` before the update, and "objective", what was differentiated.  A step whose objective is not
    finite, or that is not `active` (a traced boolean), changes nothing.

    Args:
        model: a network.
        loss: per-example loss, from `losses`.
        optimizer: function from `Hparams` to an optax transformation.
        value_and_grad: how gradients are made: a function (model, loss) -> grad_fn.
        vectorised: whether the step will be under `vmap`.  It gives the same, but for a step that changes nothing:
            the state of the optimizer then moves, which is of no use for a run that goes on afterwards.
    """
    grad_fn = value_and_grad(model, loss)

    def train_step(state, batch, key, hparams, active: jax.Array | bool = True):
        batch, dropout_key = step_inputs(state, batch, key, hparams)
        (objective, (metrics, batch_stats)), grads = grad_fn(
            state.params, state.batch_stats, batch, dropout_key, hparams
        )

        def update(state):
            updates, opt_state = optimizer(hparams).update(grads, state.opt_state, state.params)
            return TrainState(optax.apply_updates(state.params, updates), batch_stats, opt_state, state.step + 1)

        alive = active & jnp.isfinite(objective)
        if vectorised:
            state = _keep_unless(alive, update(state), state)
        else:
            # A branch: a choice between old and new would keep both, and double the optimizer's memory traffic.
            state = jax.lax.cond(alive, update, lambda state: state, state)
        return state, {**metrics, "objective": objective}

    return train_step


def _keep_unless(alive: jax.Array, new: TrainState, old: TrainState) -> TrainState:
    """`new` where `alive`, else `old` but for the state of the optimizer, which nothing reads any more.

    Under `vmap` a branch of each member's own is a choice.  Of the parameters it fuses with the addition that makes
    them; of the moments, which the update reads too, it would be a second pass over them.
    """
    choose = lambda a, b: jax.tree.map(functools.partial(jnp.where, alive), a, b)
    kept = choose(new._replace(opt_state=None), old._replace(opt_state=None))
    return kept._replace(opt_state=new.opt_state)


def make_eval_step(model: Network, loss: LossFunction) -> EvalStep:
    """eval_step(state, batch) -> metrics: mean loss, and accuracy for integer labels, in evaluation mode."""

    def eval_step(state, batch):
        variables = {"params": state.params, "batch_stats": state.batch_stats}
        logits = jnp.asarray(model.apply(variables, batch.x, EVALUATION))
        return {"loss": loss(logits, batch.y).mean(), **_accuracy_metric(logits, batch.y)}

    return eval_step


def metric_names(batch: Batch) -> tuple[str, ...]:
    """The metrics that the steps report for data like `batch`: "loss", and "accuracy" for integer labels."""
    return ("loss", "accuracy") if jnp.issubdtype(batch.y.dtype, jnp.integer) else ("loss",)


def _accuracy_metric(logits: jax.Array, labels: jax.Array) -> Metrics:
    is_classes = jnp.issubdtype(labels.dtype, jnp.integer)
    return {"accuracy": accuracy(logits, labels).mean()} if is_classes else {}
