"""The calculations of `experiments/by_hand.py` against the same arithmetic written out here, as on paper."""

import runpy
from math import exp, log

import numpy as np
import pytest

from jaxnn.discover import experiment_files


@pytest.fixture(scope="module")
def by_hand():
    return runpy.run_path(str(experiment_files()["by_hand"]))


def test_one_path(by_hand):
    # z = -2 * 1 + 3 = 1, a = 1, o = 3 * 1 + 0 = 3; L = (3 - 1)^2 / 2 = 2; dL/do = 2;
    # dL/dw2 = 2 * 1, dL/db2 = 2, dL/dw1 = 2 * 3 * 1, dL/db1 = 2 * 3.
    assert by_hand["one_path"]() == (1, 1, 3, 2, {"w1": 6, "b1": 6, "w2": 2, "b2": 2})
    assert by_hand["output_gradients"]() == {"w1": 3, "b1": 3, "w2": 1, "b2": 1}


def test_without_the_half_loss_and_gradients_double(by_hand):
    path = by_hand["one_path"](loss="squared_error")
    assert path.loss == 4
    assert path.grads == {"w1": 12, "b1": 12, "w2": 4, "b2": 4}


@pytest.mark.parametrize("change", [{"y": 3}, {"w2": 0}, {"x": 0}, {"x": 1.5}, {"x": 2}, {"w1": -5}])
def test_w1_does_not_move_where_a_factor_is_zero(by_hand, change):
    assert by_hand["one_path"](**change).grads["w1"] == 0


def test_one_step_takes_w1_to_minus_5_or_minus_8(by_hand):
    text = dict([by_hand["path_table"]()]).popitem()[1]
    assert "w1 <- -2 - 0.5 * 6 = -5" in text
    assert "w1 <- -2 - 0.5 * 12 = -8" in text


def test_hidden_units_of_the_2_4_2_network(by_hand):
    # All four signs at (2.5, 0.5): 3 - 1, 2 - 1, -2 - 1 and -3 - 1 before the relu.
    np.testing.assert_array_equal(by_hand["hidden_outputs"]("all four signs", [[2.5, 0.5]]), [[2, 1, 0, 0]])
    np.testing.assert_array_equal(by_hand["hidden_outputs"]("all weights +1", [[2.5, 0.5]]), [[2, 2, 2, 2]])
    # On the diamond |x1| + |x2| = 1 no unit gives anything; just outside of it one or two do.
    diamond = [[1, 0], [0, -1], [0.5, -0.5], [-0.25, 0.75]]
    assert not by_hand["hidden_outputs"]("all four signs", diamond).any()
    assert by_hand["hidden_outputs"]("all four signs", 1.01 * np.array(diamond)).any(1).all()


@pytest.mark.parametrize(("total", "others"), [(0, 3), (1, 0.5), (3, 0)])
def test_outputs_of_the_2_4_2_network(by_hand, total, others):
    activations = np.array([[total, 0, 0, 0]])
    outputs = {
        name: by_hand["output_probabilities"](v, activations)[0, 0] for name, v in by_hand["OUTPUTS"].items()
    }
    # A softmax of two logits is a sigmoid of their difference.
    sigmoid = lambda z: 1 / (1 + exp(-z))
    expected = {"S, 2 + S": sigmoid(-2), "S, 2": sigmoid(total - 2), "S, 2 - S": sigmoid(total - (2 - total))}
    assert outputs == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("name", "at_minus_5", "slope"),
    [
        ("0/1", 1, 0),
        ("absolute_error", 6, -1),
        ("huber", 5.5, -1),
        ("squared_error", 36, -12),
        # (tanh(-5) - 1)^2 / 2, and (tanh(-5) - 1)(1 - tanh(-5)^2) with 1 - tanh^2 = 1 / cosh^2
        ("tanh_squared_error", 1.9998184, -3.6317e-4),
        ("binary_cross_entropy", log(1 + exp(5)), 1 / (1 + exp(5)) - 1),
    ],
)
def test_losses_where_the_network_is_sure_and_wrong(by_hand, name, at_minus_5, slope):
    value, derivative, quotient = by_hand["loss_and_slope"](name, -5.0)
    assert value == pytest.approx(at_minus_5, rel=1e-5)
    assert derivative == pytest.approx(slope, rel=1e-3)
    assert quotient == pytest.approx(slope, abs=2e-3)


def test_gradient_descent_minimises_all_losses_but_the_flat_one(by_hand):
    assert by_hand["accuracy_after"]("0/1") == 0
    assert by_hand["accuracy_after"]("binary_cross_entropy") == 1


def test_softmax_needs_the_maximum_and_sigmoids_do_not_sum_to_one(by_hand):
    _, softmax = by_hand["softmax_table"]()
    total = 1 + exp(-1) + exp(-2)
    shares = f"{exp(-2) / total:.4f}, {exp(-1) / total:.4f}, {1 / total:.4f}"
    assert softmax.count("nan, nan, nan") == 2
    assert softmax.count(shares) == 4  # 1, 2, 3 both ways, and the two that overflow or vanish otherwise
    _, sigmoids = by_hand["sigmoids_table"]()
    p = [1 / (1 + exp(-z)) for z in (2, -1, 0, 3)]
    assert f"sum {sum(p):.4f}" in sigmoids
    loss = -(log(p[0]) + log(1 - p[1]) + log(1 - p[2]) + log(p[3])) / 4
    assert f"{loss:.4f}" in sigmoids


def test_analysis_holds_everything(by_hand):
    analysis = by_hand["calculate"]()
    assert len(analysis.tables) == 7
    assert [name for name, _, _ in analysis.figures] == ["diamond"]
    assert "from -2 to -5" in analysis.notes[0]
