"""Intervals, tests and selection, against scipy, examples computed by hand, and simulation."""

import subprocess
import sys

import numpy as np
import pytest
import scipy.stats
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from synthetic_results import make_results

from jaxnn import stats
from jaxnn.errors import InputError


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
@pytest.mark.parametrize("n", [2, 5, 30])
def test_t_interval_is_scipys(n, confidence):
    """Oracle: scipy.stats.ttest_1samp's confidence interval."""
    values = np.random.default_rng(n).normal(3, 2, (4, n))
    interval = stats.t_interval(values, confidence=confidence)
    expected = scipy.stats.ttest_1samp(values, 0, axis=1).confidence_interval(confidence)
    np.testing.assert_allclose(interval.low, expected.low, rtol=1e-12)
    np.testing.assert_allclose(interval.high, expected.high, rtol=1e-12)
    np.testing.assert_array_equal(interval.n, [n] * 4)


def test_t_interval_by_hand():
    """Oracle: mean 4, s = sqrt(10), t(4, 0.975) = 2.776445105 (printed tables): 4 +- 2.776445105 sqrt(2)."""
    interval = stats.t_interval([0, 2, 4, 6, 8])
    np.testing.assert_allclose(interval.high - 4, 2.776445105 * np.sqrt(2), rtol=1e-9)
    np.testing.assert_allclose([interval.mean, 4 - interval.low], [4, interval.high - 4], rtol=1e-12)


@pytest.mark.parametrize("n", [3, 20])
def test_t_interval_covers_the_true_mean_as_often_as_it_says(n):
    """Oracle: simulation.  40,000 intervals at 95%: the share has a standard error of 0.0011."""
    values = np.random.default_rng(0).normal(0.87, 0.01, (40_000, n))
    interval = stats.t_interval(values)
    assert abs(np.mean((interval.low <= 0.87) & (interval.high >= 0.87)) - 0.95) < 4 * 0.0011


@pytest.mark.parametrize("missing", [np.nan, np.inf, -np.inf])
def test_t_interval_leaves_out_and_counts_what_is_not_finite(missing):
    interval = stats.t_interval([[1, missing, 2, 3], [1, 4, 2, 3]])
    np.testing.assert_array_equal(interval.mean, [2, 2.5])
    np.testing.assert_array_equal(interval.n, [3, 4])
    np.testing.assert_array_equal(interval.excluded, [1, 0])
    assert interval.low[0] == stats.t_interval([1, 2, 3]).low


def test_one_value_has_no_finite_interval_and_none_has_no_mean():
    assert stats.t_interval([5.0]) == (5, -np.inf, np.inf, 1, 0)
    nothing = stats.t_interval([np.nan, np.nan])
    assert np.isnan([nothing.mean, nothing.low, nothing.high]).all()
    assert (nothing.n, nothing.excluded) == (0, 2)


def test_t_interval_of_a_labelled_array_keeps_its_labels():
    values = xr.DataArray(np.arange(6.0).reshape(3, 2), dims=("seed", "width"), coords={"width": [16, 64]})
    interval = stats.t_interval(values, axis="seed")
    assert interval.mean.sel(width=64) == 3
    assert interval.low.dims == ("width",)
    np.testing.assert_array_equal(interval.high, stats.t_interval(values.values, axis=0).high)


def test_paired_comparison_is_scipys():
    """Oracle: scipy.stats.ttest_rel, p-value and interval of the difference."""
    a, b = np.random.default_rng(1).normal(0, 1, (2, 3, 8))
    comparison = stats.paired_comparison(a, b)
    expected = scipy.stats.ttest_rel(a, b, axis=1)
    np.testing.assert_allclose(comparison.p_value, expected.pvalue, rtol=1e-10)
    np.testing.assert_allclose(comparison.difference.low, expected.confidence_interval().low, rtol=1e-10)
    np.testing.assert_allclose(comparison.difference.mean, (a - b).mean(1), rtol=1e-12)
    np.testing.assert_array_equal(comparison.p_adjusted, stats.holm(comparison.p_value))


def test_paired_comparison_drops_a_pair_when_either_is_missing():
    """Oracle: ttest_rel on the complete pairs."""
    comparison = stats.paired_comparison([1, np.nan, 3, 7, 5], [0, 2, np.inf, 4, 4])
    assert (comparison.difference.n, comparison.difference.excluded) == (3, 2)
    np.testing.assert_allclose(comparison.p_value, scipy.stats.ttest_rel([1, 7, 5], [0, 4, 4]).pvalue)


def test_paired_comparison_at_its_limits():
    assert stats.paired_comparison([1, 2, 3], [1, 2, 3]).p_value == 1  # the same: no evidence of a difference
    assert stats.paired_comparison([2, 3, 4], [1, 2, 3]).p_value == 0.25  # always 1 apart, of one sign: 2 of 8
    one = stats.paired_comparison([2.0], [1.0])
    assert one.difference.mean == 1
    assert np.isnan([one.p_value, one.p_adjusted]).all()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_differences_that_are_equal_up_to_rounding_show_no_spread(dtype):
    """Oracle: the sign test, 2^(1 - n).  The numbers have no exact binary form, and their mean rounds again."""
    rng = np.random.default_rng(0)
    for n in (3, 4, 7):
        b = rng.uniform(0, 1, (200, n)).astype(dtype)
        a = b + rng.uniform(0.1, 0.5, (200, 1)).astype(dtype)
        for found in (
            stats.paired_comparison(a, b),
            stats.paired_comparison(xr.DataArray(a.T), xr.DataArray(b.T), axis=0),
        ):
            np.testing.assert_array_equal(found.p_value, 2.0 ** (1 - n))
            np.testing.assert_array_equal(found.difference.low, found.difference.high)


def test_small_differences_that_are_not_equal_keep_their_mean():
    """Oracle: NumPy in float64.  A few roundings apart they are told apart as far as their numbers go."""
    a = np.float32(1) + np.float32(1.2e-7) * np.arange(1, 9, dtype=np.float32)
    b = np.ones(8, np.float32)
    found = stats.paired_comparison(a, b)
    assert found.difference.mean == pytest.approx((a.astype(float) - b).mean(), rel=1e-12)
    assert found.difference.low < found.difference.high


def test_pairs_need_the_axis_that_they_are_paired_along():
    a = xr.DataArray(np.ones((2, 3)), dims=("width", "seed"))
    with pytest.raises(InputError, match="`seed` is not a known dimension"):
        stats.paired_comparison(a, a.mean("seed"), axis="seed")


def test_values_of_a_resolution_differ_by_what_their_rounding_may_hide():
    """Oracle: t of the differences with the variance of two roundings added to theirs, by hand; scipy's t."""
    a, b = [0.97, 0.98, 0.99], [0.95, 0.97, 0.97]
    found = stats.paired_comparison(a, b, resolution=0.01)
    error = np.sqrt((np.var([0.02, 0.01, 0.02], ddof=1) + 0.01**2 / 6) / 3)
    mean = 0.05 / 3
    np.testing.assert_allclose(found.p_value, 2 * scipy.stats.t.sf(mean / error, 2), rtol=1e-9)
    reach = scipy.stats.t.ppf(0.975, 2) * error
    np.testing.assert_allclose(
        [found.difference.low, found.difference.high], [mean - reach, mean + reach], rtol=1e-9
    )
    with pytest.raises(InputError, match="`resolution` must be"):
        stats.paired_comparison(a, b, resolution=-0.01)


def test_an_accuracy_is_of_the_resolution_of_its_rows():
    ds = make_results().assign_attrs(num_train=1000, num_val=200, num_test=50)
    found = [stats.resolution(ds, f"{of}_accuracy") for of in ("train", "val", "test", "each_test")]
    assert found == [0.001, 0.005, 0.02, 0.02]
    assert stats.resolution(ds, "val_loss") == 0
    assert stats.resolution(make_results(), "val_accuracy") == 0


@pytest.mark.parametrize(("num_settings", "num_seeds"), [(6, 2), (6, 3), (6, 5)])
def test_equal_settings_do_not_differ_because_accuracies_are_coarse(num_settings, num_seeds):
    """Oracle: simulation.  Three of 100 rows are hard, and the best of equal settings is compared with the others:
    at most 5% of 500 studies may show a difference (s.e. 0.01).  If equal differences were taken for sure, 59, 17
    and 8% would."""
    rng, num_found = np.random.default_rng(2), 0
    studies = (0.97 + rng.binomial(3, 0.5, (500, num_settings, num_seeds)) / 100).astype(np.float32)
    for values in studies:
        best = values.mean(1).argmax()
        others = np.delete(values, best, axis=0)
        found = stats.paired_comparison(others, np.broadcast_to(values[best], others.shape), resolution=0.01)
        num_found += (stats.adjust_for_selection(found.p_value, found.difference.n) < 0.05).any()
    assert num_found / 500 < 0.05 + 2 * 0.01


def test_pairing_sees_through_what_the_seeds_share():
    """Oracle: scipy.  Seeds that differ by 1 hide a difference of 0.01 from an unpaired test, not from this."""
    rng = np.random.default_rng(0)
    seed_effect = rng.normal(0, 1, 10)
    a, b = seed_effect + 0.01, seed_effect + rng.normal(0, 0.003, 10)
    assert scipy.stats.ttest_ind(a, b).pvalue > 0.5
    assert stats.paired_comparison(a, b).p_value < 0.001


def test_what_is_not_paired_is_refused():
    with pytest.raises(InputError, match=r"\(3,\) and \(2,\)"):
        stats.paired_comparison([1, 2, 3], [1, 2])
    with pytest.raises(InputError, match=r"\(3, 1\) and \(3,\)"):
        stats.paired_comparison([[1], [2], [3]], [1, 2, 3])
    a = xr.DataArray([1.0, 2, 3], coords={"seed": [0, 1, 2]})
    with pytest.raises(InputError, match="same seeds"):
        stats.paired_comparison(a, a.assign_coords(seed=[1, 2, 3]), axis="seed")


def test_holm_by_hand():
    """Oracle: 0.005 x 4; 0.01 x 3; 0.03 x 2; 0.04 x 1 = 0.04, raised to the 0.06 before it."""
    np.testing.assert_allclose(stats.holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(stats.holm([[0.6, 0.7], [np.nan, 0.01]]), [[1, 1], [np.nan, 0.03]])
    assert stats.holm([]).shape == (0,)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_rejects_what_the_stepwise_procedure_rejects(p_values):
    """Oracle: the procedure itself: walk up the sorted p-values, stop at the first p_i > a / (m + 1 - i)."""
    level, m = 0.05, len(p_values)
    rejected = set()
    for i, position in enumerate(np.argsort(p_values, kind="stable")):
        if p_values[position] * (m - i) > level:
            break
        rejected.add(position)
    assert set(np.flatnonzero(stats.holm(p_values) <= level)) == rejected


def test_holm_keeps_the_family_wise_error():
    """Oracle: simulation.  With nothing to find, 5% of 10,000 families of 8 may hold a finding (s.e. 0.0022)."""
    differences = np.random.default_rng(0).normal(0, 1, (10_000, 8, 5))
    p_values = scipy.stats.ttest_1samp(differences, 0, axis=-1).pvalue
    families = np.stack([stats.holm(family) for family in p_values])
    assert abs((families < 0.05).any(1).mean() - 0.05) < 4 * 0.0022
    assert (p_values < 0.05).any(1).mean() > 0.3  # what happens without the adjustment


@pytest.mark.parametrize(("num_settings", "num_seeds"), [(2, 3), (10, 5), (18, 4), (6, 20)])
def test_a_selected_baseline_keeps_the_family_wise_error(num_settings, num_seeds):
    """Oracle: simulation with other draws.  The best of equal settings against the others in 2,000 studies.

    5% of them may show a difference (s.e. 0.0049, and 0.0015 of the simulation that is used); Holm's adjustment,
    for a baseline that is fixed beforehand, lets more of them.
    """
    values = np.random.default_rng(1).normal(0, 1, (2_000, num_settings, num_seeds))
    best = values.mean(-1).argmax(1)
    baseline = np.take_along_axis(values, best[:, None, None], axis=1)
    others = values[np.arange(num_settings) != best[:, None]].reshape(2_000, num_settings - 1, num_seeds)
    p_values = scipy.stats.ttest_rel(others, baseline, axis=-1).pvalue
    pairs = np.full(num_settings - 1, num_seeds)
    found = np.mean([(stats.adjust_for_selection(p, pairs) < 0.05).any() for p in p_values])
    assert abs(found - 0.05) < 4 * 0.0051
    if num_settings > 2:
        assert np.mean([(stats.holm(p) < 0.05).any() for p in p_values]) > found + 4 * 0.0049


def test_adjusted_for_selection_with_two_settings_is_not_adjusted():
    """With two there is nothing to choose between that a two-sided test does not count: p stays p (s.e. 0.0035)."""
    p_values = np.array([[0.01, np.nan], [np.nan, np.nan]])
    for p in (0.01, 0.3, 1.0):
        p_values[0, 0] = p
        adjusted = stats.adjust_for_selection(p_values, np.full((2, 2), 5))
        assert abs(adjusted[0, 0] - p) < 4 * 0.0035
        assert np.isnan(adjusted).sum() == 3


def test_adjusted_for_selection_step_by_step():
    """What differs beyond doubt leaves the family: the last of five is compared as if there were two settings."""
    adjusted = stats.adjust_for_selection([1e-12, 0.03, 1e-12, 1e-12], [5, 5, 5, 5])
    assert (adjusted[[0, 2, 3]] < 0.001).all()
    assert abs(adjusted[1] - 0.03) < 4 * 0.0012
    assert stats.adjust_for_selection([0.03] * 4, [5] * 4).min() > 0.1


def test_many_settings_are_adjusted_within_the_bounds_of_bonferroni():
    """Of a thousand, for no pair less than once, and at most for all pairs (which holds whatever was chosen)."""
    p_values = np.r_[1e-9, 1e-5, np.full(997, 0.5)]
    adjusted = stats.adjust_for_selection(p_values, np.full(999, 5))
    assert 1e-9 <= adjusted[0] < 0.01
    assert (adjusted[1:] >= p_values[1:]).all()
    assert (adjusted[2:] == 1).all()


@pytest.mark.parametrize(("correct", "n"), [(0, 10), (10, 10), (870, 1000), (1, 3), (9012, 10_000)])
def test_binomial_interval_is_scipys(correct, n):
    """Oracle: scipy.stats.binomtest, method "wilson"."""
    interval = stats.binomial_interval(correct, n, confidence=0.9)
    expected = scipy.stats.binomtest(correct, n).proportion_ci(0.9, method="wilson")
    np.testing.assert_allclose([interval.low, interval.high], expected, atol=1e-12)
    assert (interval.mean, interval.n) == (correct / n, n)


@pytest.mark.parametrize(("correct", "n", "name"), [(1, 0, "n"), (-1, 5, "correct"), (6, 5, "correct")])
def test_impossible_counts_are_refused(correct, n, name):
    with pytest.raises(InputError, match=f"`{name}` must be"):
        stats.binomial_interval(correct, n)


@pytest.mark.parametrize("confidence", [0, 1, 95, np.nan])
def test_a_confidence_outside_its_range_is_refused(confidence):
    with pytest.raises(InputError, match="`confidence` must be"):
        stats.t_interval([1, 2], confidence=confidence)


def small_study(val_loss, *, best_epoch, diverged_at=None, epoch=(10, 20, 30)):
    """Results with one swept `width` and val_loss given as (width, seed, epoch)."""
    val_loss = np.asarray(val_loss, np.float32)
    diverged_at = np.full(val_loss.shape[:2], -1) if diverged_at is None else diverged_at
    return xr.Dataset(
        {
            "val_loss": (("width", "seed", "epoch"), val_loss),
            "best_epoch": (("width", "seed"), best_epoch),
            "diverged_at": (("width", "seed"), diverged_at),
        },
        {"width": [16, 64, 128][: len(val_loss)], "seed": [0, 1], "epoch": list(epoch)},
    )


def test_at_best_epoch_looks_up_the_epoch_not_its_position():
    ds = small_study([[[3, 2, 1], [6, 5, 7]], [[9, 8, 7], [9, 9, 9]]], best_epoch=[[30, 20], [10, 0]])
    values = stats.at_best_epoch(ds, "val_loss")
    assert values.dims == ("width", "seed")
    np.testing.assert_array_equal(values, [[1, 5], [9, np.nan]])


def test_a_diverged_member_has_no_value_however_good_it_was_before():
    ds = small_study([[[0.1, np.nan, np.nan], [2, 2, 2]]], best_epoch=[[10, 10]], diverged_at=[[57, -1]])
    np.testing.assert_array_equal(stats.at_best_epoch(ds, "val_loss"), [[np.nan, 2]])
    np.testing.assert_array_equal(stats.at_epoch(ds, "val_loss", 10), [[np.nan, 2]])


def test_at_epoch_needs_a_recorded_epoch():
    ds = small_study([[[3, 2, 1], [6, 5, 7]]], best_epoch=[[30, 20]])
    np.testing.assert_array_equal(stats.at_epoch(ds, "val_loss", 20), [[2, 5]])
    with pytest.raises(InputError, match="10 to 30; got 15"):
        stats.at_epoch(ds, "val_loss", 15)
    with pytest.raises(InputError, match="did you mean `val_loss`"):
        stats.at_epoch(ds, "valloss", 10)


@pytest.mark.parametrize(("mode", "expected"), [("min", 64), ("max", 16)])
def test_select_takes_the_best_mean(mode, expected):
    """Oracle: means at the best epochs 2.5, 1.5, 2, by hand."""
    ds = small_study(
        [[[9, 9, 2], [9, 9, 3]], [[9, 9, 1], [9, 9, 2]], [[9, 9, 2], [9, 9, 2]]], best_epoch=[[30] * 2] * 3
    )
    best = stats.select(ds, "val_loss", mode)
    assert best is not None
    assert best.setting == {"width": expected}
    assert best.interval.mean == {"min": 1.5, "max": 2.5}[mode]


def test_ties_go_to_the_first_of_the_sweep():
    ds = small_study(
        [[[5, 5, 2], [5, 5, 2]], [[5, 5, 1], [5, 5, 1]], [[5, 5, 1], [5, 5, 1]]], best_epoch=[[30] * 2] * 3
    )
    assert [r.setting["width"] for r in stats.rank_settings(ds, "val_loss", "min")] == [64, 128, 16]
    assert [r.setting["width"] for r in stats.rank_settings(ds, "val_loss", "max")] == [16, 64, 128]


def test_diverged_settings_are_ranked_last():
    """Width 16 has the best survivor and 64 has none: both come after 128, which is worse but whole."""
    ds = small_study(
        [[[0, 0, 0], [1, 1, 1]], [[0, 0, 0], [0, 0, 0]], [[9, 9, 9], [9, 9, 9]]],
        best_epoch=[[10] * 2] * 3,
        diverged_at=[[-1, 4], [0, 0], [-1, -1]],
    )
    ranking = stats.rank_settings(ds, "val_loss", "min")
    assert [r.setting["width"] for r in ranking] == [128, 16, 64]
    assert [r.interval.excluded for r in ranking] == [0, 1, 2]
    assert [r.diverged for r in ranking] == [0, 1, 2]


def test_a_setting_without_any_value_at_an_epoch_is_ranked_after_those_with_some():
    """Both seeds of width 16 had stopped; of 64 one diverged."""
    losses = [[[1, np.nan, np.nan]] * 2, [[2, 2, 2], [2, 2, 2]], [[3, np.nan, np.nan]] * 2]
    ds = small_study(losses, best_epoch=[[10] * 2] * 3, diverged_at=[[-1, -1], [4, -1], [-1, -1]])
    best = stats.select(ds, "val_loss", "min", epoch=30)
    assert best is not None
    assert best.setting == {"width": 64}


def test_a_seed_whose_metric_is_infinite_has_no_result():
    """Selected on another metric: its best epoch is none of this one."""
    ds = small_study([[[np.inf] * 3, [1] * 3], [[2] * 3, [2] * 3], [[3] * 3, [3] * 3]], best_epoch=[[10] * 2] * 3)
    assert [r.setting["width"] for r in stats.rank_settings(ds, "val_loss", "min")] == [64, 128, 16]


def test_settings_with_seeds_that_stopped_early_are_ranked_by_the_rest():
    """Width 16 is better at the last epoch, which one of its seeds has not reached."""
    ds = small_study(
        [[[1, 1, 1], [1, 1, np.nan]], [[2, 2, 2], [2, 2, 2]], [[3, 3, 3], [3, 3, 3]]], best_epoch=[[10] * 2] * 3
    )
    assert [r.setting["width"] for r in stats.rank_settings(ds, "val_loss", "min", epoch=30)] == [16, 64, 128]


def test_nothing_is_selected_where_all_diverged():
    ds = small_study([[[1, 1, 1], [1, 1, 1]]], best_epoch=[[10, 10]], diverged_at=[[0, 3]])
    assert stats.select(ds, "val_loss", "min") is None


def test_selection_can_be_made_at_one_epoch():
    ds = small_study([[[1, 9, 9], [1, 9, 9]], [[2, 2, 2], [2, 2, 2]]], best_epoch=[[10, 10], [20, 20]])
    assert stats.select(ds, "val_loss", "min").setting == {"width": 16}
    assert stats.select(ds, "val_loss", "min", epoch=30).setting == {"width": 64}


def test_selection_never_sees_the_test_set():
    ds = make_results({"width": [16, 64]})
    with pytest.raises(InputError, match="Select on validation data"):
        stats.select(ds, "test_loss", "min")
    with pytest.raises(InputError, match="did you mean `min`"):
        stats.select(ds, "val_loss", "minimum")


def test_a_study_without_a_sweep_has_one_setting():
    ds = make_results()
    assert stats.settings(ds) == [{}]
    best = stats.select(ds, "val_loss", "min")
    assert best is not None
    assert (best.setting, best.interval.n) == ({}, 5)


def test_settings_follow_the_sweep_and_hold_plain_values():
    ds = make_results({"hidden": [16, "100-10"], "learning_rate": [0.1, 0.01]})
    assert [list(s.values()) for s in stats.settings(ds)] == [
        ["16", 0.1],
        ["16", 0.01],
        ["100-10", 0.1],
        ["100-10", 0.01],
    ]
    assert [type(v) for v in stats.settings(make_results({"width": [16]}))[0].values()] == [int]


def test_compare_settings_pairs_every_setting_with_the_baseline():
    """Oracle: scipy.stats.ttest_rel on the same members; the baseline itself is no comparison."""
    ds = make_results({"width": [16, 64], "activation": ["relu", "tanh"]})
    values = stats.at_best_epoch(ds, "val_loss").astype(float)
    comparison = stats.compare_settings(ds, "val_loss", {"activation": "relu", "width": 64})
    baseline = values.sel(width=64, activation="relu")
    others = [(16, "relu"), (16, "tanh"), (64, "tanh")]
    p_values = [scipy.stats.ttest_rel(values.sel(width=w, activation=a), baseline).pvalue for w, a in others]
    expected_adjusted = stats.adjust_for_selection(p_values, [5, 5, 5])
    for (width, activation), p, adjusted in zip(others, p_values, expected_adjusted, strict=True):
        here = {"width": width, "activation": activation}
        np.testing.assert_allclose(comparison.p_value.sel(here), p, rtol=1e-9)
        np.testing.assert_allclose(comparison.p_adjusted.sel(here), adjusted, rtol=1e-9)
        expected = (values.sel(here) - baseline).mean()
        np.testing.assert_allclose(comparison.difference.mean.sel(here), expected, rtol=1e-12)
    assert np.isnan(comparison.p_adjusted.sel(width=64, activation="relu"))


def test_locate_finds_rates_that_lost_bits_and_refuses_the_rest():
    ds = make_results(
        {"learning_rate": np.array([0.1, 0.001], np.float32).tolist(), "activation": ["relu", "tanh"]}
    )
    assert stats.locate(ds, {"learning_rate": 0.001, "activation": "tanh"}) == {"learning_rate": 1, "activation": 1}
    with pytest.raises(InputError, match="Nothing was swept, so there is one setting"):
        stats.locate(make_results(), {"learning_rate": 0.1})
    mixed = make_results({"hidden": [16, "100-10"], "pca": ["none", 0.5]})
    assert stats.locate(mixed, {"hidden": 16, "pca": 0.5}) == {"hidden": 0, "pca": 1}
    with pytest.raises(InputError, match="did you mean `learning_rate`"):
        stats.locate(ds, {"learning_rates": 0.1, "activation": "tanh"})
    with pytest.raises(InputError, match="`activation` is swept and needs a value"):
        stats.locate(ds, {"learning_rate": 0.1})
    with pytest.raises(InputError, match=r"`activation` must be one of .* got 'gelu'"):
        stats.locate(ds, {"learning_rate": 0.1, "activation": "gelu"})


def test_stats_load_neither_matplotlib_nor_jax():
    """Oracle: sys.modules of a fresh interpreter."""
    loaded = "import sys, jaxnn.stats; print([m for m in ('matplotlib', 'jax') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
