"""The report page: its numbers against scipy, its form against a strict parser, and what it must never contain."""

import html
import json
import re
from html.parser import HTMLParser
from importlib.resources import files

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics
import xarray as xr
from synthetic_results import make_results

from jaxnn import plots, stats
from jaxnn.errors import InputError
from jaxnn.report import answer, write_report, write_summary
from jaxnn.report.html import element

WIDTHS = {"hidden": [16, 64], "activation": ["relu", "sigmoid"]}
VOID = {"meta", "br", "hr", "img", "link", "input"}


class Page(HTMLParser):
    """The text, tables and tags of a page; closing a tag that is not open is an error."""

    def __init__(self, source: str):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.attributes, self.rows, self.ids, self.words = [], [], [], [], [], []
        self.feed(source)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self.ids += [value for name, value in attrs if name == "id"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.words))

    def row(self, *start):
        """The only row of any table that starts with these cells."""
        (found,) = [row for row in self.rows if row[: len(start)] == list(start)]
        return found


PROBLEMS = {"dataset": ["moons", "circle"], "width": [16, 64]}


def page_of(tmp_path, ds, **options):
    return Page(write_report(tmp_path / "report.html", ds, **options).read_text(encoding="utf-8"))


def everything_diverged():
    diverged = {(i, j): 3 for i in range(2) for j in range(2)}
    ds = make_results({"learning_rate": [1.0, 10.0]}, seeds=2, epochs=6, diverged=diverged)
    ds.attrs["selected"] = "null"
    return ds.drop_vars(["test_loss", "test_accuracy", "confusion"])


def never_finite(diverged=None):
    """Of networks that train, and whose validation loss is beyond float32."""
    ds = make_results({"width": [16, 64]}, seeds=2, epochs=6, regression=True, diverged=diverged)
    ds["val_loss"] = ds.val_loss * np.inf
    ds["best_epoch"] = ds.best_epoch * 0
    ds.attrs["selected"] = "null"
    return ds.drop_vars("test_loss")


STUDIES = {
    "four settings": lambda: make_results(WIDTHS, epochs=8),
    "some diverged": lambda: make_results(WIDTHS, epochs=8, diverged={(1, 1, 2): 4, (0, 0, 0): 3, (0, 0, 1): 3}),
    "all diverged": everything_diverged,
    "never finite": never_finite,
    "one diverged, others never finite": lambda: never_finite({(1, 0): 3}),
    "one setting": lambda: make_results(epochs=8),
    "one seed": lambda: make_results({"width": [16, 64]}, seeds=1, epochs=8),
    "one network": lambda: make_results(seeds=1, epochs=1),
    "regression": lambda: make_results({"width": [16, 64]}, epochs=8, regression=True, patience=2),
    "no test set": lambda: make_results({"width": [16]}, epochs=8).drop_vars(
        ["test_loss", "test_accuracy", "confusion"]
    ),
    "many settings": lambda: make_results({"width": list(range(62))}, seeds=2, epochs=2),
}


@pytest.mark.parametrize("name", STUDIES)
def test_every_kind_of_study_has_a_report_that_stands_alone(tmp_path, name):
    """Oracle: a parser that refuses unbalanced tags; no script, no address to load, no identifier twice."""
    page = page_of(
        tmp_path, STUDIES[name](), summaries=[("net", "Dense 10")], notes=["a note"], setup={"Data": "digits"}
    )
    assert not {"script", "link", "iframe", "img", "object"} & set(page.tags)
    assert not [value for key, value in page.attributes if key in ("src", "href") and not value.startswith("data:")]
    assert not [v for key, v in page.attributes if key == "xlink:href" and not v.startswith(("#", "data:"))]
    assert not [key for key, _ in page.attributes if key.startswith("on")]
    source = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"@import|url\((?!#)", source)
    assert len(page.ids) == len(set(page.ids))
    assert "nan" not in page.text.lower().split()
    assert " inf" not in page.text.lower()


def test_the_same_results_are_the_same_page(tmp_path):
    ds = make_results({"width": [16, 64]}, epochs=8)
    first = write_report(tmp_path / "a.html", ds).read_bytes()
    assert write_report(tmp_path / "b.html", ds).read_bytes() == first


def test_whatever_comes_in_is_escaped(tmp_path):
    evil = "<script>alert('1')</script>\" onload=\"x & y"
    ds = make_results({"activation": [evil, "relu"]}, epochs=4, class_names=(evil, "b", "c"))
    ds.attrs |= {
        "experiment": evil,
        "question": evil,
        "command": evil,
        "device": evil,
        "versions": json.dumps({evil: evil}),
    }
    figure = plots.plot_confusion(np.eye(2), [evil, "b"])
    extra = {"setup": {evil: evil}, "summaries": [(evil, evil)], "figures": [(evil, figure)], "notes": [evil]}
    page = page_of(tmp_path, ds, **extra)
    assert "script" not in page.tags
    assert not [key for key, _ in page.attributes if key == "onload"]
    source = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<script>" not in source
    assert source.count(html.escape(evil)) >= 12


def test_attributes_are_escaped_too():
    assert element("p", "a<b", attributes={"title": '"<'}) == '<p title="&quot;&lt;">a&lt;b</p>'


def test_the_table_of_settings_holds_means_intervals_and_counts(tmp_path):
    """Oracle: numpy and scipy on the values at the best epochs."""
    ds = make_results(WIDTHS, epochs=20, diverged={(1, 1, 2): 9})
    page = page_of(tmp_path, ds)
    values = ds.val_accuracy.max("epoch").sel(hidden=64, activation="sigmoid").drop_sel(seed=2).values.astype(float)
    low, high = scipy.stats.ttest_1samp(values, 0).confidence_interval(0.95)
    row = page.row("64", "sigmoid")
    assert row[2:4] == [f"{100 * values.mean():.2f}%", f"{100 * low:.2f}% to {100 * high:.2f}%"]
    assert row[-2:] == ["4", "1"]
    assert page.row("16", "relu")[-2:] == ["5", "0"]


def test_tests_of_different_problems_are_left_to_the_table():
    ds = make_results(PROBLEMS, epochs=8).drop_vars(["test_loss", "test_accuracy"])
    ds["each_test_accuracy"] = ds.val_accuracy.isel(epoch=-1)
    ds["test_accuracy"] = ds.each_test_accuracy.isel(dataset=0, width=0)
    assert "On the test set, on which every setting was tested: test accuracy" in answer(ds)
    ds.attrs["problem_axes"] = json.dumps(["dataset"])
    assert "Every setting was tested, each on its own test set" in answer(ds)
    assert "test accuracy" not in answer(ds)


def test_a_study_that_tested_every_setting_shows_all_its_tests(tmp_path):
    """Oracle: numpy and scipy; the sentence and the table say that no test set was used once."""
    ds = make_results({"width": [16, 64]}, seeds=4)
    each = np.asarray([[0.8, 0.81, 0.83, 0.84], [0.9, 0.91, 0.92, 0.93]])
    ds = ds.assign(each_test_accuracy=(("width", "seed"), each)).assign_attrs(final="every")
    low, high = scipy.stats.ttest_1samp(each[0], 0).confidence_interval(0.95)
    row = [f"{100 * each[0].mean():.2f}%", f"{100 * low:.2f}% to {100 * high:.2f}%"]
    assert page_of(tmp_path, ds).row("16")[-2:] == row
    assert f"| {' | '.join(row)} |" in write_summary(tmp_path / "summary.md", ds).read_text(encoding="utf-8")
    assert "On the test set, on which every setting was tested" in answer(ds)


def test_the_paired_comparison_is_scipys(tmp_path):
    """Oracle: scipy.stats.ttest_rel against the selected setting; adjusted it is larger."""
    ds = make_results({"width": [16, 64, 128]}, epochs=20)
    page = page_of(tmp_path, ds)
    best = ds.val_accuracy.max("epoch").astype(float)
    tests = {w: scipy.stats.ttest_rel(best.sel(width=w), best.sel(width=128)) for w in (16, 64)}
    for width, test in tests.items():
        difference = float((best.sel(width=width) - best.sel(width=128)).mean())
        row = page.row(f"width {width}")
        assert row[1] == f"{100 * difference:+.2f} pp".replace("-", "−")
        assert row[4] == (f"{test.pvalue:.3f}" if test.pvalue >= 0.001 else "< 0.001")
    expected = stats.adjust_for_selection([test.pvalue for test in tests.values()], [5, 5])
    for width, adjusted in zip(tests, expected, strict=True):
        assert page.row(f"width {width}")[5] == (f"{adjusted:.3f}" if adjusted >= 0.001 else "< 0.001")


def test_the_test_row_holds_both_kinds_of_interval(tmp_path):
    """Oracle: scipy's t-interval over seeds and its Wilson interval for the 10,000 examples."""
    ds = make_results({"width": [16, 64]}, epochs=8)
    accuracy = ds.test_accuracy.values.astype(float)
    low, high = scipy.stats.ttest_1samp(accuracy, 0).confidence_interval(0.95)
    wilson = scipy.stats.binomtest(round(accuracy.mean() * 10_000), 10_000).proportion_ci(method="wilson")
    row = page_of(tmp_path, ds).row("test accuracy")
    assert row[1:4] == [f"{100 * accuracy.mean():.2f}%", f"{100 * low:.2f}% to {100 * high:.2f}%", "5"]
    assert row[4:] == [f"{100 * wilson.low:.2f}% to {100 * wilson.high:.2f}%", "10,000"]


def test_class_scores_are_sklearns(tmp_path):
    """Oracle: precision_recall_fscore_support on labels that have the pooled confusion matrix."""
    ds = make_results({"width": [16, 64]}, epochs=8, class_names=("a", "b", "c"))
    pooled = ds.confusion.sum("seed").values
    true, predicted = np.repeat(np.indices((3, 3)).reshape(2, 9), pooled.ravel(), axis=1)
    scores = sklearn.metrics.precision_recall_fscore_support(true, predicted)
    page = page_of(tmp_path, ds)
    for k, name in enumerate("abc"):
        assert page.row(name)[1:] == [*(f"{score[k]:.3f}" for score in scores[:3]), f"{scores[3][k] // 5:,}"]


def test_the_answer_says_what_the_numbers_say():
    """Oracle: means, intervals and p-values by scipy; width 64 is made to be within chance of the selected 128."""
    ds = make_results({"width": [16, 64, 128]}, epochs=20)
    luck = np.array([-0.002, 0.0015, -0.002, 0.0015, 0.0])
    ds["val_accuracy"][{"width": 1}] = ds.val_accuracy.sel(width=128).values + luck[:, None]
    ds["best_epoch"] = ds.val_accuracy.argmax("epoch") + 1
    values = ds.val_accuracy.max("epoch").astype(float)
    chosen = values.sel(width=128)
    assert scipy.stats.ttest_rel(values.sel(width=64), chosen).pvalue > 0.05
    assert scipy.stats.ttest_rel(values.sel(width=16), chosen).pvalue < 0.025
    low, high = scipy.stats.ttest_1samp(chosen, 0).confidence_interval(0.95)
    text = answer(ds)
    assert "Of 3 settings, width 128 was selected" in text
    assert (
        f"{100 * float(chosen.mean()):.2f}% (95% interval {100 * low:.2f}% to {100 * high:.2f}%, 5 seeds)" in text
    )
    assert "differs from 1 of the other 2" in text
    assert "not shown to differ from width 64." in text
    assert f"test accuracy {100 * float(ds.test_accuracy.mean()):.2f}%" in text


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("all diverged", "Nothing could be selected: all 4 networks diverged, the first at step 300."),
        ("never finite", "Nothing could be selected: none of 4 networks is finite on validation at any epoch"),
        (
            "one diverged, others never finite",
            "1 of 4 networks diverged, the first at step 300. None of the others is",
        ),
        ("one setting", "At the best epoch: validation accuracy"),
        ("one seed", "With fewer than two seeds no two settings can be told apart."),
        ("one network", "(one seed: no interval)"),
        ("regression", "test loss"),
        ("some diverged", "3 of 20 networks diverged."),
    ],
)
def test_the_answer_is_honest_at_its_limits(name, sentence):
    assert sentence in answer(STUDIES[name]())


@pytest.mark.parametrize("sweep", [{}, {"width": [16]}])
def test_of_one_setting_nothing_is_selected(sweep, tmp_path):
    ds = make_results(sweep, epochs=8)
    assert answer(ds).startswith("At the best epoch: validation accuracy")
    assert "On the test set, used once, by networks trained again" in answer(ds)
    assert "nothing had to be selected" in page_of(tmp_path, ds).text


def test_a_test_set_that_was_used_before_is_said_to_be(tmp_path):
    """A run that was extended has been tested at the epochs it had then."""
    ds = make_results({"width": [16, 64]}, epochs=8).assign_attrs(tested_at="[2, 1000]")
    assert "On the test set, which was used before, when the run had 2 and 1,000 epochs:" in answer(ds)
    assert "used once" not in page_of(tmp_path, ds).text


def test_settings_that_all_differ_or_all_do_not():
    ds = make_results({"width": [16, 64]}, epochs=8)
    ds["val_accuracy"] = ds.val_accuracy * 0 + ds.seed * 0.001 + (0.1 + ds.seed * 0.001) * (ds.width > 16)
    assert "It differs from every other setting" in answer(ds)
    ds["val_accuracy"] = ds.val_accuracy * 0 + ds.seed * 0.001
    assert "No other setting is shown to differ from it" in answer(ds)


def test_nothing_is_selected_between_problems(tmp_path):
    """The best on each data set; no comparison of one with another."""
    ds = make_results(PROBLEMS, epochs=20)
    ds.attrs["problem_axes"] = json.dumps(["dataset"])
    best = ds.val_accuracy.max("epoch").astype(float).mean("seed")
    assert best.sel(dataset="moons").idxmax() == best.sel(dataset="circle").idxmax() == 64
    text = answer(ds)
    assert "The 4 settings differ in their data (dataset): none is selected over the others." in text
    for name in PROBLEMS["dataset"]:
        assert f"dataset {name}: width 64 ({100 * float(best.sel(dataset=name, width=64)):.2f}%)" in text
    assert "selected:" not in text
    assert "differs" not in text
    page = page_of(tmp_path, ds)
    assert "Against the selected setting" not in page.text
    assert "Best of all" in page.text


def test_losses_of_different_problems_have_no_best(tmp_path):
    """A cross-entropy of 0.3 is not better than a squared error of 0.5."""
    ds = make_results({"dataset": ["a", "b"]}, epochs=8, regression=True)
    ds.attrs["problem_axes"] = json.dumps(["dataset"])
    assert answer(ds).startswith(
        "The 2 settings differ in their data (dataset): none is selected over the others. On"
    )
    assert "used once, by dataset b" in answer(ds)
    assert "Best of all" not in page_of(tmp_path, ds).text


def test_every_setting_is_shown_with_a_test_metric_that_it_has(tmp_path):
    """Of a classification and a regression: the accuracy of one, the loss of both."""
    ds = make_results({"dataset": ["a", "b"]}, seeds=2, epochs=8)
    ds.attrs |= {"problem_axes": json.dumps(["dataset"]), "final": "every"}
    dims = ("dataset", "seed")
    losses = np.array([[0.25, 0.25], [0.75, 0.75]])
    ds["each_test_loss"] = dims, losses
    ds["each_test_accuracy"] = dims, np.array([[0.9, 0.9], [np.nan, np.nan]])
    for text in (page_of(tmp_path, ds).text, write_summary(tmp_path / "summary.md", ds).read_text()):
        assert all(shown in text for shown in ("90.00%", "0.25", "0.75"))
    ds["each_test_accuracy"] = dims, np.array([[0.9, 0.9], [0.8, 0.8]])
    assert "0.75" not in write_summary(tmp_path / "summary.md", ds).read_text()


@pytest.mark.parametrize(
    ("diverged", "sentences"),
    [
        ((1,), ["No other setting could be compared with it: fewer than two seeds have a result in both."]),
        (
            (2,),
            [
                "It differs from every other setting that could be compared",
                "1 could not be compared with it: fewer than two seeds have a result in both.",
            ],
        ),
    ],
)
def test_settings_that_could_not_be_compared_are_told(diverged, sentences):
    """Those of which all seeds, or all but one, diverged."""
    ds = make_results({"width": list(range(16, 16 + 1 + max(diverged)))}, epochs=8)
    ds["val_accuracy"] = ds.val_accuracy * 0 + ds.seed * 0.001 + (0.1 + ds.seed * 0.001) * (ds.width == 16)
    ds.attrs["selected"] = json.dumps({"width": 16})
    at = xr.DataArray(np.isin(np.arange(ds.sizes["width"]), diverged), dims="width")
    ds["diverged_at"] = ds.diverged_at.where(~(at & (ds.seed > 0)), 5)
    text = answer(ds)
    assert all(sentence in text for sentence in sentences)
    assert "With fewer than two seeds" not in text


def test_networks_that_diverged_when_they_were_trained_again_are_told():
    ds = make_results({"width": [16, 64]}, epochs=8)
    lost = ds.assign({name: ds[name].where(ds.seed > 1) for name in ("test_loss", "test_accuracy")})
    assert "2 of the 5 networks that were trained again for it diverged." in answer(lost)
    lost = ds.assign({name: ds[name].where(ds.seed > 9) for name in ("test_loss", "test_accuracy")})
    assert "There is no test result: all 5 networks that were trained again for it diverged." in answer(lost)


def test_networks_that_were_never_finite_are_told():
    ds = make_results({"width": [16, 64]}, epochs=8)
    ds["best_epoch"] = ds.best_epoch.where((ds.width > 16) | (ds.seed > 0), 0)
    assert answer(ds).endswith("1 of 10 networks had no finite validation accuracy at any epoch.")


@pytest.mark.parametrize("axes", [["dataset", "width"], ["width"]])
def test_problems_without_or_with_many_settings_are_answered_by_the_best_of_all(axes):
    ds = make_results({"dataset": ["a", "b"], "width": [1, 2, 3, 4, 5]}, epochs=8)
    ds.attrs["problem_axes"] = json.dumps(axes)
    assert "none is selected over the others. Best of all is dataset b, width 5" in answer(ds)


def test_a_selection_that_the_ranking_does_not_share_is_told(tmp_path):
    ds = make_results({"width": [16, 64]}, epochs=20)
    ds.attrs["selected"] = json.dumps({"width": 16})
    text = page_of(tmp_path, ds).text
    assert "Of 2 settings, width 16 was selected" in text
    assert "the ranking above puts another setting first" in text


def test_the_set_up_and_the_time_are_shown(tmp_path):
    page = page_of(
        tmp_path, make_results(WIDTHS, epochs=8), setup={"Optimizer": "adam"}, title="Widths", question="Why?"
    )
    for shown in ("Widths", "Why?", "adam", "16, 64", "jaxnn run widths --preset full --seeds 5"):
        assert shown in page.text
    for shown in ("cpu x 2 (x86_64)", "jax 0.10.2", "6.42 s", "3 min 4 s", "20 networks in 3 min 10 s"):
        assert shown in page.text


def test_results_without_a_metric_to_select_on_are_refused_and_nothing_is_written(tmp_path):
    ds = make_results(epochs=4)
    del ds.attrs["selected_on"]
    with pytest.raises(InputError, match="`selected_on` must be an attribute of the results"):
        write_report(tmp_path / "report.html", ds)
    assert list(tmp_path.iterdir()) == []


def test_the_style_sheet_is_in_the_package_and_knows_dark_pages_and_paper():
    style = files("jaxnn.report").joinpath("style.css").read_text(encoding="utf-8")
    assert "prefers-color-scheme: dark" in style
    assert "@media print" in style
    assert {"--ink", "--faint", "--grid", "--paper", "--accent"} <= set(re.findall(r"--[a-z]+", style))
