"""Codes in the plane: the points that are drawn are those that were given, class by class."""

import numpy as np
import pytest

from jaxnn import plots
from jaxnn.errors import InputError


def test_every_class_is_drawn_in_every_panel_with_the_centres():
    rng = np.random.default_rng(0)
    labels, panels = rng.integers(0, 3, 40), [rng.normal(size=(40, 2)), rng.normal(size=(40, 2))]
    centres = np.array([[0.0, 1.0], [2.0, 3.0]])
    figure = plots.plot_codes(panels, labels, class_names=("a", "b", "c"), titles=("one", "two"), centres=centres)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["one", "two"]
    for ax, points in zip(figure.axes, panels, strict=True):
        *classes, marked = ax.collections
        for k, drawn in enumerate(classes):
            np.testing.assert_array_equal(drawn.get_offsets(), points[labels == k])
        np.testing.assert_array_equal(marked.get_offsets(), centres)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["a", "b", "c", "centre of a cluster"]


def test_names_that_begin_with_an_underscore_are_in_the_legend():
    labels, points = np.array([0, 1]), np.zeros((2, 2))
    of_codes = plots.plot_codes([points], labels, class_names=("_a", "b"))
    for figure in (of_codes, plots.plot_samples(points, labels, class_names=("_a", "b"))):
        assert [text.get_text() for text in figure.legends[0].get_texts()] == ["_a", "b"]


@pytest.mark.parametrize(
    ("codes", "titles", "message"),
    [
        ([np.zeros((4, 3))], (), r"`codes` must be \(4, 2\) each, a row for each label; got \(4, 3\)"),
        ([np.zeros((5, 2))], (), r"got \(5, 2\)"),
        ([np.zeros((4, 2))], ("a", "b"), "`titles` must name the 1 panels; got 2"),
    ],
)
def test_arrays_that_do_not_fit(codes, titles, message):
    with pytest.raises(InputError, match=message):
        plots.plot_codes(codes, np.zeros(4, int), class_names=("a",), titles=titles)
