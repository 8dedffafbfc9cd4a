"""Padded networks: what they compute is the small network, forward and backward, and what is padded stays zero."""

import jax
import numpy as np
import pytest

from jaxnn.backprop.point import quick_jit
from jaxnn.losses import softmax_cross_entropy
from jaxnn.models import ACTIVATIONS, EVALUATION, Network, mlp, pad_variables, padded_mlp, trim_params

HIDDEN = ((2,), (5,), (3, 4), (4, 2, 3))
X = np.random.default_rng(0).normal(size=(7, 2)).astype(np.float32)
Y = np.array([0, 1, 2, 0, 1, 2, 0])
# Every activation in two hidden layers, and every shape with the one that shows a forgotten mask.
CASES = (
    *(((3, 4), activation) for activation in sorted(set(ACTIVATIONS) - {"softmax"})),
    *((hidden, "sigmoid") for hidden in HIDDEN if hidden != (3, 4)),
)


def small(hidden, activation) -> tuple[Network, dict]:
    """A network and the parameters of two members, with biases that are not zero."""
    network, rng = mlp(hidden, 3, activation=activation), np.random.default_rng(1)
    shapes = jax.eval_shape(network.init, jax.random.key(0), X)["params"]
    draw = lambda shape: (rng.normal(0, 0.7, (2, *shape)) + 0.1).astype(np.float32)
    return network, jax.tree.map(lambda leaf: draw(leaf.shape), shapes)


def padded(hidden, activation, group=HIDDEN) -> tuple[Network, dict, dict]:
    """The padded network of a group, the small one's parameters, and the padded variables made of them."""
    network = padded_mlp(group, 3, activation=activation)
    _, params = small(hidden, activation)
    shapes = jax.eval_shape(network.init, jax.random.key(0), X)
    return network, params, pad_variables(params, hidden, network, shapes)


def outputs_and_gradient(network, params, batch_stats):
    """Both for one member."""

    def objective(params):
        logits = network.apply({"params": params, "batch_stats": batch_stats}, X, EVALUATION)
        return softmax_cross_entropy(logits, Y).mean() + 0.1 * sum((w**2).sum() for w in jax.tree.leaves(params))

    return network.apply({"params": params, "batch_stats": batch_stats}, X), jax.grad(objective)(params)


@pytest.mark.parametrize(("hidden", "activation"), CASES)
def test_a_padded_network_is_the_small_one(hidden, activation):
    """Oracle: the small network's own outputs and its gradient by `jax.grad`; gradients of the padding are zero.

    sigmoid and softplus, which are not 0 at 0, are the ones that a forgotten mask would show.
    """
    network, params, variables = padded(hidden, activation)
    own, _ = small(hidden, activation)

    @quick_jit
    def both(variables, params):
        return outputs_and_gradient(network, **variables), outputs_and_gradient(own, params, {})

    for member in (0, 1):
        results = both(*jax.tree.map(lambda leaf, member=member: leaf[member], (variables, params)))
        (outputs, grads), (own_outputs, wanted) = jax.tree.map(np.asarray, results)
        np.testing.assert_allclose(outputs, own_outputs, rtol=2e-5, atol=2e-6)
        batched = jax.tree.map(lambda leaf: leaf[None], grads)
        found = jax.tree.map(lambda leaf: leaf[0], trim_params(batched, hidden))
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6), found, wanted)
        norm = lambda tree: float(sum(np.abs(leaf).sum() for leaf in jax.tree.leaves(tree)))
        assert norm(grads) == pytest.approx(norm(wanted), rel=1e-5)


@pytest.mark.parametrize("hidden", HIDDEN)
def test_trimming_undoes_padding(hidden):
    _, params, variables = padded(hidden, "relu")
    jax.tree.map(np.testing.assert_array_equal, trim_params(variables["params"], hidden), params)


def test_networks_of_one_depth_are_padded_layer_by_layer():
    """No layer may be passed, so each is only as wide as the widest at its place."""
    network = padded_mlp(((5, 2), (3, 4)), 3, activation="tanh")
    assert [(block.features, block.optional) for block in network.layers[1:-1]] == [(5, False), (4, False)]
