"""Every pair of the table, at every example: against jax.vjp, differences, forward mode, and itself under vmap."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnn import backprop
from jaxnn.backprop.examples import examples
from jaxnn.backprop.pairs import PAIRS
from jaxnn.backprop.point import largest_error
from jaxnn.errors import InputError
from jaxnn.losses import LOSSES
from jaxnn.models import ACTIVATIONS

EXAMPLES = examples()
ONE_OF_EACH = {example.pair: example for example in EXAMPLES}.values()
_jit = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
named = functools.partial(pytest.mark.parametrize, "example", ids=lambda example: example.name)


def floats(args):
    return [i for i, arg in enumerate(args) if jnp.issubdtype(arg.dtype, jnp.floating)]


def put(args, places, values):
    args = list(args)
    for place, value in zip(places, values, strict=True):
        args[place] = value
    return args


@named(EXAMPLES)
def test_agrees_with_autodiff_and_differences(example):
    """Oracles: jax.vjp of the reference in float64 and float32, central differences, the Taylor remainder."""
    result = backprop.check(
        *example.bound(PAIRS[example.pair]), *example.args, reference=example.reference, name=example.name
    )
    assert result.reason == ""
    assert result.verdict == "pass"


@named(ONE_OF_EACH)
def test_what_is_not_a_number_does_not_get_lost(example):
    """One of the numbers of an argument is NaN, and so are outputs where those of the reference are: or training by
    hand would go on where that by autodiff sees that it has diverged.  (A reference may spread it further.)"""
    fwd, reference = _jit(lambda *args: example.bound(PAIRS[example.pair]).fwd(*args)[0]), _jit(example.reference)
    for place in floats(example.args):
        bad = np.array(example.args[place])
        bad.flat[0] = np.nan
        args = put(example.args, [place], [bad])
        found, wanted = np.isnan(fwd(*args)), np.isnan(reference(*args))
        assert found.any() == wanted.any()
        assert not (found & ~wanted).any()


def test_every_pair_has_an_example():
    assert {example.pair for example in EXAMPLES} == set(PAIRS)


def test_every_activation_and_loss_of_the_models_has_a_pair():
    assert set(ACTIVATIONS) <= set(PAIRS)
    assert set(LOSSES) <= set(PAIRS)


@named(ONE_OF_EACH)
def test_backward_pass_is_the_adjoint_of_forward_mode(example):
    """<J v, g> = <v, J^T g>, with J v from jax.jvp of the reference."""
    fwd, bwd = example.bound(PAIRS[example.pair])
    rng = np.random.default_rng(7)
    with jax.enable_x64(True):
        args = [
            jnp.asarray(arg, jnp.float64) if i in floats(example.args) else arg
            for i, arg in enumerate(example.args)
        ]
        places = floats(args)
        v = [jnp.asarray(rng.normal(size=args[i].shape)) for i in places]

        @_jit
        def both_sides(values, v, key):
            function = lambda *values: example.reference(*put(args, places, values))
            y, push = jax.jvp(function, tuple(values), tuple(v))
            g = jax.random.normal(key, y.shape, jnp.float64)
            cotangents = jax.tree.leaves(bwd(fwd(*put(args, places, values))[1], g))
            return jnp.vdot(push, g), sum(jnp.vdot(a, b) for a, b in zip(v, cotangents, strict=True))

        left, right = both_sides([args[i] for i in places], v, jax.random.key(0))
    assert float(left) == pytest.approx(float(right), rel=1e-10)


@named(ONE_OF_EACH)
def test_vmap_is_a_loop(example):
    """A population vmaps a pair over all floating arguments; a member must get what it gets alone."""
    fwd, bwd = example.bound(PAIRS[example.pair])
    places = floats(example.args)

    def passes(values, scale):
        y, residuals = fwd(*put(example.args, places, values))
        return y, jax.tree.leaves(
            bwd(residuals, scale * jnp.cos(jnp.arange(y.size, dtype=y.dtype)).reshape(y.shape))
        )

    members = [jnp.stack([example.args[i], example.args[i][::-1]]) for i in places]
    scales = jnp.asarray([1.0, -2.0])
    together = _jit(jax.vmap(passes))(members, scales)
    alone = _jit(lambda *members: jax.lax.map(lambda member: passes(*member), members))(members, scales)
    assert largest_error(jax.tree.leaves(together), jax.tree.leaves(alone)) < 1e-6


@pytest.mark.parametrize("name", sorted(set(PAIRS) - {"embedding"}))
def test_integers_are_refused(name):
    example = next(example for example in EXAMPLES if example.pair == name)
    fwd, _ = example.bound(PAIRS[name])
    with pytest.raises(InputError, match=rf"`{name}`.*(integers have no derivative)"):
        fwd(example.args[0].astype(np.int32), *example.args[1:])


@pytest.mark.parametrize(
    ("name", "shapes", "message"),
    [
        ("dense", [(2, 3), (4, 5), (5,)], r"`dense` needs .*`x` \(2, 3\), `kernel` \(4, 5\)"),
        ("dense", [(2, 3), (3, 5), (1, 5)], r"`dense` needs a bias \(n,\).*`kernel` \(3, 5\), `bias` \(1, 5\)"),
        ("linear", [(3,), (3, 5)], r"`linear` needs x \(batch, m\).*`x` \(3,\)"),
        ("bias", [(2, 3), (2,)], r"`bias` needs .*`x` \(2, 3\), `bias` \(2,\)"),
        ("batch_norm", [(2, 3), (3,), (2,)], r"`batch_norm` needs .*`x` \(2, 3\), `scale` \(3,\), `bias` \(2,\)"),
        ("layer_norm", [(3,), (3,), (3,)], r"`layer_norm` needs .*`x` \(3,\)"),
        ("residual", [(2, 3), (2, 1)], r"`residual` needs .*`x` \(2, 3\), `branch` \(2, 1\)"),
        ("attention", [(4, 5), (6, 4), (6, 2)], r"`attention` needs .*`query` \(4, 5\), `key` \(6, 4\)"),
        ("squared_error", [(4, 1), (4,)], r"`squared_error` needs .*`outputs` \(4, 1\), `targets` \(4,\)"),
        ("softmax_cross_entropy", [(4, 3), (4,)], r"`softmax_cross_entropy` needs .*`labels` \(4,\)"),
        ("sigmoid_cross_entropy", [(4, 3), (4, 1)], r"`sigmoid_cross_entropy` needs .*`targets` \(4, 1\)"),
    ],
)
def test_shapes_that_do_not_fit_name_the_layer_and_the_shapes(name, shapes, message):
    with pytest.raises(InputError, match=message):
        PAIRS[name].fwd(*(jnp.zeros(shape) for shape in shapes))


def test_masks_must_be_boolean_and_indices_integer():
    x = jnp.ones((2, 3))
    with pytest.raises(InputError, match=r"boolean `keep`; got float32 \(2, 3\)"):
        backprop.dropout_fwd(x, x, rate=0.5)
    with pytest.raises(InputError, match=r"boolean `mask`; got float32 \(2, 2\)"):
        backprop.attention_fwd(x, x, x, jnp.ones((2, 2)))
    with pytest.raises(InputError, match="integer `indices`; got float32"):
        backprop.embedding_fwd(x, jnp.zeros(2))
    with pytest.raises(InputError, match=r"`reshape` needs .* 4 entries each"):
        backprop.reshape_fwd(x, shape=(2, 2))


def test_unknown_pair_is_named():
    with pytest.raises(InputError, match="`rleu` is not a known hand-derived pair: did you mean `relu`"):
        backprop.pair("rleu")
