"""Optimizers and schedules, with traced numbers, against optax with Python floats and against steps by hand."""

import dataclasses
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxnn import optim
from jaxnn.errors import InputError
from jaxnn.types import Hparams

NUM_STEPS = 20
KERNELS_ONLY = {"layers_0": {"kernel": True, "bias": False}, "layers_2": {"kernel": True, "bias": False}}

# Each name with numbers that are not the usual ones, and the optax transformation of the same numbers.
ORACLES = {
    "sgd": (Hparams(0.1), optax.sgd(0.1)),
    "momentum": (Hparams(0.1, momentum=0.8), optax.sgd(0.1, momentum=0.8)),
    "nesterov": (Hparams(0.1, momentum=0.8), optax.sgd(0.1, momentum=0.8, nesterov=True)),
    "adagrad": (Hparams(0.1, epsilon=1e-5), optax.adagrad(0.1, eps=1e-5)),
    "rmsprop": (Hparams(0.01, beta2=0.95, epsilon=1e-6), optax.rmsprop(0.01, decay=0.95, eps=1e-6)),
    "rmsprop with momentum": (
        Hparams(0.01, beta2=0.95, momentum=0.5),
        optax.rmsprop(0.01, decay=0.95, momentum=0.5),
    ),
    "adam": (Hparams(0.02, beta1=0.8, beta2=0.95, epsilon=1e-4), optax.adam(0.02, b1=0.8, b2=0.95, eps=1e-4)),
    "adamw": (
        Hparams(0.02, beta1=0.8, beta2=0.95, epsilon=1e-4, weight_decay=0.3),
        optax.adamw(0.02, b1=0.8, b2=0.95, eps=1e-4, weight_decay=0.3, mask=KERNELS_ONLY),
    ),
    "lion": (Hparams(0.01, beta1=0.8, beta2=0.95), optax.lion(0.01, b1=0.8, b2=0.95, weight_decay=0.0)),
    "sgd with weight_decay": (
        Hparams(0.1, weight_decay=0.3),
        optax.chain(optax.add_decayed_weights(0.3, mask=KERNELS_ONLY), optax.sgd(0.1)),
    ),
    "momentum, clipped": (
        Hparams(0.1, momentum=0.8, clip_norm=0.5),
        optax.chain(optax.clip_by_global_norm(0.5), optax.sgd(0.1, momentum=0.8)),
    ),
}


def make_params():
    rng = np.random.default_rng(0)
    shapes = {"layers_0": {"kernel": (3, 4), "bias": (4,)}, "layers_2": {"kernel": (4, 2), "bias": (2,)}}
    draw = lambda shape: jnp.asarray(rng.normal(size=shape), jnp.float32)
    return jax.tree.map(draw, shapes, is_leaf=lambda node: isinstance(node, tuple))


def gradient(params, step):
    """A gradient that depends on the parameters and on the step, with parts of very different size."""
    return jax.tree.map(lambda w: (w - 1) * (1 + jnp.cos(step * 1.0)) + 0.1 * jnp.sin(7 * w), params)


def trajectory(transformation):
    """Parameters after `NUM_STEPS` steps of an optax transformation, all in one jitted loop."""

    def body(step, carry):
        params, state = carry
        updates, state = transformation.update(gradient(params, step), state, params)
        return optax.apply_updates(params, updates), state

    params = make_params()
    return jax.lax.fori_loop(0, NUM_STEPS, body, (params, transformation.init(params)))[0]


def traced_trajectory(name, hparams, *, schedule="constant", total_steps=NUM_STEPS):
    """The same with jaxnn's optimizer, every number an argument of the jitted function."""
    hparams = optim.resolve_hparams(hparams, optimizer=name, schedule=schedule)
    make = optim.make_optimizer(name, optim.make_schedule(schedule, total_steps=total_steps, steps_per_epoch=4))
    return jax.jit(lambda numbers: trajectory(make(numbers)))(jax.tree.map(jnp.float32, hparams))


@pytest.mark.parametrize("flatten_below", [0, optim.FLATTEN_BELOW], ids=["by leaf", "flat"])
@pytest.mark.parametrize("case", ORACLES)
def test_twenty_steps_are_those_of_optax(case, flatten_below, monkeypatch):
    """Oracle: optax with Python floats.  The flat vector of small networks and the leaves of large ones agree."""
    monkeypatch.setattr(optim, "FLATTEN_BELOW", flatten_below)
    hparams, oracle = ORACLES[case]
    found = traced_trajectory(case.split()[0].rstrip(","), hparams)
    expected = jax.jit(lambda: trajectory(oracle))()
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6), found, expected)


def test_the_oracles_cover_every_optimizer():
    assert {case.split()[0].rstrip(",") for case in ORACLES} == set(optim.OPTIMIZERS)


def updates_by_hand(name, hparams, gradients):
    """The parameter, from 1, after each of some gradients."""
    hparams = optim.resolve_hparams(hparams, optimizer=name, schedule="constant")
    transformation = optim.make_optimizer(name, optim.make_schedule("constant", total_steps=9, steps_per_epoch=3))(
        hparams
    )
    params = {"layers_0": {"kernel": jnp.ones((1, 1))}}
    state, values = transformation.init(params), []
    for number in gradients:
        updates, state = transformation.update(jax.tree.map(lambda w, g=number: w * 0 + g, params), state, params)
        params = optax.apply_updates(params, updates)
        values.append(float(params["layers_0"]["kernel"][0, 0]))
    return values


@pytest.mark.parametrize(
    ("name", "hparams", "gradients", "expected"),
    [
        # w - lr g: 1 - 0.5 * 2, then 0 + 0.5 * 1
        ("sgd", Hparams(0.5), [2.0, -1.0], [0.0, 0.5]),
        # v = g + m v: 2, then -1 + 0.5 * 2 = 0
        ("momentum", Hparams(0.5, momentum=0.5), [2.0, -1.0], [0.0, 0.0]),
        # v as above, the step is g + m v: 2 + 0.5 * 2 = 3, then -1 + 0.5 * 0
        ("nesterov", Hparams(0.5, momentum=0.5), [2.0, -1.0], [-0.5, 0.0]),
        # the corrected moments of a constant gradient are g and g^2, so a step is lr * sign
        ("adam", Hparams(0.25, epsilon=1e-8), [3.0, 3.0], [0.75, 0.5]),
        # the same, after w has lost lr * decay * w: 1 - 0.25 - 0.25 * 0.4 * 1, then 0.65 - 0.25 - 0.1 * 0.65
        ("adamw", Hparams(0.25, weight_decay=0.4), [3.0, 3.0], [0.65, 0.335]),
        # a step is lr * sign of the mixed moment
        ("lion", Hparams(0.25), [3.0, 0.01], [0.75, 0.5]),
        # the sum of squares starts at 0.1: 1 - 0.5 * 1 / sqrt(1.1)
        ("adagrad", Hparams(0.5), [1.0], [1 - 0.5 / 1.1**0.5]),
        # the mean of squares starts at 0: 0.1 * 4, so a step is 0.1 * 2 / sqrt(0.4)
        ("rmsprop", Hparams(0.1), [2.0], [1 - 0.2 / 0.4**0.5]),
        # a gradient of 2 is clipped to 0.5; one of 0.2 is not
        ("sgd", Hparams(1.0, clip_norm=0.5), [2.0, 0.2], [0.5, 0.3]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_steps_computed_by_hand(name, hparams, gradients, expected):
    np.testing.assert_allclose(updates_by_hand(name, hparams, gradients), expected, rtol=1e-5, atol=1e-6)


def test_neutral_numbers_are_absent_ones():
    """A weight decay of 0 and a largest norm of infinity change no bit."""
    plain = traced_trajectory("adam", Hparams(0.1))
    neutral = traced_trajectory("adam", Hparams(0.1, weight_decay=0.0, clip_norm=float("inf")))
    jax.tree.map(np.testing.assert_array_equal, neutral, plain)


SPE, TOTAL = 4, 60  # steps of an epoch and of the run

SCHEDULES = {
    "constant": (Hparams(0.3), optax.constant_schedule(0.3)),
    "exponential": (
        Hparams(0.3, decay_rate=0.7, decay_epochs=2.5),
        optax.exponential_decay(0.3, transition_steps=10, decay_rate=0.7),
    ),
    "step": (
        Hparams(0.3, decay_rate=0.7, decay_epochs=2.5),
        optax.exponential_decay(0.3, transition_steps=10, decay_rate=0.7, staircase=True),
    ),
    "cosine": (Hparams(0.3, final_scale=0.1), optax.cosine_decay_schedule(0.3, TOTAL, alpha=0.1)),
    "warmup_cosine": (
        Hparams(0.3, warmup=0.2, final_scale=0.1),
        optax.warmup_cosine_decay_schedule(0.0, 0.3, warmup_steps=12, decay_steps=TOTAL, end_value=0.03),
    ),
    "one_cycle": (
        Hparams(0.3, warmup=0.25, final_scale=1 / 2500),
        optax.cosine_onecycle_schedule(TOTAL, 0.3, pct_start=0.25, div_factor=25, final_div_factor=100),
    ),
}


def rates(name, hparams, steps):
    hparams = optim.resolve_hparams(hparams, optimizer="sgd", schedule=name)
    schedule = optim.make_schedule(name, total_steps=TOTAL, steps_per_epoch=SPE)
    return jax.jit(jax.vmap(schedule, in_axes=(0, None)))(steps, jax.tree.map(jnp.float32, hparams))


@pytest.mark.parametrize("name", optim.SCHEDULES)
def test_every_step_of_a_schedule_is_optaxs(name):
    """Oracle: the optax schedule with Python floats, at every step of the run and at its end."""
    hparams, oracle = SCHEDULES[name]
    steps = jnp.arange(TOTAL + 1)
    expected = np.array([float(oracle(step)) for step in range(TOTAL + 1)])
    np.testing.assert_allclose(rates(name, hparams, steps), expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("name", ["warmup_cosine", "one_cycle"])
def test_a_warmup_of_nothing_starts_at_the_peak(name):
    """Without a rise both are half a cosine: lr (1 + cos(pi r)) / 2."""
    found = rates(name, Hparams(0.3, warmup=0.0), jnp.arange(TOTAL + 1))
    share = np.arange(TOTAL + 1) / TOTAL
    np.testing.assert_allclose(found, 0.3 * (1 + np.cos(np.pi * share)) / 2, rtol=1e-4, atol=1e-7)


def test_an_optimizer_follows_its_schedule():
    """20 steps of sgd under a schedule are those of `optax.sgd` with optax's schedule."""
    schedule = optax.exponential_decay(0.3, transition_steps=8, decay_rate=0.7, staircase=True)
    found = traced_trajectory("sgd", Hparams(0.3, decay_rate=0.7, decay_epochs=2.0), schedule="step")
    expected = jax.jit(lambda: trajectory(optax.sgd(schedule)))()
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6), found, expected)


@pytest.mark.parametrize(
    ("name", "factory", "fields"),
    [
        ("adagrad", optax.adagrad, {"epsilon": "eps"}),
        ("rmsprop", optax.rmsprop, {"beta2": "decay", "epsilon": "eps", "momentum": "momentum"}),
        ("adam", optax.adam, {"beta1": "b1", "beta2": "b2", "epsilon": "eps"}),
        ("adamw", optax.adamw, {"beta1": "b1", "beta2": "b2", "epsilon": "eps", "weight_decay": "weight_decay"}),
        ("lion", optax.lion, {"beta1": "b1", "beta2": "b2"}),
    ],
)
def test_usual_values_are_optaxs(name, factory, fields):
    """Oracle: the signature of optax's own function."""
    hparams = optim.resolve_hparams(Hparams(), optimizer=name, schedule="constant")
    parameters = inspect.signature(factory).parameters
    for field, parameter in fields.items():
        assert getattr(hparams, field) == parameters[parameter].default


@pytest.mark.parametrize(("name", "schedule"), [*((name, "constant") for name in optim.OPTIMIZERS), *(
    ("sgd", schedule) for schedule in optim.SCHEDULES
)])  # fmt: skip
def test_absent_numbers_have_their_usual_values(name, schedule):
    """20 steps with the numbers that nobody gave, against those with the numbers that `resolve_hparams` says."""
    resolved = optim.resolve_hparams(Hparams(0.05), optimizer=name, schedule=schedule)
    found, wanted = (traced_trajectory(name, one, schedule=schedule) for one in (Hparams(0.05), resolved))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), found, wanted)


def test_numbers_that_were_given_stay():
    given = Hparams(0.2, beta1=0.5, weight_decay=0.0, warmup=0.4)
    resolved = optim.resolve_hparams(given, optimizer="adamw", schedule="warmup_cosine")
    for field in dataclasses.fields(given):
        if getattr(given, field.name) is not None:
            assert getattr(resolved, field.name) == getattr(given, field.name)
    assert resolved.decay_rate is None


@pytest.mark.parametrize(
    ("optimizer", "schedule", "hparams", "message"),
    [
        ("adam", "constant", Hparams(momentum=0.9), "`momentum` is not used by the optimizer `adam`.*`nesterov`"),
        ("sgd", "constant", Hparams(beta1=0.9), "`beta1` is not used by the optimizer `sgd`.*`adam`"),
        ("lion", "constant", Hparams(epsilon=1e-8), "`epsilon` is not used by the optimizer `lion`"),
        ("sgd", "cosine", Hparams(warmup=0.1), "`warmup` is not used by the schedule `cosine`.*`one_cycle`"),
        ("sgd", "constant", Hparams(decay_rate=0.1), "`decay_rate` is not used by the schedule `constant`.*`step`"),
    ],
)
def test_a_number_that_nothing_uses_is_refused(optimizer, schedule, hparams, message):
    with pytest.raises(InputError, match=message):
        optim.resolve_hparams(hparams, optimizer=optimizer, schedule=schedule)


def test_unknown_names_are_refused_with_the_nearest():
    with pytest.raises(InputError, match="`adamm` is not a known optimizer: did you mean `adam`"):
        optim.resolve_hparams(Hparams(), optimizer="adamm", schedule="constant")
    with pytest.raises(InputError, match="`cosin` is not a known schedule: did you mean `cosine`"):
        optim.resolve_hparams(Hparams(), optimizer="adam", schedule="cosin")
    with pytest.raises(InputError, match="`cosin` is not a known schedule"):
        optim.make_schedule("cosin", total_steps=1, steps_per_epoch=1)
    with pytest.raises(InputError, match="`nestrov` is not a known optimizer: did you mean `nesterov`"):
        optim.make_optimizer("nestrov", optim.make_schedule("constant", total_steps=1, steps_per_epoch=1))
