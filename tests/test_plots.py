"""Figures: what is drawn is what NumPy and scipy compute, nothing global changes, files are reproducible."""

import ast
import contextlib
import itertools
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import matplotlib.figure
import numpy as np
import pytest
import scipy.stats
import xarray as xr
from matplotlib.colors import to_rgb
from PIL import Image
from synthetic_results import CLASSES, make_results

import jaxnn
from jaxnn import plots
from jaxnn.errors import InputError
from jaxnn.plots.style import CATEGORIES, line_colors

WIDTHS = {"hidden": [16, 64, 128, 512], "activation": ["relu", "sigmoid"]}


def solid_lines(ax):
    """The curves of a panel that carry data at every epoch or stand in the legend."""
    return [line for line in ax.lines if line.get_linewidth() > 1 and len(line.get_xdata()) > 1]


def texts(figure):
    return " | ".join(text.get_text() for text in figure.findobj(matplotlib.text.Text) if text.get_text())


def test_curves_are_means_with_t_bands():
    """Oracle: numpy's mean and scipy's t-interval of the same values."""
    ds = make_results({"width": [16, 64]}, seeds=4)
    (ax,) = plots.plot_curves(ds, "val_loss").axes
    for line, band, width in zip(solid_lines(ax), ax.collections, (16, 64), strict=True):
        values = ds.val_loss.sel(width=width).values.astype(float)
        np.testing.assert_allclose(line.get_ydata(), values.mean(0), rtol=1e-6)
        expected = scipy.stats.ttest_1samp(values, 0).confidence_interval(0.95)
        at_ten = band.get_paths()[0].vertices
        at_ten = at_ten[at_ten[:, 0] == 10][:, 1]
        np.testing.assert_allclose([at_ten.min(), at_ten.max()], [expected.low[9], expected.high[9]], rtol=1e-6)


def test_diverged_seeds_are_in_no_curve_and_are_counted():
    """Oracle: the mean over the four seeds that are left."""
    ds = make_results({"width": [16, 64]}, diverged={(1, 2): 9})
    figure = plots.plot_curves(ds, "val_loss")
    expected = ds.val_loss.sel(width=64).drop_sel(seed=2).mean("seed")
    np.testing.assert_allclose(solid_lines(figure.axes[0])[1].get_ydata(), expected, rtol=1e-6)
    assert "64 (1 diverged)" in texts(figure)


def test_the_diverged_seeds_of_several_panels_are_counted_in_each():
    ds = make_results(
        {"activation": ["relu", "tanh"], "width": list(range(8))}, diverged={(0, 2, 1): 9, (0, 3, 1): 9}
    )
    figure = plots.plot_curves(ds, "val_loss")
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["relu (2 diverged)", "tanh"]
    assert texts(figure).count("diverged") == 1


def test_a_panel_without_values_says_why():
    ds = make_results({"activation": ["relu", "tanh"], "width": [1, 2]}, epochs=6)
    ds["val_accuracy"] = ds.val_accuracy.where(ds.activation == "relu")  # tanh is of a regression
    assert texts(plots.plot_curves(ds, "val_accuracy")).count("no value") == 2
    ds["diverged_at"] = ds.diverged_at.where(ds.activation == "relu", 5)
    assert texts(plots.plot_curves(ds, "val_accuracy")).count("every seed diverged") == 2


def test_a_curve_of_some_seeds_is_not_without_a_value():
    """One seed is infinite from beginning to end, and none diverged: the mean of the others is drawn."""
    ds = make_results({"activation": ["relu", "tanh"], "width": [1, 2]}, epochs=6)
    ds["val_loss"] = ds.val_loss.where(ds.seed > 0, np.inf)
    assert "no value" not in texts(plots.plot_curves(ds, "val_loss"))


def test_settings_that_stop_early_are_within_the_limits():
    """One that ends within the first tenth of the other's epochs; and when all do, there is a scale."""
    ds = make_results({"learning_rate": [0.1, 1.0]}, epochs=100)
    fast = ds.learning_rate > 0.5
    ds["val_loss"] = (ds.val_loss + 2 * fast).where(~fast | (ds.epoch <= 5))
    low, high = plots.plot_curves(ds, "val_loss").axes[0].get_ylim()
    assert low < float(ds.val_loss.min())
    assert high > float(ds.val_loss.sel(learning_rate=1.0).mean("seed").max())
    ds["val_loss"] = ds.val_loss.where(ds.epoch <= 7)
    assert len(plots.plot_curves(ds, "val_loss").axes[0].get_yticks())


def test_a_legend_names_every_line_whatever_its_name():
    figure = plots.plot_curves(make_results({"variant": ["_hidden", "shown"]}, epochs=4), "val_loss")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["_hidden", "shown"]


def test_an_accuracy_is_at_most_all_on_a_log_scale_too():
    ds = make_results({"learning_rate": [0.1, 1.0]}, seeds=2, epochs=5)
    ds["val_accuracy"] = ds.val_accuracy * 0 + 0.04 + 0.9 * (ds.learning_rate > 0.5) + 0.02 * ds.seed
    ax = plots.plot_curves(ds, "val_accuracy").axes[0]
    assert ax.get_yscale() == "log"
    assert ax.get_ylim()[1] < 1.2


def test_a_curve_is_solid_only_while_every_seed_trains():
    ds = make_results({"width": [16, 64]}, patience=3)
    line = solid_lines(plots.plot_curves(ds, "val_loss").axes[0])[0]
    first_stop = int(ds.stopped_at.sel(width=16).min())
    assert first_stop < int(ds.stopped_at.sel(width=16).max())
    np.testing.assert_array_equal(np.isfinite(line.get_ydata()), ds.epoch <= first_stop)


def test_the_intervals_of_those_that_have_not_stopped_leave_the_limits_alone():
    """The two of three seeds that go on agree in their mean, and differ by as much as the whole curve falls."""
    ds = make_results({"width": [16, 64]}, seeds=3)
    within = plots.plot_curves(ds, "val_loss").axes[0].get_ylim()
    mean = ds.val_loss.mean("seed")
    apart = xr.DataArray([0.0, 0.3, -0.3], dims="seed")
    ds["val_loss"] = ds.val_loss.where(ds.epoch <= 20, (mean + apart).where(ds.seed > 0))
    assert plots.plot_curves(ds, "val_loss").axes[0].get_ylim() == pytest.approx(within, abs=0.01)


@pytest.mark.parametrize(
    ("sweep", "num_panels", "num_lines"),
    [
        ({}, 1, 1),
        ({"width": [16, 64, 128]}, 1, 3),
        ({"width": list(range(1, 13))}, 1, 12),
        ({"width": list(range(1, 15))}, 14, 1),
        ({"width": list(range(1, 32))}, 1, 31),
        (WIDTHS, 8, 1),
        ({"width": list(range(1, 9)), "depth": [1, 2, 3, 4]}, 4, 8),
        ({"depth": [1, 2, 3], "width": [1, 2, 3, 4, 5, 6]}, 18, 1),
        ({"width": [16, 64], "depth": [1, 2], "activation": ["relu", "tanh"]}, 2, 4),
        ({"width": list(range(1, 32)), "depth": [1, 2], "activation": ["relu", "tanh"]}, 1, 124),
        ({"width": list(range(1, 33)), "depth": list(range(32, 64))}, 1, 500),
    ],
)
def test_every_setting_has_its_line_in_one_panel(sweep, num_panels, num_lines):
    figure = plots.plot_curves(make_results(sweep, seeds=2, epochs=6), "val_loss")
    assert [len(solid_lines(ax)) for ax in figure.axes] == [num_lines] * num_panels


def test_of_many_settings_the_best_are_drawn():
    """Each is better than the one before it."""
    ds = make_results({"learning_rate": list(range(1, 601))}, seeds=2, epochs=6)
    ds["val_accuracy"] = ds.val_accuracy * 0 + ds.learning_rate / 1000
    figure = plots.plot_curves(ds, "val_accuracy")
    ends = [line.get_ydata()[-1] for line in solid_lines(figure.axes[0])]
    np.testing.assert_allclose(ends, np.arange(101, 601) / 1000, rtol=1e-6)
    assert "the best 500 of 600 settings" in figure.get_suptitle()


def test_two_fields_make_columns_and_rows():
    figure = plots.plot_curves(make_results(WIDTHS, seeds=2, epochs=6), "val_loss")
    place = {ax.get_title(loc="left"): ax.get_subplotspec() for ax in figure.axes}
    assert set(place) == {f"{h}, {a}" for h in WIDTHS["hidden"] for a in WIDTHS["activation"]}
    assert (place["128, relu"].rowspan.start, place["128, relu"].colspan.start) == (0, 2)
    assert (place["128, sigmoid"].rowspan.start, place["128, sigmoid"].colspan.start) == (1, 2)


def test_limits_show_all_means_after_the_start_and_not_every_wide_band():
    """Two seeds have intervals 12.7 standard errors wide: they may double the height, no more."""
    ds = make_results({"width": [16, 64]}, seeds=2)
    ds["val_loss"] = ds.val_loss + 0.5 * (ds.seed - 0.5)
    low, high = plots.plot_curves(ds, "val_loss").axes[0].get_ylim()
    means = ds.val_loss.mean("seed").sel(epoch=slice(4, None))
    assert low < means.min()
    assert high > means.max()
    assert high - low == pytest.approx(2 * float(means.max() - means.min()), rel=0.1)


def test_values_over_several_magnitudes_get_a_log_scale():
    ds = make_results({"learning_rate": [0.1, 1.0]}, epochs=5)
    ds["val_loss"] = ds.val_loss * (1 + 1e4 * (ds.learning_rate > 0.5))
    figure = plots.plot_curves(ds, "val_loss")
    assert figure.axes[0].get_yscale() == "log"
    plots.figure_svg(figure)


@pytest.mark.parametrize("magnitudes", [2, 4, 8])
def test_the_labels_of_a_log_scale_do_not_overlap(magnitudes):
    ds = make_results({"activation": ["relu", "tanh", "sigmoid"], "learning_rate": [0.1, 1.0]}, epochs=5)
    ds["val_loss"] = ds.val_loss * (1 + (10.0**magnitudes - 1) * (ds.learning_rate > 0.5))
    figure = plots.plot_curves(ds, "val_loss")
    plots.figure_pixels(figure)
    ax = figure.axes[0]
    low, high = ax.get_ylim()
    labels = [
        label for label in ax.get_yticklabels() if low <= label.get_position()[1] <= high and label.get_text()
    ]
    boxes = sorted((label.get_window_extent() for label in labels), key=lambda box: box.y0)
    assert len(boxes) > 2
    assert all(below.y1 <= above.y0 for below, above in itertools.pairwise(boxes))


@pytest.mark.parametrize("sweep", [{}, {"width": [16, 64]}, WIDTHS])
def test_a_study_that_diverged_everywhere_can_still_be_drawn(sweep):
    ds = make_results(sweep, seeds=1, epochs=4)
    ds["diverged_at"] = ds.diverged_at * 0 + 7
    plots.figure_svg(plots.plot_curves(ds, "val_loss"))
    assert "all 1 seed diverged" in texts(plots.plot_comparison(ds, "val_loss"))


def test_an_unknown_metric_is_refused_with_the_nearest():
    with pytest.raises(InputError, match="did you mean `val_loss`"):
        plots.plot_curves(make_results(epochs=3), "val_los")


def test_comparison_rows_hold_means_intervals_and_seeds():
    """Oracle: numpy and scipy on the values at the best epochs."""
    ds = make_results({"width": [16, 64, 128]}, seeds=5, diverged={(1, 0): 5})
    figure = plots.plot_comparison(ds, "val_accuracy", selected={"width": 128})
    ax = figure.axes[0]
    best = ds.val_accuracy.max("epoch").values.astype(float)
    by_row = {y: [line for line in ax.lines if set(line.get_ydata()) == {y}] for y in range(3)}
    for y, seeds in enumerate((best[0], best[1, 1:], best[2])):
        dots, interval, mean = (line.get_xdata() for line in by_row[y])
        np.testing.assert_allclose(np.sort(dots[np.isfinite(dots)]), np.sort(seeds), rtol=1e-6)
        np.testing.assert_allclose(interval, scipy.stats.ttest_1samp(seeds, 0).confidence_interval(), rtol=1e-6)
        np.testing.assert_allclose(mean, seeds.mean(), rtol=1e-6)
    assert [label.get_text() for label in ax.get_yticklabels() if label.get_fontweight() == "bold"] == ["128"]
    assert "1 of 5 seeds diverged" in texts(figure)


def test_seeds_that_stopped_early_did_not_diverge():
    ds = make_results({"width": [16, 64]}, seeds=3, epochs=10)
    ds["val_loss"] = ds.val_loss.where((ds.width > 16) | (ds.seed > 1) | (ds.epoch <= 6))
    shown = texts(plots.plot_comparison(ds, "val_loss", epoch=10))
    assert "2 of 3 seeds stopped before epoch 10" in shown
    assert "diverged" not in shown


def test_comparison_of_many_settings_keeps_the_best():
    ds = make_results({"width": list(range(50))}, seeds=2, epochs=8)
    figure = plots.plot_comparison(ds, "val_loss")
    best = ds.val_loss.min("epoch").mean("seed").argsort()[:40]
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == [str(width) for width in sorted(best.values.tolist())]
    assert "the best 40 of 50" in texts(figure)


def test_confusion_cells_are_percent_of_their_row():
    """By hand: 49 of 50 = 98.0; a share that rounds to 0.0 is "<0.1"; a class without examples has no text."""
    matrix = [[49, 1, 0], [0, 9999, 1], [0, 0, 0]]
    figure = plots.plot_confusion(np.array(matrix), ["a", "b", "c"])
    cells = {text.get_position(): text.get_text() for text in figure.axes[0].texts}
    assert cells == {(0.5, 0.5): "98.0", (1.5, 0.5): "2.0", (1.5, 1.5): "100.0", (2.5, 1.5): "<0.1"}


def test_a_confusion_matrix_that_does_not_fit_its_names_is_refused():
    with pytest.raises(InputError, match=r"for 2 `class_names`; got \(3, 3\)"):
        plots.plot_confusion(np.eye(3), ["a", "b"])


def test_a_mesh_lists_its_points_row_by_row():
    mesh = plots.make_mesh(np.array([[0.0, 10], [1, 30]]), resolution=5, margin=0.5)
    np.testing.assert_allclose([mesh.x1[0], mesh.x1[-1], mesh.x2[0], mesh.x2[-1]], [-0.5, 1.5, 0, 40])
    assert mesh.inputs.shape == (25, 2)
    np.testing.assert_allclose(mesh.inputs[7], [mesh.x1[2], mesh.x2[1]])
    with pytest.raises(InputError, match=r"must be \(n, 2\), n >= 1; got \(3, 3\)"):
        plots.make_mesh(np.zeros((3, 3)))


def step_panel(num_classes=2):
    """A network that is sure of class 0 below the line x1 + 2 x2 = 1.5, and of class 1 above it."""
    points, labels = np.array([[0.0, 0], [1, 1]]), np.array([0, 1])
    mesh = plots.make_mesh(points, resolution=20)
    above = 1 / (1 + np.exp(-20 * (mesh.inputs @ [1, 2] - 1.5)))
    probabilities = np.stack([1 - above, above, *[0 * above] * (num_classes - 2)], 1)
    return plots.DecisionPanel("step", mesh, probabilities, points, labels)


@pytest.mark.parametrize("num_classes", [2, 4])
def test_the_field_has_the_classes_colours_and_the_boundary_is_where_they_are_equal(num_classes):
    """Oracle: the line x1 + 2 x2 = 1.5; the lower left corner is class 0, the upper left one class 1."""
    ax = plots.plot_decision_boundaries([[step_panel(num_classes)]]).axes[0]
    image = ax.images[0]
    field = image.get_array()
    np.testing.assert_allclose(image.get_extent(), [-0.12, 1.12, -0.12, 1.12])
    assert image.origin == "lower"
    for row, index in ((0, 0), (-1, 1)):
        hue = 1 - np.array(to_rgb(CATEGORIES[index]))
        np.testing.assert_allclose((1 - field[row, 0]) / (1 - field[row, 0]).max(), hue / hue.max(), atol=0.02)
    contour = next(c for c in ax.collections if isinstance(c, matplotlib.contour.ContourSet))
    np.testing.assert_allclose(contour.get_paths()[0].vertices @ [1, 2], 1.5, atol=0.02)


def test_a_grid_may_have_rows_of_different_length():
    figure = plots.plot_decision_boundaries([[step_panel()] * 3, [step_panel()]], class_names=["left", "right"])
    assert len(figure.axes) == 4
    assert "left" in texts(figure)
    plots.figure_svg(figure)


def test_probabilities_of_another_mesh_are_refused():
    panel = step_panel()._replace(probabilities=np.ones((7, 2)))
    with pytest.raises(InputError, match=r"must be \(400, classes\) .* got \(7, 2\) in panel 'step'"):
        plots.plot_decision_boundaries([[panel]])


def test_images_are_tiled_in_reading_order():
    images = np.arange(5 * 2 * 3).reshape(5, 2, 3)
    mosaic = plots.plot_images(images, num_columns=3).axes[0].images[0].get_array()
    assert mosaic.shape == (5, 11)
    np.testing.assert_array_equal(mosaic[0:2, 4:7], images[1])
    np.testing.assert_array_equal(mosaic[3:5, 4:7], images[4])
    assert np.ma.getmaskarray(mosaic)[2].all()
    assert np.ma.getmaskarray(mosaic)[:, 3].all()


def test_signed_images_are_centred_on_zero():
    image = plots.plot_images(np.array([[[-1.0, 3.0]]]), signed=True).axes[0].images[0]
    assert image.get_clim() == (-3, 3)


def test_signed_images_in_colour_have_zero_in_the_middle():
    image = plots.plot_images(np.array([[[[-2.0, 0, 2]]]]), signed=True).axes[0].images[0]
    np.testing.assert_array_equal(image.get_array()[0, 0], [0, 0.5, 1])


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((4, 8), {}, r"must be \(n, height, width\).* got \(4, 8\)"),
        ((4, 8, 8, 2), {}, r"got \(4, 8, 8, 2\)"),
        ((0, 8, 8), {}, r"got \(0, 8, 8\)"),
        ((4, 8, 8), {"num_columns": 2, "row_labels": ["a"]}, "must name the 2 rows; got 1"),
    ],
)
def test_images_of_another_form_are_refused(shape, options, message):
    with pytest.raises(InputError, match=message):
        plots.plot_images(np.zeros(shape), **options)


def test_samples_show_each_class_in_its_row():
    images = np.repeat(np.arange(6, dtype=np.uint8), 4).reshape(6, 2, 2)
    labels = np.array([0, 1, 0, 1, 0, 2])
    figure = plots.plot_samples(images, labels, class_names=["a", "b", "c"])
    mosaic = figure.axes[0].images[0].get_array()
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["a", "b", "c"]
    assert [[mosaic[3 * row, 3 * column] for column in range(3)] for row in range(3)] == [
        [0, 2, 4],
        [1, 3, 0],
        [5, 0, 0],
    ]


@pytest.mark.parametrize(
    ("inputs", "targets"),
    [
        (np.random.default_rng(0).normal(0, 1, (30, 2)), np.arange(30) % 3),
        (np.random.default_rng(0).normal(0, 1, (30, 2)), np.linspace(-1, 1, 30)[:, None]),
        (np.random.default_rng(0).normal(0, 1, (30, 9)), np.arange(30) % 8),
        (np.random.default_rng(0).normal(0, 1, (30, 1)), np.linspace(-1, 1, 30)),
        (np.random.default_rng(0).integers(0, 255, (30, 4, 4, 3), np.uint8), np.linspace(-1, 1, 30)),
    ],
)
def test_samples_of_any_form_can_be_drawn(inputs, targets):
    plots.figure_svg(plots.plot_samples(inputs, targets, title="any"))


def test_principal_components_keep_the_widest_directions():
    """Oracle: axis-aligned data with standard deviations 9, 5, 1 projects onto its first two columns."""
    table = np.random.default_rng(0).normal(0, 1, (2000, 3)) * [5, 1, 9]
    ax = plots.plot_samples(table, np.zeros(2000, int)).axes[0]
    points = ax.collections[0].get_offsets()
    np.testing.assert_allclose(np.abs(np.corrcoef(points[:, 0], table[:, 2])[0, 1]), 1, atol=1e-2)
    np.testing.assert_allclose(np.abs(np.corrcoef(points[:, 1], table[:, 0])[0, 1]), 1, atol=1e-2)


def test_samples_and_targets_need_the_same_rows():
    with pytest.raises(InputError, match=r"got \(4, 2\), \(3,\)"):
        plots.plot_samples(np.zeros((4, 2)), np.zeros(3, int))


def test_text_is_text_whatever_signs_it_holds():
    names = ["$x$", "a & b", "<i>", "100%_\\"]
    svg = plots.figure_svg(plots.plot_confusion(np.eye(4), names))
    for shown in ("$x$", "a &amp; b", "&lt;i&gt;", "100%_\\"):
        assert f">{shown}</text>" in svg


def test_colours_tell_twelve_settings_apart_and_order_numbers_by_lightness():
    assert len(set(line_colors([str(k) for k in range(12)]))) == 12
    lightness = [np.dot(color, [0.2126, 0.7152, 0.0722]) for color, _ in line_colors([0.1, 0.2, 0.5, 1.0, 2.0])]
    assert lightness == sorted(lightness, reverse=True)


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_the_same_figure_is_the_same_file(tmp_path, suffix):
    """Two drawings, one of them under another user's settings, and no date inside."""
    ds = make_results(WIDTHS, seeds=2, epochs=6)
    first = plots.save_figure(plots.plot_curves(ds, "val_loss"), tmp_path / f"a.{suffix}").read_bytes()
    with matplotlib.rc_context({"svg.hashsalt": None, "svg.fonttype": "path"}):
        second = plots.save_figure(plots.plot_curves(ds, "val_loss"), tmp_path / f"b.{suffix}").read_bytes()
    assert first == second
    if suffix == "svg":
        assert "date" not in first.decode().lower()
    else:
        with Image.open(tmp_path / "a.png") as image:
            assert set(image.info) == {"dpi"}


@pytest.mark.parametrize("caption", ["", "What is shown, α and <b>."])
def test_a_caption_is_in_the_file(tmp_path, caption):
    """Read by Pillow, and by an XML parser."""
    figure = plots.plot_confusion(np.eye(2), ["a", "b"])
    with Image.open(plots.save_figure(figure, tmp_path / "a.png", caption=caption)) as image:
        assert image.info.get("Description", "") == caption
    tree = ElementTree.parse(plots.save_figure(figure, tmp_path / "a.svg", caption=caption))
    found = [node.text for node in tree.iter("{http://purl.org/dc/elements/1.1/}description")]
    assert found == [caption] * bool(caption)


def test_other_figure_formats_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"did you mean `\.svg`"):
        plots.save_figure(plots.plot_confusion(np.eye(2), "ab"), tmp_path / "figure.svgz")
    assert list(tmp_path.iterdir()) == []


def test_an_embedded_figure_takes_the_page_colours_and_keeps_its_identifiers_apart():
    figure = plots.plot_comparison(make_results({"width": [16, 64]}), "val_loss", selected={"width": 16})
    one, two = (plots.embed_svg(figure, name=name) for name in ("one", "two"))
    assert one.startswith("<svg")
    for color in ("#24292f", "#6e7781", "#d8dee4", "#ffffff", "#0067a5"):
        assert color not in one
    assert "fill: var(--ink)" in one
    ids = [set(re.findall(r'\bid="([^"]+)"', svg)) for svg in (one, two)]
    assert not ids[0] & ids[1]
    assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', one)) <= ids[0]
    assert set(re.findall(r"https?://[^\"' ]+", one)) == {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }


def test_a_figure_from_elsewhere_keeps_its_own_colours():
    figure = plots.Figure()
    figure.subplots().plot([1, 2])
    assert "fill: #ffffff" in plots.embed_svg(figure, name="other")


@pytest.mark.parametrize("title", ["fine", "$not \\math$"])
def test_a_figure_from_elsewhere_stays_on_its_canvas(title, tmp_path):
    """Where it may be on somebody's screen, also when it cannot be drawn."""
    figure = matplotlib.figure.Figure(dpi=70)
    figure.subplots().set_title(title, parse_math=True)
    canvas = figure.canvas
    for name in ("figure.svg", "figure.png"):
        with contextlib.nullcontext() if title == "fine" else pytest.raises(ValueError, match="math"):
            plots.save_figure(figure, tmp_path / name)
        assert figure.canvas is canvas
        assert figure.dpi == 70


def test_drawing_leaves_the_global_settings_alone():
    before = dict(matplotlib.rcParams)
    plots.figure_svg(plots.plot_comparison(make_results({"width": [16, 64]}), "val_loss"))
    assert dict(matplotlib.rcParams) == before


def test_drawing_never_loads_pyplot():
    """Oracle: sys.modules of a fresh interpreter."""
    code = (
        "import sys, numpy as np; from jaxnn import plots;"
        "plots.figure_svg(plots.plot_confusion(np.eye(2), 'ab')); print('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_nothing_but_plots_imports_matplotlib():
    """Oracle: the import statements of every module that run (those for type checkers alone do not)."""
    root = Path(jaxnn.__file__).parent
    importers = {path.relative_to(root).parts[0] for path in root.rglob("*.py") if "matplotlib" in imported(path)}
    assert importers == {"plots"}


def imported(path):
    """Top-level packages that a module imports when it runs."""
    found, nodes = set(), [ast.parse(path.read_text())]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").split(".")[0])
        nodes += ast.iter_child_nodes(node)
    return found


def test_the_figure_of_ten_classes_names_them_all():
    figure = plots.plot_confusion(make_results().confusion.sum("seed").values, CLASSES)
    assert all(name in texts(figure) for name in CLASSES)
