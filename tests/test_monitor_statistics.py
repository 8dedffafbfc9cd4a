"""The statistics of an array against NumPy, and of activations against the definitions of their slopes."""

import jax
import numpy as np
import pytest

from jaxnn.backprop.point import quick_jit
from jaxnn.models import ACTIVATIONS, activation_function
from jaxnn.monitor import NUM_BINS, STATISTICS, Tensor, describe
from jaxnn.monitor.statistics import is_saturated, tree_norm


@quick_jit
def compiled_describe(values, saturated, present):
    return describe([Tensor(values, saturated, present)])


def describe_one(values, saturated=None, present=None):
    """The description of one array, without the axis of the arrays, on the host."""
    return jax.tree.map(lambda leaf: np.asarray(leaf)[0], compiled_describe(values, saturated, present))


def named(description):
    return dict(zip(STATISTICS, description.statistics.tolist(), strict=True))


@pytest.mark.parametrize("shape", [(5,), (1, 6), (3, 3), (40, 7), (63, 5), (3, 4, 5, 6), (200, 1)])
def test_moments_and_histogram_are_those_of_numpy(shape):
    values = np.random.default_rng(0).normal(2, 3, shape).astype(np.float32)
    values.flat[:2] = 0
    described = describe_one(values)
    found, wide = named(described), values.astype(np.float64)
    expected = {"min": wide.min(), "max": wide.max(), "mean": wide.mean(), "std": wide.std()}
    expected |= {"norm": np.linalg.norm(wide), "zeros": 2 / wide.size, "non_finite": 0}
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-4, abs=1e-6)
    assert np.isnan([found[name] for name in ("saturated", "dead", "update_ratio")]).all()
    np.testing.assert_array_equal(described.counts, np.histogram(values, NUM_BINS)[0])


@pytest.mark.parametrize(
    ("values", "finite"),
    [
        ([1.0, np.nan, 3.0, -np.inf, 2.0], [1.0, 2.0, 3.0]),
        ([-3e38, 3e38, 0.0], [-3e38, 3e38, 0.0]),
        ([3e38, 3e38, 3e38], [3e38, 3e38, 3e38]),
        ([0.5, 0.5], [0.5, 0.5]),
        ([np.nan, np.inf], []),
    ],
)
def test_what_is_not_finite_is_counted_and_left_out(values, finite):
    """Nor does a range overflow that no float32 holds; of nothing finite there is nothing to say."""
    described = describe_one(np.float32(values))
    found = named(described)
    assert found["non_finite"] == pytest.approx(1 - len(finite) / len(values))
    assert int(described.counts.sum()) == len(finite)
    if not finite:
        assert np.isnan([found[name] for name in ("min", "max", "mean", "std")]).all()
    else:
        assert (found["min"], found["max"]) == pytest.approx((min(finite), max(finite)))
        assert np.isfinite(found["mean"])
        assert described.counts[0] > 0, "the smallest is in the first bin, and all where there is no other value"


@pytest.mark.parametrize("function", sorted(set(ACTIVATIONS) - {"softmax"}))
def test_saturated_is_where_a_central_difference_is_small(function):
    z = np.linspace(-9, 9, 400, dtype=np.float64) + 0.0113

    @quick_jit
    def values_and_found(z, ahead, behind):
        f = activation_function(function)
        return f(ahead), f(behind), is_saturated(function, z, f(z))

    *values, found = (np.asarray(leaf) for leaf in values_and_found(*np.float32([z, z + 0.01, z - 0.01])))
    slope = np.abs(np.subtract(*values, dtype=np.float64)) / 0.02
    steepest = 0.25 if function == "sigmoid" else 1.0
    clear = np.abs(slope - 0.05 * steepest) > 0.003  # a difference of float32 is not exact
    np.testing.assert_array_equal(found[clear], (slope < 0.05 * steepest)[clear])


def test_a_dead_unit_is_saturated_for_every_example():
    """Two of three relu units: one always 0, one never, one sometimes."""

    @quick_jit
    def relu(net_inputs):
        outputs = jax.nn.relu(net_inputs)
        return outputs, is_saturated("relu", net_inputs, outputs)

    found = named(describe_one(*relu(np.float32([[-1, 1, -1], [-2, 2, 3]]))))
    assert (found["zeros"], found["saturated"], found["dead"]) == pytest.approx((1 / 2, 1 / 2, 1 / 3))


def test_the_share_of_an_update():
    weights, updates = np.array([3.0, 4.0], np.float32), np.array([0.03, 0.04], np.float32)
    pair = quick_jit(lambda *values: describe([Tensor(values[0], update_of=1), Tensor(values[1])]))(
        updates, weights
    )
    ratio = np.asarray(pair.statistics)[:, STATISTICS.index("update_ratio")]
    assert ratio[0] == pytest.approx(0.01, rel=1e-5)
    assert np.isnan(ratio[1])


@pytest.mark.parametrize("scale", [1e-33, 1e-20, 1.0, 1e19, 1e37])
def test_sizes_whose_squares_are_no_float32(scale):
    """Oracle: NumPy in float64.  Gradients that vanish are small, not 0."""
    values = np.float32(scale * np.random.default_rng(0).normal(size=(8, 3)))
    tensors = [Tensor(values), Tensor(values / 8, update_of=0)]
    moved, update = np.asarray(quick_jit(lambda: describe(tensors).statistics)())
    wide = values.astype(np.float64)
    found = dict(zip(STATISTICS, moved.tolist(), strict=True))
    assert found["std"] == pytest.approx(wide.std(), rel=1e-5)
    assert found["norm"] == pytest.approx(np.linalg.norm(wide), rel=1e-5)
    assert update[STATISTICS.index("update_ratio")] == pytest.approx(1 / 8, rel=1e-5)
    of_tree = quick_jit(lambda: tree_norm({"kernel": values, "bias": values[0] / 4}))()
    assert float(of_tree) == pytest.approx(np.hypot(np.linalg.norm(wide), np.linalg.norm(wide[0] / 4)), rel=1e-5)


def test_the_largest_numbers_have_a_deviation():
    """The reciprocal of what is above 2^126 is no normal float32."""
    found = dict(zip(STATISTICS, describe([Tensor(np.float32([2e38, 1e38]))]).statistics[0].tolist(), strict=True))
    assert found["std"] == pytest.approx(5e37, rel=1e-5)
    assert found["norm"] == pytest.approx(np.hypot(2e38, 1e38), rel=1e-5)


def test_an_update_of_nothing_has_no_ratio():
    """The biases of a network before its first step."""
    biases, updates = np.zeros(3, np.float32), np.ones(3, np.float32)
    found = describe([Tensor(biases), Tensor(updates, update_of=0)]).statistics
    assert np.isnan(found[1, STATISTICS.index("update_ratio")])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_the_norm_of_what_is_not_finite_is_not(value):
    assert not np.isfinite(tree_norm({"a": np.float32([1, value])}))


def test_several_tensors_are_described_one_after_another():
    """Each as it is described alone, whatever stands beside it: of both groups, and large ones of several sizes."""
    rng = np.random.default_rng(0)
    shapes = ((3, 5), (70, 70), (9, 30), (5,), (4, 4, 2), (40, 100), (4900,), (4097,))
    arrays = [rng.normal(size=shape).astype(np.float32) for shape in shapes]
    together = quick_jit(lambda arrays: describe(list(map(Tensor, arrays))))(arrays)
    alone = [describe_one(array) for array in arrays]
    np.testing.assert_array_equal(together.counts, [one.counts for one in alone])
    np.testing.assert_allclose(together.statistics, [one.statistics for one in alone], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("units", [(0,), (0, 2, 3)])
def test_a_tensor_is_described_by_what_is_present_of_it(units):
    """As the smaller tensor that it holds is described alone, whatever else is in it."""
    values = np.maximum(np.random.default_rng(0).normal(size=(40, 5)), 0).astype(np.float32)
    values[:, [0, 4]], values[3, 1] = 0, np.nan
    present = np.isin(np.arange(5), units) & np.ones((40, 1), bool)
    smaller = values[:, units]
    found, expected = describe_one(values, values == 0, present), describe_one(smaller, smaller == 0)
    np.testing.assert_array_equal(found.counts, expected.counts)
    np.testing.assert_allclose(found.statistics, expected.statistics, rtol=1e-5)
    assert named(found)["dead"] == pytest.approx(1 / len(units))
