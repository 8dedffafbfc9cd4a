"""Cross-validation: settings are judged by their means over the folds, none is chosen by the luck of one fold."""

import dataclasses
import json

import numpy as np
import pytest
import scipy.stats
from study.tiny_studies import BLOBS, tiny_config
from synthetic_results import make_results

from jaxnn import stats
from jaxnn.errors import InputError
from jaxnn.report import answer, write_report, write_summary
from jaxnn.study.outcome import conclude
from jaxnn.study.plan import plan_study
from jaxnn.study.training import KeepNothing, train_study

# Of three folds and two widths with two seeds.  Width 64 has the best network of all, in the easy fold 2; width 16
# has the best mean: 0.80 against 0.75.
ACCURACY = np.array(
    [
        [[0.78, 0.80], [0.66, 0.68]],
        [[0.76, 0.78], [0.68, 0.70]],
        [[0.84, 0.84], [0.88, 0.90]],
    ]
)


def cross_validated(accuracy=ACCURACY, **diverged):
    """Results whose members have these validation accuracies (folds, widths, seeds) at their best epochs."""
    folds, widths, seeds = accuracy.shape
    ds = make_results({"fold": list(range(folds)), "width": [16, 64][:widths]}, seeds=seeds, epochs=2, **diverged)
    ds["val_accuracy"] = ds.val_accuracy.where(False, np.broadcast_to(accuracy[..., None], (*accuracy.shape, 2)))
    ds["val_loss"] = 1 - ds.val_accuracy
    ds.attrs |= {"problem_axes": json.dumps(["fold"]), "num_folds": len(accuracy), "num_val": 100}
    del ds.attrs["selected"]
    return ds


def by_hand(folds: np.ndarray, ratio: float) -> tuple[float, float, float]:
    """Mean and interval of Nadeau and Bengio (2003), eq. 9 and section 3, by scipy's quantile."""
    n = len(folds)
    half = scipy.stats.t.ppf(0.975, n - 1) * np.sqrt((1 / n + ratio) * np.var(folds, ddof=1))
    return folds.mean(), folds.mean() - half, folds.mean() + half


def test_a_setting_is_judged_by_its_mean_over_the_folds():
    """Oracle: numpy, and the formula written out; the best single fold is of the other setting."""
    ds = cross_validated()
    assert stats.rank_settings(ds, "val_accuracy", "max")[0].setting == {"fold": 2, "width": 64}
    ranking = stats.rank_over_folds(ds, "val_accuracy", "max")
    assert [result.setting for result in ranking] == [{"width": 16}, {"width": 64}]
    for result, accuracy in zip(ranking, (ACCURACY[:, 0], ACCURACY[:, 1]), strict=True):
        np.testing.assert_allclose(result.interval[:3], by_hand(accuracy.mean(1), 0.5), rtol=1e-6)
        assert (result.interval.n, result.diverged) == (3, 0)


def test_the_selected_setting_is_the_best_over_the_folds_in_the_first_of_them():
    assert stats.select(cross_validated(), "val_accuracy", "max").setting == {"fold": 0, "width": 16}
    lost = cross_validated(diverged={(0, 0, 0): 1, (0, 0, 1): 1, (0, 1, 0): 1, (1, 1, 0): 1, (2, 1, 0): 1})
    assert stats.select(lost, "val_accuracy", "max").setting == {"fold": 1, "width": 16}


def test_a_setting_of_which_networks_diverged_comes_last():
    ranking = stats.rank_over_folds(cross_validated(diverged={(1, 0, 1): 1}), "val_accuracy", "max")
    assert [result.setting["width"] for result in ranking] == [64, 16]
    assert [result.diverged for result in ranking] == [0, 1]
    assert ranking[1].interval.mean == pytest.approx(np.mean([0.79, 0.76, 0.84]))


def test_settings_are_compared_on_the_same_folds():
    """Oracle: the corrected t-test of Nadeau and Bengio (2003) written out; a loss is a multiple of nothing."""
    ds = cross_validated()
    comparison = stats.compare_over_folds(ds, "val_loss", {"width": 16})
    differences = (ACCURACY[:, 0] - ACCURACY[:, 1]).mean(1)
    mean, low, high = by_hand(differences, 0.5)
    found = [float(end.sel(width=64)) for end in comparison.difference[:3]]
    np.testing.assert_allclose(found, (mean, low, high), rtol=1e-5)
    t = abs(mean) / np.sqrt((1 / 3 + 0.5) * np.var(differences, ddof=1))
    p = 2 * scipy.stats.t.sf(t, 2)
    np.testing.assert_allclose(comparison.p_value.sel(width=64), p, rtol=1e-5)
    assert np.isnan(comparison.p_value.sel(width=16))
    uncorrected = scipy.stats.ttest_1samp(differences, 0).pvalue
    assert uncorrected < p


def test_accuracies_are_as_coarse_as_the_mean_of_the_seeds():
    """Equal differences of accuracies of 100 rows: their spread is that of their rounding, halved by two seeds."""
    ds = cross_validated(np.stack([np.full((3, 2), 0.9), np.full((3, 2), 0.8)], axis=1))
    comparison = stats.compare_over_folds(ds, "val_accuracy", {"width": 16})
    t = 0.1 / np.sqrt((1 / 3 + 0.5) * (0.01**2 / 6 / 2))
    np.testing.assert_allclose(comparison.p_value.sel(width=64), 2 * scipy.stats.t.sf(t, 2), rtol=1e-4)


def test_some_of_the_folds_share_as_many_rows_as_all():
    """Two of five: the rows of a fold are a quarter of those outside it."""
    ds = cross_validated(ACCURACY[:2]).assign_attrs(num_folds=5)
    interval = stats.rank_over_folds(ds, "val_accuracy", "max")[0].interval
    np.testing.assert_allclose(interval[:3], by_hand(ACCURACY[:2, 0].mean(1), 0.25), rtol=1e-6)


def test_networks_that_diverged_are_left_out_of_both_sides_of_a_difference():
    """Oracle: numpy; without seed 1 of width 64 in fold 0, width 16 counts there with seed 0 alone."""
    comparison = stats.compare_over_folds(cross_validated(diverged={(0, 1, 1): 1}), "val_loss", {"width": 16})
    differences = (ACCURACY[:, 0] - ACCURACY[:, 1]).mean(1)
    differences[0] = 0.78 - 0.66
    np.testing.assert_allclose(comparison.difference.mean.sel(width=64), differences.mean(), rtol=1e-5)


def test_a_network_that_had_stopped_before_an_epoch_has_a_result():
    ds = cross_validated()
    ds["best_epoch"] = ds.best_epoch.where(False, 1)
    ds["val_accuracy"] = ds.val_accuracy.where((ds.epoch < 2) | (ds.seed < 1) | (ds.width > 16) | (ds.fold > 0))
    ranking = stats.rank_over_folds(ds, "val_accuracy", "max", epoch=2)
    assert [result.setting["width"] for result in ranking] == [16, 64]


def test_one_fold_is_a_study_like_others():
    ds = cross_validated()
    for one in (ds.sel(fold=2, drop=True), ds.isel(fold=[2])):
        assert not stats.is_cross_validated(one)
        assert stats.select(one, "val_accuracy", "max").setting["width"] == 64
    assert answer(ds.sel(fold=2, drop=True)).startswith("Of 2 settings, width 64 was selected: validation")
    with pytest.raises(InputError, match="`maximum` is not a known mode: did you mean `max`"):
        stats.rank_over_folds(ds, "val_accuracy", "maximum")


def test_a_selection_that_was_recorded_is_kept():
    """By a program that took the best network of all: it is not said to be the best over the folds."""
    ds = cross_validated().assign_attrs(selected=json.dumps({"fold": 2, "width": 64}))
    assert stats.recorded_selection(ds) == {"fold": 2, "width": 64}
    assert answer(ds).startswith("Of 2 settings in 3 folds, width 64 was selected: validation accuracy 75.00%")


def test_other_studies_are_judged_by_their_settings():
    ds = cross_validated()
    for axes in ([], ["dataset"], ["fold", "dataset"]):
        ds.attrs["problem_axes"] = json.dumps(axes)
        assert not stats.is_cross_validated(ds)
        assert stats.select(ds, "val_accuracy", "max").setting == {"fold": 2, "width": 64}
    with pytest.raises(InputError, match="`fold_ratio` must be a finite number in"):
        stats.t_interval(ACCURACY, fold_ratio=-0.5)


def test_a_report_answers_over_the_folds(tmp_path):
    ds = cross_validated().assign_attrs(final="best")
    text = answer(ds)
    low, high = (f"{100 * end:.2f}%" for end in by_hand(ACCURACY[:, 0].mean(1), 0.5)[1:])
    assert text.startswith(
        "Of 2 settings in 3 folds, width 16 was selected, by its mean over them: validation accuracy 80.00% (95% "
        f"interval {low} to {high}, 3 folds). No other setting is shown to differ from it (paired t-tests on the "
        "folds, corrected for the rows that they share"
    )
    assert "used once after the selection, by the networks of fold 0: test accuracy" in text
    page = write_report(tmp_path / "report.html", ds).read_text(encoding="utf-8")
    assert "Best of all" not in page
    for words in ("Validation accuracy, mean of the folds", "Nadeau and Bengio", "Against the selected setting"):
        assert words in page
    assert "best epoch in fold 0 were tested once" in page
    summary = write_summary(tmp_path / "summary.md", ds).read_text(encoding="utf-8")
    assert f"| 16 | 80.00% | {low} to {high} | 3 | 0 |" in summary
    again = answer(ds.assign_attrs(final="retrain"))
    assert "by networks trained again on training and validation data together" in again


def test_folds_of_one_setting_have_a_mean(tmp_path):
    text = answer(cross_validated(ACCURACY[:, :1]).isel(width=0, drop=True))
    assert text.startswith("At the best epoch in 3 folds: validation accuracy 80.00% (95% interval")
    ds = cross_validated(ACCURACY[:, :1]).isel(width=0, drop=True)
    write_report(tmp_path / "report.html", ds)
    write_summary(tmp_path / "summary.md", ds)


def test_retraining_takes_the_median_of_the_best_epochs_of_all_folds():
    """Oracle: the epochs that were put in: 4 in fold 0, which is the one that is selected, and 1 in the others."""
    data = dataclasses.replace(BLOBS, validation=None, folds=3, fold=0)
    plan = plan_study(tiny_config(data=data, final="retrain"), {"learning_rate": (0.05, 1e-6), "fold": (0, 1, 2)})
    trained, found = [], []
    for one in train_study(plan):
        folds = [plan.settings[setting].place["fold"] for setting in one.program.settings]
        trained.append(one._replace(best_epoch=np.repeat(np.where(np.equal(folds, 0), 4, 1), 2)))

    def keep(again, program):
        found.append((program.recipe.run.epochs, len(program.data[0].train.x)))
        return KeepNothing()

    results = conclude(plan, trained, keeper=keep).results
    assert stats.is_cross_validated(results)
    assert results.attrs["num_folds"] == 3
    assert found == [(1, 70)]
