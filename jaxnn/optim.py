"""Optimizers and schedules on optax with every number traced.

A learning rate given to optax as a Python float is baked into the program: one compilation a value.  Here the
transformation is built inside the traced function from `Hparams`, so one program serves every value, and a
population gives each member its own.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxnn.errors import InputError, unknown
from jaxnn.types import Hparams, Number, Params

# Below this many parameters an update of one flat vector is faster than one of each leaf: what it costs is
# starting operations, not arithmetic (measured: scripts/bench --case ablation).
FLATTEN_BELOW = 20_000


def _constant(step, hparams, total_steps, steps_per_epoch):
    return jnp.asarray(hparams.learning_rate)


def _exponential(step, hparams, total_steps, steps_per_epoch):
    return hparams.learning_rate * hparams.decay_rate ** (step / (steps_per_epoch * hparams.decay_epochs))


def _step(step, hparams, total_steps, steps_per_epoch):
    periods = jnp.floor(step / (steps_per_epoch * hparams.decay_epochs))
    return hparams.learning_rate * hparams.decay_rate**periods


def _cosine(step, hparams, total_steps, steps_per_epoch):
    return hparams.learning_rate * _fall(step / total_steps, 1.0, hparams.final_scale)


def _warmup_cosine(step, hparams, total_steps, steps_per_epoch):
    rise, share = _two_phases(step / total_steps, hparams.warmup)
    return hparams.learning_rate * jnp.where(rise < 1, rise, _fall(share, 1.0, hparams.final_scale))


def _one_cycle(step, hparams, total_steps, steps_per_epoch):
    rise, share = _two_phases(step / total_steps, hparams.warmup)
    scale = jnp.where(rise < 1, _fall(rise, 1 / 25, 1.0), _fall(share, 1.0, hparams.final_scale))
    return hparams.learning_rate * scale


def _fall(share, start, end):
    """Half a cosine from `start` at share 0 to `end` at share 1."""
    return end + (start - end) * (1 + jnp.cos(jnp.pi * jnp.clip(share, 0, 1))) / 2


def _two_phases(share, warmup):
    """How far the rise is (1 from its end on), and how far the fall after it; a warm-up of 0 has no rise."""
    rise = jnp.where(share < warmup, share / jnp.where(warmup > 0, warmup, 1.0), 1.0)
    return rise, (share - warmup) / (1 - warmup)


class Schedule(NamedTuple):
    """A learning-rate rule and the numbers it uses, with their usual values."""

    rate: Callable[[Number, Hparams, int, int], Number]
    defaults: dict[str, float]


SCHEDULES = {
    "constant": Schedule(_constant, {}),
    "exponential": Schedule(_exponential, {"decay_rate": 0.5, "decay_epochs": 10.0}),
    "step": Schedule(_step, {"decay_rate": 0.5, "decay_epochs": 10.0}),
    "cosine": Schedule(_cosine, {"final_scale": 0.0}),
    "warmup_cosine": Schedule(_warmup_cosine, {"warmup": 0.1, "final_scale": 0.0}),
    "one_cycle": Schedule(_one_cycle, {"warmup": 0.3, "final_scale": 0.0}),
}


def make_schedule(name: str, *, total_steps: int, steps_per_epoch: int) -> Callable[[Number, Hparams], Number]:
    """The schedule called `name`: (step, hparams) -> learning rate, both traced.

    With r = step / total_steps, e = step / steps_per_epoch, lr = `learning_rate`, f = `final_scale`, w = `warmup`:

    - constant: lr
    - exponential: lr * decay_rate^(e / decay_epochs)
    - step: lr * decay_rate^floor(e / decay_epochs)
    - cosine: lr * (f + (1 - f) (1 + cos(pi r)) / 2)   (Loshchilov and Hutter 2017)
    - warmup_cosine: rises linearly from 0 while r < w, then cosine over the rest
    - one_cycle: rises on a cosine from lr / 25 while r < w, then falls on a cosine to f lr (Smith 2018)

    A number that is absent has its usual value, as in `resolve_hparams`.

    Raises:
        InputError: an unknown name.
    """
    if name not in SCHEDULES:
        raise unknown("schedule", name, SCHEDULES)
    rate, defaults = SCHEDULES[name]
    return lambda step, hparams: rate(step, _filled(hparams, defaults), total_steps, steps_per_epoch)


def _filled(hparams: Hparams, defaults: Mapping[str, float | None]) -> Hparams:
    """`hparams` with these values where it has none."""
    missing = {field: value for field, value in defaults.items() if getattr(hparams, field) is None}
    return dataclasses.replace(hparams, **missing)


def _sgd(hparams):
    return optax.identity()


def _momentum(hparams):
    return optax.trace(decay=hparams.momentum)


def _nesterov(hparams):
    return optax.trace(decay=hparams.momentum, nesterov=True)


def _adagrad(hparams):
    return optax.scale_by_rss(initial_accumulator_value=0.1, eps=hparams.epsilon)


def _rmsprop(hparams):
    scale = optax.scale_by_rms(decay=hparams.beta2, eps=hparams.epsilon)
    return scale if hparams.momentum is None else optax.chain(scale, optax.trace(decay=hparams.momentum))


def _adam(hparams):
    return optax.scale_by_adam(b1=hparams.beta1, b2=hparams.beta2, eps=hparams.epsilon)


def _lion(hparams):
    return optax.scale_by_lion(b1=hparams.beta1, b2=hparams.beta2)


class Optimizer(NamedTuple):
    """An update rule and the numbers it uses, with their usual values; None is a part left out unless asked for."""

    rule: Callable[[Hparams], optax.GradientTransformation]
    defaults: dict[str, float | None]


_ADAM: dict[str, float | None] = {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}

OPTIMIZERS = {
    "sgd": Optimizer(_sgd, {}),
    "momentum": Optimizer(_momentum, {"momentum": 0.9}),
    "nesterov": Optimizer(_nesterov, {"momentum": 0.9}),
    "adagrad": Optimizer(_adagrad, {"epsilon": 1e-7}),
    "rmsprop": Optimizer(_rmsprop, {"beta2": 0.9, "epsilon": 1e-8, "momentum": None}),
    "adam": Optimizer(_adam, _ADAM),
    "adamw": Optimizer(_adam, {**_ADAM, "weight_decay": 1e-4}),
    "lion": Optimizer(_lion, {"beta1": 0.9, "beta2": 0.99}),
}

# The fields of Hparams that belong to an optimizer or a schedule; the others go with any.
_OPTIMIZER_FIELDS = ("momentum", "beta1", "beta2", "epsilon")
_SCHEDULE_FIELDS = ("decay_rate", "decay_epochs", "warmup", "final_scale")


def resolve_hparams(hparams: Hparams, *, optimizer: str, schedule: str) -> Hparams:
    """`hparams` with the usual value of every number that `optimizer` and `schedule` use and that is `None`.

    Raises:
        InputError: an unknown name, or a number that was given although neither uses it.
    """
    resolved = hparams
    for kind, name, table, fields in (
        ("optimizer", optimizer, OPTIMIZERS, _OPTIMIZER_FIELDS),
        ("schedule", schedule, SCHEDULES, _SCHEDULE_FIELDS),
    ):
        if name not in table:
            raise unknown(kind, name, table)
        defaults = table[name].defaults
        for field in fields:
            if getattr(hparams, field) is not None and field not in defaults:
                users = ", ".join(f"`{other}`" for other in table if field in table[other].defaults)
                raise InputError(f"`{field}` is not used by the {kind} `{name}`: remove it, or choose {users}.")
        resolved = _filled(resolved, defaults)
    return resolved


def make_optimizer(
    name: str, schedule: Callable[[Any, Hparams], Number]
) -> Callable[[Hparams], optax.GradientTransformation]:
    """The optimizer called `name`: a function from `Hparams` to an optax transformation.

    In order: clipping to `clip_norm`, the rule of the optimizer, decoupled decay of the kernels by
    `weight_decay` (Loshchilov and Hutter 2019), the negative learning rate of the schedule.  `adamw` is `adam`
    whose `weight_decay` is there.  A number of the rule that is absent has its usual value, as in
    `resolve_hparams`; `clip_norm`, `weight_decay` but of `adamw`, and `momentum` of `rmsprop` leave their part out.

    Raises:
        InputError: an unknown name.
    """
    if name not in OPTIMIZERS:
        raise unknown("optimizer", name, OPTIMIZERS)
    rule, defaults = OPTIMIZERS[name]

    def optimizer(hparams: Hparams) -> optax.GradientTransformation:
        hparams = _filled(hparams, defaults)
        parts = []
        if hparams.clip_norm is not None:
            parts.append(optax.clip_by_global_norm(hparams.clip_norm))
        parts.append(_flatten_if_small(rule(hparams)))
        if hparams.weight_decay is not None:
            parts.append(optax.add_decayed_weights(hparams.weight_decay, mask=_kernel_mask))
        parts.append(optax.scale_by_learning_rate(lambda step: schedule(step, hparams)))
        return optax.chain(*parts)

    return optimizer


def _kernel_mask(params: Params):
    return jax.tree_util.tree_map_with_path(lambda path, _: path[-1].key == "kernel", params)


def _flatten_if_small(rule: optax.GradientTransformation) -> optax.GradientTransformation:
    flat = optax.flatten(rule)

    def choose(tree):
        return flat if optax.tree.size(tree) < FLATTEN_BELOW else rule

    return optax.GradientTransformation(
        lambda params: choose(params).init(params),
        lambda updates, state, params=None: choose(updates).update(updates, state, params),
    )
