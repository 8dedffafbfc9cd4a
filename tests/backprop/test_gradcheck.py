"""The checker as users meet it: its verdicts, the table, the JSON rows and the exit status."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnn import backprop
from jaxnn.backprop import gradcheck
from jaxnn.backprop.bugs import BUGS
from jaxnn.backprop.examples import examples
from jaxnn.backprop.mutate import mutate
from jaxnn.errors import InputError


def square_fwd(x):
    return x * x, x


def square_bwd(x, y_bar):
    return (2 * x * y_bar,)


POINT = np.asarray([0.5, -1.0, 2.0], np.float32)


def test_a_right_pair_passes_with_the_figures_of_one():
    result = backprop.check(square_fwd, square_bwd, POINT)
    assert result.verdict == "pass"
    assert result.name == "square_fwd"
    assert result.reason == ""
    assert result.vjp_float64 < 1e-15
    assert result.taylor_slope == pytest.approx(2, abs=0.01)
    assert result.dtype == "bfloat16 float32 float64"


@pytest.mark.parametrize(
    ("bwd", "reason"),
    [
        (lambda x, y_bar: (2.000001 * x * y_bar,), "jax.vjp in float64: error 5.0e-07 above 1e-10"),
        (lambda x, y_bar: (x * y_bar,), "jax.vjp in float64: error 5.0e-01 above 1e-10"),
        (lambda x, y_bar: (jnp.nan * x,), "jax.vjp in float64: error nan above 1e-10"),
        (lambda x, y_bar: (2 * x * y_bar, x), "2 cotangents for 1 floating arguments"),
        (lambda x, y_bar: ((2 * x * y_bar)[None],), r"cotangent 0 is bfloat16 (1, 3) for bfloat16 (3,)"),
        (lambda x, y_bar: ((2 * x * y_bar).astype("float32"),), "cotangent 0 is float32 (3,) for bfloat16 (3,)"),
    ],
)
def test_a_wrong_pair_fails_and_says_why(bwd, reason):
    result = backprop.check(square_fwd, bwd, POINT)
    assert result.verdict == "fail"
    assert result.reason == reason


def test_differences_and_slope_accuse_without_autodiff():
    """A forward pass whose autodiff is wrong too: jax.vjp agrees with the wrong gradient, differences do not."""

    @jax.custom_vjp
    def square(x):
        return x * x

    square.defvjp(square_fwd, lambda x, y_bar: (3 * x * y_bar,))
    result = backprop.check(lambda x: (square(x), x), lambda x, y_bar: (3 * x * y_bar,), POINT)
    assert result.reason.startswith("central differences")
    assert result.vjp_float64 < 1e-15
    assert result.taylor_slope == pytest.approx(1, abs=0.05)


def test_a_forward_pass_that_is_not_its_reference_fails():
    result = backprop.check(square_fwd, square_bwd, POINT, reference=lambda x: x * x + 1e-6)
    assert result.reason.startswith("forward pass against the reference")


def test_a_linear_function_has_an_infinite_slope():
    result = backprop.check(lambda x: (3 * x, None), lambda _, y_bar: (3 * y_bar,), POINT)
    assert result.verdict == "pass"
    assert result.taylor_slope == np.inf


def test_arguments_may_be_trees_with_integers_and_large_tensors():
    """A dense layer with parameters as a dict, more entries than directions, and integer labels behind it."""
    rng = np.random.default_rng(0)
    params = {"kernel": rng.normal(size=(30, 7)), "bias": rng.normal(size=7)}

    def fwd(params, x, labels):
        y, of_dense = backprop.dense_fwd(x, params["kernel"], params["bias"])
        loss, of_loss = backprop.softmax_cross_entropy_fwd(y, labels)
        return loss, (of_dense, of_loss)

    def bwd(residuals, loss_bar):
        of_dense, of_loss = residuals
        y_bar, _ = backprop.softmax_cross_entropy_bwd(of_loss, loss_bar)
        x_bar, kernel_bar, bias_bar = backprop.dense_bwd(of_dense, y_bar)
        return {"kernel": kernel_bar, "bias": bias_bar}, x_bar, None

    assert backprop.check(fwd, bwd, params, rng.normal(size=(4, 30)), np.arange(4)).reason == ""


def test_integers_alone_cannot_be_checked():
    with pytest.raises(InputError, match="`check` of `square_fwd` needs a floating argument"):
        backprop.check(square_fwd, square_bwd, np.arange(3))


def test_a_forward_pass_must_return_one_array():
    with pytest.raises(InputError, match=r"`pair` must return \(y, residuals\) with one array y; its y is a tuple"):
        backprop.check(lambda x: ((x, x), x), square_bwd, POINT, name="pair")


def test_the_precision_of_the_process_is_left_alone():
    backprop.check(square_fwd, square_bwd, POINT)
    assert not jax.config.jax_enable_x64
    assert jnp.ones(1).dtype == jnp.float32


@pytest.fixture
def two_examples(monkeypatch):
    """Only two pairs, so that a test of the table does not check all."""
    few = [example for example in examples() if example.name in ("relu", "l2")]
    monkeypatch.setattr(gradcheck, "examples", lambda: few)


def test_table_and_status(two_examples, capsys):
    assert gradcheck.main() == 0
    out = capsys.readouterr().out
    assert "2 of 2 checks passed." in out
    assert "relu" in out
    assert "linear" in out


def test_json_rows(two_examples, capsys):
    assert gradcheck.main(json=True) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == ["relu", "l2"]
    assert {row["verdict"] for row in rows} == {"pass"}
    assert rows[0]["taylor_slope"] is None  # linear: JSON has no infinity
    assert rows[1]["taylor_slope"] == pytest.approx(2, abs=0.01)
    assert all(row["vjp_float64"] < 1e-10 for row in rows)


def test_a_failure_is_status_1(two_examples, monkeypatch, capsys):
    broken = backprop.Pair(backprop.relu_fwd, lambda positive, y_bar: (y_bar,))
    monkeypatch.setattr(gradcheck, "PAIRS", {**backprop.PAIRS, "relu": broken})
    assert gradcheck.main() == 1
    out = capsys.readouterr().out
    assert "1 of 2 checks passed." in out
    assert "fail" in out


def test_mutate_counts_the_bugs_caught(monkeypatch, capsys):
    few = [bug for bug in BUGS if bug.pair == "l2"]
    monkeypatch.setattr(gradcheck, "plant_bugs", lambda: mutate(few))
    assert gradcheck.main(mutate=True) == 0
    assert "1 of 1 planted bugs were caught." in capsys.readouterr().out
    assert gradcheck.main(mutate=True, json=True) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["name"] == "l2: lost 2 in l2_bwd"
    assert row["verdict"] == "pass"


def test_model_by_name(capsys):
    assert gradcheck.main(model="linear", json=True) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["name"] == "linear"
    with pytest.raises(InputError, match="`lennet` is not a known model to check: did you mean `lenet`"):
        gradcheck.main(model="lennet")
