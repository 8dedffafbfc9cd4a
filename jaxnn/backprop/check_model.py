"""The check of a whole network: the objective of training by hand against the model that Flax applies."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxnn import losses, models
from jaxnn.backprop.check import Check, check
from jaxnn.backprop.network import value_and_grad
from jaxnn.errors import unknown
from jaxnn.types import Batch, Hparams


class ModelExample(NamedTuple):
    """A small network, with smooth activations so that differences cross no kink, and a batch for it."""

    model: models.Network
    loss: losses.LossFunction
    batch: Batch
    hparams: Hparams


def model_examples() -> dict[str, Callable[[], ModelExample]]:
    """A network for every builder of `jaxnn.models`, with all the terms of an objective among them."""
    rng = np.random.default_rng(0)
    points = jnp.asarray(rng.normal(size=(6, 2)), jnp.float32)
    images = jnp.asarray(rng.normal(size=(3, 28, 28, 1)), jnp.float32)
    small_images = images[:, 10:18, 10:18]
    classes = jnp.asarray([2, 0, 1, 1, 2, 1])
    words = (
        "conv:4:3:2",
        "batchnorm",
        "gelu",
        "avgpool",
        "conv:3:2:1:valid",
        "tanh",
        "dropout:0.3",
        "dense:5",
        "silu",
    )
    cross_entropy = losses.softmax_cross_entropy
    regularised = Hparams(l1=0.01, l2=0.02, activity_l1=0.03, dropout_rate=0.4, label_smoothing=0.1)
    mlp = models.mlp((7, 5), 3, activation="tanh", dropout=True, batch_norm=True)
    return {
        "linear": lambda: ModelExample(models.linear(3), cross_entropy, Batch(points, classes), Hparams()),
        "mlp": lambda: ModelExample(mlp, cross_entropy, Batch(points, classes), regularised),
        "cnn": lambda: ModelExample(
            models.cnn(words, 3), cross_entropy, Batch(small_images, classes[:3]), Hparams()
        ),
        "lenet": lambda: ModelExample(
            models.lenet(3, activation="tanh"), cross_entropy, Batch(images, classes[:3]), Hparams(dropout_rate=0.5)
        ),
        "autoencoder": lambda: ModelExample(
            models.autoencoder((8, 8, 1), code=3, hidden=(5,), activation="softplus", output_activation="sigmoid"),
            losses.squared_error,
            Batch(small_images, small_images),
            Hparams(activity_l1=0.01),
        ),
        "conv_autoencoder": lambda: ModelExample(
            models.conv_autoencoder((8, 8, 1), ("conv:3", "silu", "avgpool", "conv:2", "tanh", "upsample")),
            losses.half_squared_error,
            Batch(small_images, small_images),
            Hparams(activity_l1=0.02),
        ),
    }


def check_model(name: str) -> Check:
    """`check` of the gradient of a whole network in training, with respect to all its parameters.

    Raises:
        InputError: no example network has that name.
    """
    table = model_examples()
    if name not in table:
        raise unknown("model to check", name, table)
    example = table[name]()
    key = jax.random.key(0)
    variables = jax.jit(example.model.init)(key, jnp.asarray(example.batch.x, jnp.float32))
    batch_stats = variables.get("batch_stats", {})
    grad_fn = value_and_grad(example.model, example.loss)

    def inputs(params):
        # Everything that floats takes the precision of the parameters.
        dtype = jax.tree.leaves(params)[0].dtype
        cast = lambda leaf: (
            jnp.asarray(leaf, dtype) if jnp.issubdtype(leaf.dtype, jnp.floating) else jnp.asarray(leaf)
        )
        return jax.tree.map(cast, (batch_stats, example.batch))

    def fwd(params):
        stats, batch = inputs(params)
        (value, _), grads = grad_fn(params, stats, batch, key, example.hparams)
        return value, grads

    def bwd(grads, value_bar):
        return (jax.tree.map(lambda grad: value_bar * grad, grads),)

    def reference(params):
        stats, batch = inputs(params)
        return objective(example, params, stats, batch, key)

    return check(fwd, bwd, variables["params"], reference=reference, name=name, max_directions=8)


def objective(example: ModelExample, params, batch_stats, batch: Batch, key: jax.Array) -> jax.Array:
    """The objective of training written with what Flax applies: mean loss plus penalties."""
    hparams, model = example.hparams, example.model
    mode = models.Mode(train=True, dropout_rate=hparams.dropout_rate, key=key)
    outputs = models.record(model, {"params": params, "batch_stats": batch_stats}, batch.x, mode)
    logits = outputs[models.layer_names(model)[-1]]
    if hparams.label_smoothing is None:
        total = example.loss(logits, batch.y).mean()
    else:
        total = losses.softmax_cross_entropy(logits, batch.y, smoothing=hparams.label_smoothing).mean()
    for weight, penalty in (
        (hparams.l1, losses.l1_penalty(params)),
        (hparams.l2, losses.l2_penalty(params)),
        (hparams.activity_l1, losses.activity_l1_penalty(models.activations_of(model, outputs))),
    ):
        if weight is not None:
            total += weight * penalty
    return total
