"""The training step against scikit-learn's gradients, a step by hand, Keras's formulas and its own promises."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from sklearn.neural_network import MLPClassifier

from jaxnn import losses, models
from jaxnn.optim import OPTIMIZERS, make_optimizer, make_schedule, resolve_hparams
from jaxnn.train import (
    autodiff_value_and_grad,
    init_state,
    make_eval_step,
    make_train_step,
    metric_names,
    run_keys,
)
from jaxnn.types import Batch, Hparams, TrainState

CROSS_ENTROPY = losses.softmax_cross_entropy
ADAM_HPARAMS = resolve_hparams(Hparams(0.1), optimizer="adam", schedule="constant")


def plain_optimizer(name="sgd"):
    return make_optimizer(name, make_schedule("constant", total_steps=10, steps_per_epoch=5))


def batch_of(shape, *, num_classes=3, seed=0):
    rng = np.random.default_rng(seed)
    x = jnp.asarray(rng.normal(size=shape), jnp.float32)
    return Batch(x, jnp.asarray(rng.integers(0, num_classes, shape[0])))


def start(model, batch, hparams, optimizer=None):
    """A state with parameters of unit size (drawn by NumPy, which compiles nothing) and fresh statistics."""
    optimizer = (optimizer or plain_optimizer())(hparams)
    variables = jax.eval_shape(model.init, jax.random.key(0), batch.x)
    rng = np.random.default_rng(1)
    params = jax.tree.map(lambda leaf: jnp.asarray(rng.normal(size=leaf.shape), jnp.float32), variables["params"])
    fresh = lambda path, leaf: np.full(leaf.shape, path[-1].key == "var", np.float32)
    stats = jax.tree.map_with_path(fresh, variables.get("batch_stats", {}))
    return TrainState(params, stats, optimizer.init(params), jnp.zeros((), jnp.int32))


def assert_equal(tree, other):
    jax.tree.map(np.testing.assert_array_equal, tree, other)


def assert_close(tree, other, rtol=1e-5, atol=1e-6):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=rtol, atol=atol), tree, other)


def sklearn_gradients(params, batch, *, activation, alpha):
    """Gradients of scikit-learn's network with these parameters: what one plain SGD step of rate 1 takes away.

    scikit-learn adds alpha / (2 n) sum w^2 to the mean cross-entropy, and computes in float64.
    """
    x, y = np.asarray(batch.x, np.float64), np.asarray(batch.y)
    kernels, biases = (
        [np.asarray(params[name][part], np.float64) for name in params] for part in ("kernel", "bias")
    )
    net = MLPClassifier(
        [w.shape[1] for w in kernels[:-1]],
        activation=activation,
        solver="sgd",
        alpha=alpha,
        batch_size=len(x),
        learning_rate_init=1.0,
        momentum=0.0,
        nesterovs_momentum=False,
        shuffle=False,
    )
    net.partial_fit(x, y, classes=np.unique(y))  # sets it up
    # In place: its optimizer holds on to these very arrays.
    for own, given in zip(net.coefs_ + net.intercepts_, kernels + biases, strict=True):
        own[...] = given
    net.partial_fit(x, y)
    return [w - after for w, after in zip(kernels + biases, net.coefs_ + net.intercepts_, strict=True)], net.loss_


@pytest.mark.parametrize(("ours", "theirs"), [("relu", "relu"), ("tanh", "tanh"), ("sigmoid", "logistic")])
def test_gradients_of_an_mlp_are_scikit_learns(ours, theirs):
    """Oracle: the float64 backward pass of `sklearn.neural_network.MLPClassifier`, with its l2 penalty."""
    alpha, batch = 0.3, batch_of((20, 4))
    model = models.mlp((6, 5), 3, activation=ours)
    hparams = Hparams(l2=alpha / (2 * 20))
    state = start(model, batch, hparams)
    grad_fn = jax.jit(autodiff_value_and_grad(model, CROSS_ENTROPY))
    (objective, _), grads = grad_fn(state.params, {}, batch, jax.random.key(0), hparams)
    expected, loss = sklearn_gradients(state.params, batch, activation=theirs, alpha=alpha)
    found = [grads[name][part] for part in ("kernel", "bias") for name in state.params]
    assert_close(found, expected)
    assert float(objective) == pytest.approx(loss, rel=1e-5)


def test_a_step_of_a_1_2_1_network_by_hand():
    """x = 2, t = 1.5.  Net inputs (0.5 * 2 + 0, -1 * 2 + 1) = (1, -1), relu (1, 0), y = 2 * 1 + 3 * 0 + 0.5 = 2.5.

    (y - t)^2 = 1, its derivative by y is 2 (y - t) = 2; by the second kernel 2 * (1, 0), by its bias 2; by the
    hidden activations 2 * (2, 3), by the net inputs (4, 0), by the first kernel 2 * (4, 0), by its biases (4, 0).
    """
    params = {
        "layers_1": {"kernel": jnp.array([[0.5, -1.0]]), "bias": jnp.array([0.0, 1.0])},
        "layers_3": {"kernel": jnp.array([[2.0], [3.0]]), "bias": jnp.array([0.5])},
    }
    expected = {
        "layers_1": {"kernel": [[0.5 - 0.8, -1.0]], "bias": [0.0 - 0.4, 1.0]},
        "layers_3": {"kernel": [[2.0 - 0.2], [3.0]], "bias": [0.5 - 0.2]},
    }
    model, hparams = models.mlp((2,), 1), Hparams(0.1)
    step = jax.jit(make_train_step(model, losses.squared_error, plain_optimizer()))
    state = TrainState(params, {}, plain_optimizer()(hparams).init(params), jnp.zeros((), jnp.int32))
    state, metrics = step(state, Batch(jnp.array([[2.0]]), jnp.array([[1.5]])), jax.random.key(0), hparams)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, np.array(b), rtol=1e-6), dict(state.params), expected)
    assert float(metrics["loss"]) == float(metrics["objective"]) == 1.0
    assert set(metrics) == {"loss", "objective"}
    assert int(state.step) == 1


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_learning_rate_of_0_changes_no_parameter(name):
    """Bitwise, with every penalty, noise, dropout and weight decay there."""
    hparams = Hparams(0.0, l1=0.1, l2=0.1, dropout_rate=0.3, input_noise=0.1, weight_decay=0.5, clip_norm=1.0)
    hparams = resolve_hparams(hparams, optimizer=name, schedule="constant")
    batch, optimizer = batch_of((8, 4)), plain_optimizer(name)
    model = models.mlp((5,), 3, dropout=True)
    state = after = start(model, batch, hparams, optimizer)
    step = jax.jit(make_train_step(model, CROSS_ENTROPY, optimizer))
    for _ in range(2):
        after, _ = step(after, batch, jax.random.key(0), hparams)
    assert_equal(after.params, state.params)
    assert int(after.step) == 2


CONVOLUTIONS = ("conv:4", "relu", "maxpool", "conv:3:2:1:valid", "tanh", "avgpool:2", "dropout")
NETWORKS = {
    "linear": (models.linear(3), (6,)),
    "mlp, dropout": (models.mlp((5, 4), 3, dropout=True), (6,)),
    "cnn": (models.cnn(CONVOLUTIONS, 3), (8, 8, 1)),
    "softmax inside": (models.cnn(("flatten", "dense:4", "softmax"), 3), (6,)),
    "autoencoder": (models.autoencoder((6,), code=2), (6,)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_row_i_of_a_batch_ignores_row_j(name):
    """In training: with row 2 replaced by huge numbers every other row comes out with the same bits."""
    model, shape = NETWORKS[name]
    batch = batch_of((5, *shape))
    params = start(model, batch, Hparams()).params
    mode = models.Mode(train=True, dropout_rate=0.4, key=jax.random.key(0))
    apply = jax.jit(lambda x: model.apply({"params": params}, x, mode))
    outputs, changed = apply(batch.x), apply(batch.x.at[2].set(1e6))
    others = np.array([0, 1, 3, 4])
    np.testing.assert_array_equal(outputs[others], changed[others])
    assert not np.array_equal(outputs[2], changed[2])


def test_batch_norm_alone_lets_rows_see_each_other_and_only_in_training():
    model, batch = models.mlp((5,), 3, batch_norm=True), batch_of((5, 6))
    state = start(model, batch, Hparams())
    variables = {"params": state.params, "batch_stats": state.batch_stats}
    changed = batch.x.at[2].set(10.0)
    training = jax.jit(lambda x: model.apply(variables, x, models.Mode(train=True), mutable=["batch_stats"])[0])
    assert not np.array_equal(training(batch.x)[0], training(changed)[0])
    np.testing.assert_array_equal(model.apply(variables, batch.x)[0], model.apply(variables, changed)[0])


def test_a_step_is_a_pure_function_of_its_arguments():
    """The same key gives the same bits; another key, or another step of the run, another dropout mask."""
    model, batch, hparams = models.mlp((8,), 3, dropout=True), batch_of((16, 4)), Hparams(0.1, dropout_rate=0.5)
    state = start(model, batch, hparams)
    step = jax.jit(make_train_step(model, CROSS_ENTROPY, plain_optimizer()))
    one, again = (step(state, batch, jax.random.key(0), hparams) for _ in range(2))
    assert_equal(one, again)
    objective = lambda state, seed: float(step(state, batch, jax.random.key(seed), hparams)[1]["objective"])
    assert objective(state, 0) != objective(state, 1)
    assert objective(state, 0) != objective(state._replace(step=jnp.int32(1)), 0)


def test_the_keys_of_a_run_are_its_own():
    """The three keys of a seed and the three of another all differ."""
    keys = [jax.random.key_data(key).tolist() for seed in (0, 1) for key in run_keys(seed)]
    assert len({tuple(key) for key in keys}) == 6


@pytest.mark.parametrize("rate", [0.25, 0.5, 0.9])
def test_dropout_keeps_the_expectation(rate):
    """A unit is 0 or x / (1 - rate); how many are kept is binomial, here within five standard deviations."""
    x = jnp.ones((200, 100))
    outputs = np.asarray(models.network([models.Dropout()]).apply(
        {}, x, models.Mode(train=True, dropout_rate=rate, key=jax.random.key(3))
    ))  # fmt: skip
    kept = outputs != 0
    np.testing.assert_allclose(outputs[kept], 1 / (1 - rate), rtol=1e-6)
    assert abs(kept.mean() - (1 - rate)) < 5 * np.sqrt(rate * (1 - rate) / kept.size)
    assert abs(outputs.mean() - 1) < 5 * np.sqrt(rate / (1 - rate) / kept.size)


def test_every_dropout_layer_draws_its_own_mask():
    model = models.network([models.Dropout(), models.Dropout()])
    mode = models.Mode(train=True, dropout_rate=0.5, key=jax.random.key(0))
    outputs = models.record(model, {}, jnp.ones((50, 20)), mode)
    first, both = (np.asarray(outputs[name]) != 0 for name in ("dropout_1", "dropout_2"))
    # Of the units that the first layer kept, the second drops about half; one shared mask would drop none.
    assert 0.4 < both[first].mean() < 0.6


def test_dropout_is_the_identity_in_evaluation_and_at_rate_0():
    model, x = models.network([models.Dropout(), models.Dropout(rate=0.5)]), batch_of((4, 3)).x
    np.testing.assert_array_equal(model.apply({}, x), x)
    mode = models.Mode(train=True, dropout_rate=jnp.float32(0), key=jax.random.key(0))
    np.testing.assert_array_equal(models.network([models.Dropout()]).apply({}, x, mode), x)


def objective_of(model, batch, hparams, loss=CROSS_ENTROPY):
    """What a step differentiates, and its state before."""
    state = start(model, batch, hparams)
    step = jax.jit(make_train_step(model, loss, plain_optimizer()))
    return step(state, batch, jax.random.key(0), hparams)[1], state


def log_softmax64(logits):
    logits = np.asarray(logits, np.float64)
    shifted = logits - logits.max(1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(1, keepdims=True))


def test_label_smoothing_is_in_the_training_loss():
    """Oracle: NumPy with the smoothed targets (1 - s) one-hot + s / classes written out."""
    model, batch = models.linear(3), batch_of((7, 4))
    metrics, state = objective_of(model, batch, Hparams(label_smoothing=0.3))
    log_probs = log_softmax64(model.apply({"params": state.params}, batch.x))
    expected = -((0.7 * np.eye(3)[batch.y] + 0.3 / 3) * log_probs).sum(1).mean()
    assert float(metrics["loss"]) == pytest.approx(expected, rel=1e-5)


def test_penalties_are_added_to_the_loss_with_their_weights():
    """Oracle: the sums in NumPy; the activations of an mlp are tanh of its net inputs."""
    model, batch = models.mlp((6,), 3, activation="tanh"), batch_of((7, 4))
    hparams = Hparams(l1=0.01, l2=0.02, activity_l1=0.03)
    metrics, state = objective_of(model, batch, hparams)
    parts = lambda part: [np.asarray(state.params[name][part], np.float64) for name in ("layers_1", "layers_3")]
    kernels, biases = parts("kernel"), parts("bias")
    hidden = np.tanh(np.asarray(batch.x, np.float64) @ kernels[0] + biases[0])
    penalty = sum(0.01 * np.abs(w).sum() + 0.02 * (w**2).sum() for w in kernels)
    penalty += 0.03 * np.abs(hidden).sum() / 7
    loss = -log_softmax64(hidden @ kernels[1] + biases[1])[np.arange(7), np.asarray(batch.y)].mean()
    assert float(metrics["loss"]) == pytest.approx(loss, rel=1e-5)
    assert float(metrics["objective"]) == pytest.approx(loss + penalty, rel=1e-5)


NEUTRAL = {
    "l1": 0.0, "l2": 0.0, "activity_l1": 0.0, "label_smoothing": 0.0, "input_noise": 0.0, "input_mask": 0.0,
    "dropout_rate": 0.0,
}  # fmt: skip


@pytest.mark.parametrize("name", NEUTRAL)
def test_a_term_of_0_is_an_absent_term(name):
    model, batch = models.mlp((6,), 3, dropout=True), batch_of((7, 4))
    absent, _ = objective_of(model, batch, Hparams())
    neutral, _ = objective_of(model, batch, dataclasses.replace(Hparams(), **{name: NEUTRAL[name]}))
    assert_equal(neutral, absent)


def noisy_inputs(batch, hparams, state_step=0):
    """The inputs that the gradient is asked for, through the `value_and_grad` argument."""

    def value_and_grad(model, loss):
        def grad_fn(params, batch_stats, batch, key, hparams):
            return (jnp.zeros(()), ({"x": batch.x, "y": batch.y}, batch_stats)), params

        return grad_fn

    model = models.linear(3)
    step = jax.jit(make_train_step(model, CROSS_ENTROPY, plain_optimizer(), value_and_grad=value_and_grad))
    state = start(model, batch, hparams)._replace(step=jnp.int32(state_step))
    return step(state, batch, jax.random.key(0), hparams)[1]


def test_input_noise_is_gaussian_with_its_level_and_new_at_every_step():
    """10,000 draws: mean and deviation within five standard errors, and about 95% within 1.96 deviations."""
    batch, hparams = batch_of((100, 100)), Hparams(input_noise=0.2)
    seen = noisy_inputs(batch, hparams)
    noise = np.asarray(seen["x"] - batch.x, np.float64)
    assert abs(noise.mean()) < 5 * 0.2 / 100
    assert abs(noise.std() - 0.2) < 5 * 0.2 / np.sqrt(2 * 10_000)
    assert abs((np.abs(noise) < 1.96 * 0.2).mean() - 0.95) < 0.012
    np.testing.assert_array_equal(seen["y"], batch.y)
    assert not np.array_equal(seen["x"], noisy_inputs(batch, hparams, state_step=1)["x"])


def test_another_gradient_can_be_plugged_in():
    """A step with a gradient of ones and rate 0.5 takes 0.5 from every parameter."""

    def ones(model, loss):
        return lambda params, batch_stats, batch, key, hparams: (
            (jnp.zeros(()), ({"loss": jnp.zeros(())}, batch_stats)),
            jax.tree.map(jnp.ones_like, params),
        )

    model, batch, hparams = models.linear(3), batch_of((4, 2)), Hparams(0.5)
    state = start(model, batch, hparams)
    step = jax.jit(make_train_step(model, CROSS_ENTROPY, plain_optimizer(), value_and_grad=ones))
    after, _ = step(state, batch, jax.random.key(0), hparams)
    assert_close(after.params, jax.tree.map(lambda w: np.asarray(w) - 0.5, state.params))


@pytest.mark.parametrize("vectorised", [False, True])
@pytest.mark.parametrize(("broken", "active"), [(True, True), (True, False), (False, False)])
def test_a_bad_or_idle_step_changes_nothing(broken, active, vectorised):
    """An input of NaN makes the objective NaN; parameters, statistics, moments and step counts keep their bits.

    The moments are not kept in the form for `vmap`.
    """
    model, hparams = models.network([models.Dense(4), models.BatchNorm(), models.Dense(3)]), ADAM_HPARAMS
    batch = batch_of((6, 5))
    step = jax.jit(make_train_step(model, CROSS_ENTROPY, plain_optimizer("adam"), vectorised=vectorised))
    state, _ = step(start(model, batch, hparams, plain_optimizer("adam")), batch, jax.random.key(0), hparams)
    assert int(state.step) == 1
    if broken:
        batch = batch._replace(x=batch.x.at[2, 3].set(jnp.nan))
    after, metrics = step(state, batch, jax.random.key(0), hparams, active)
    if vectorised:
        after = after._replace(opt_state=state.opt_state)
    assert_equal(after, state)
    assert bool(np.isnan(metrics["objective"])) == broken


def test_running_statistics_move_as_in_keras():
    """Keras: moving = 0.99 * moving + 0.01 * batch, from mean 0 and variance 1, with the biased variance."""
    batches = [batch_of((9, 4), seed=seed) for seed in range(3)]
    model, hparams = models.network([models.BatchNorm(), models.Dense(3)]), Hparams(0.1)
    state = start(model, batches[0], hparams)
    step = jax.jit(make_train_step(model, CROSS_ENTROPY, plain_optimizer()))
    mean, var = np.zeros(4), np.ones(4)
    for batch in batches:
        state, _ = step(state, batch, jax.random.key(0), hparams)
        x = np.asarray(batch.x, np.float64)
        mean, var = 0.99 * mean + 0.01 * x.mean(0), 0.99 * var + 0.01 * x.var(0)
    stats = state.batch_stats["layers_0"]
    assert_close((stats["mean"], stats["var"]), (mean, var))


def test_evaluation_uses_the_running_statistics_and_moves_nothing():
    """Oracle: (x - mean) / sqrt(var + 1e-3) * scale + bias in NumPy."""
    model, batch = models.network([models.BatchNorm()]), batch_of((9, 3))
    params = {"layers_0": {"scale": jnp.array([1.0, 2.0, 3.0]), "bias": jnp.array([0.0, 1.0, -1.0])}}
    stats = {"layers_0": {"mean": jnp.array([0.5, 0.0, -2.0]), "var": jnp.array([1.0, 4.0, 0.25])}}
    normal = (np.asarray(batch.x) - [0.5, 0.0, -2.0]) / np.sqrt(np.array([1.0, 4.0, 0.25]) + 1e-3)
    logits = normal * [1.0, 2.0, 3.0] + [0.0, 1.0, -1.0]
    state = TrainState(params, stats, optax.EmptyState(), jnp.zeros((), jnp.int32))
    metrics = jax.jit(make_eval_step(model, CROSS_ENTROPY))(state, batch)
    loss = -log_softmax64(logits)[np.arange(9), np.asarray(batch.y)].mean()
    assert float(metrics["loss"]) == pytest.approx(loss, rel=1e-5)
    assert float(metrics["accuracy"]) == pytest.approx((logits.argmax(1) == np.asarray(batch.y)).mean())


def test_training_metrics_are_of_the_parameters_before_the_update():
    model, batch, hparams = models.mlp((5,), 3), batch_of((12, 4)), Hparams(1.0)
    state = start(model, batch, hparams)
    step = jax.jit(make_train_step(model, CROSS_ENTROPY, plain_optimizer()))
    _, metrics = step(state, batch, jax.random.key(0), hparams)
    before = jax.jit(make_eval_step(model, CROSS_ENTROPY))(state, batch)
    assert_close({name: metrics[name] for name in before}, before)


def test_metric_names_follow_the_targets():
    assert metric_names(batch_of((2, 2))) == ("loss", "accuracy")
    assert metric_names(Batch(jnp.zeros((2, 2)), jnp.zeros((2, 1)))) == ("loss",)


def test_only_the_shape_of_the_inputs_matters_for_the_first_state():
    """uint8 images, floats and a bare shape give one state; the optimizer starts at step 0."""
    model, hparams = models.mlp((3,), 2), Hparams()
    arrays = (jnp.zeros((2, 3, 3, 1), jnp.uint8), jnp.ones((5, 3, 3, 1)), jax.ShapeDtypeStruct((1, 3, 3, 1), float))
    init = lambda x: jax.jit(lambda: init_state(model, plain_optimizer(), jax.random.key(0), x, hparams))()
    states = [init(x) for x in arrays]
    assert_equal(states[0], states[1])
    assert_equal(states[0], states[2])
    assert int(states[0].step) == 0
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(states[0].params))
