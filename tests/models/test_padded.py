"""Padded networks: what they compute is the small network, forward and backward, and what is padded stays zero."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnn.losses import softmax_cross_entropy
from jaxnn.models import ACTIVATIONS, EVALUATION, Network, mlp, pad_variables, padded_mlp, trim_params

HIDDEN = ((2,), (5,), (3, 4), (4, 2, 3))
X = np.random.default_rng(0).normal(size=(7, 2)).astype(np.float32)
Y = jnp.asarray([0, 1, 2, 0, 1, 2, 0])
# Every activation in two hidden layers, and every shape with the one that shows a forgotten mask.
CASES = (
    *(((3, 4), activation) for activation in sorted(set(ACTIVATIONS) - {"softmax"})),
    *((hidden, "sigmoid") for hidden in HIDDEN if hidden != (3, 4)),
)


def small(hidden, activation) -> tuple[Network, dict]:
    """A network and the parameters of two members, with biases that are not zero."""
    network = mlp(hidden, 3, activation=activation)
    params = jax.vmap(lambda key: network.init(key, X))(jax.random.split(jax.random.key(1), 2))["params"]
    return network, jax.tree.map(lambda leaf: np.asarray(leaf) + np.float32(0.1), params)


def padded(hidden, activation, group=HIDDEN) -> tuple[Network, dict, dict]:
    """The padded network of a group, the small one's parameters, and the padded variables made of them."""
    network = padded_mlp(group, 3, activation=activation)
    _, params = small(hidden, activation)
    shapes = jax.eval_shape(network.init, jax.random.key(0), X)
    return network, params, pad_variables(params, hidden, network, shapes)


def objective(network, variables, batch_stats, x=X):
    logits = network.apply({"params": variables, "batch_stats": batch_stats}, x, EVALUATION)
    return softmax_cross_entropy(logits, Y).mean() + 0.1 * sum((w**2).sum() for w in jax.tree.leaves(variables))


# Not compiled as a whole: one operation at a time, the cases share what is compiled.
gradient = jax.grad(objective, argnums=1)


@pytest.mark.parametrize(("hidden", "activation"), CASES)
def test_a_padded_network_is_the_small_one(hidden, activation):
    """Oracle: the small network's own outputs and its gradient by `jax.grad`; gradients of the padding are zero.

    sigmoid and softplus, which are not 0 at 0, are the ones that a forgotten mask would show.
    """
    network, params, variables = padded(hidden, activation)
    own, _ = small(hidden, activation)
    take = lambda tree, member: jax.tree.map(lambda leaf: leaf[member], tree)
    for member in (0, 1):
        outputs = network.apply(take(variables, member), X)
        np.testing.assert_allclose(outputs, own.apply({"params": take(params, member)}, X), rtol=2e-5, atol=2e-6)
        grads = gradient(network, *(take(variables[n], member) for n in ("params", "batch_stats")))
        wanted = gradient(own, take(params, member), {})
        batched = jax.tree.map(lambda leaf: leaf[None], grads)
        found = take(trim_params(batched, hidden), 0)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6), found, wanted)
        norm = lambda tree: float(sum(jnp.abs(leaf).sum() for leaf in jax.tree.leaves(tree)))
        assert norm(grads) == pytest.approx(norm(wanted), rel=1e-5)


@pytest.mark.parametrize("hidden", HIDDEN)
def test_trimming_undoes_padding(hidden):
    _, params, variables = padded(hidden, "relu")
    jax.tree.map(np.testing.assert_array_equal, trim_params(variables["params"], hidden), params)


def test_networks_of_one_depth_are_padded_layer_by_layer():
    """No layer may be passed, so each is only as wide as the widest at its place."""
    network = padded_mlp(((5, 2), (3, 4)), 3, activation="tanh")
    assert [(block.features, block.optional) for block in network.layers[1:-1]] == [(5, False), (4, False)]
