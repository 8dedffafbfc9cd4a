"""A metric against a number: the lines and bands are the values that were given."""

import numpy as np
import pytest

from jaxnn import plots
from jaxnn.errors import InputError


def test_lines_and_bands_are_the_values_given():
    places, values = [2, 8, 32], np.array([0.3, 0.2, 0.1])
    lines = {"test": plots.Line(values, values - 0.05, values + 0.05), "PCA": plots.Line(values / 2, dashed=True)}
    (ax,) = plots.plot_lines(places, lines, x_label="code", y_label="error").axes
    solid, dashed = ax.lines
    np.testing.assert_array_equal(solid.get_xydata(), np.column_stack([places, values]))
    np.testing.assert_array_equal(dashed.get_ydata(), values / 2)
    assert dashed.get_linestyle() == "--"
    (band,) = ax.collections
    heights = band.get_paths()[0].vertices[:, 1]
    assert heights.min() == pytest.approx(0.05)
    assert heights.max() == pytest.approx(0.35)
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")


def test_the_labels_of_a_logarithmic_scale_are_numbers():
    """There is more than one, though the values span less than a factor of ten."""
    figure = plots.plot_lines([2, 8], {"test": plots.Line(np.array([0.06, 0.008]))}, x_label="", y_label="")
    plots.figure_pixels(figure)
    (ax,) = figure.axes
    low, high = ax.get_ylim()
    labels = {label.get_position()[1]: label.get_text() for label in ax.get_yticklabels()}
    shown = {float(text) for at, text in labels.items() if low <= at <= high}
    assert shown == {0.01, 0.02, 0.05}


def test_a_value_for_every_place():
    lines = {"test": plots.Line(np.zeros(2))}
    with pytest.raises(InputError, match=r"a value for each of the 3 places; 'test' has the shape \(2,\)"):
        plots.plot_lines([1, 2, 3], lines, x_label="", y_label="")
