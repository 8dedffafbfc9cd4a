"""Dots of members and tables of numbers: what is drawn is what was given."""

import numpy as np
import pytest
from matplotlib.collections import PathCollection

from jaxnn import plots
from jaxnn.errors import InputError


def test_spread_draws_every_value_once_apart():
    groups = {"5 units": np.array([0.5, 0.5, 0.9]), "20 units": np.array([0.7, np.nan])}
    figure = plots.plot_spread(groups, "val_accuracy", reference=("claim", 0.8))
    ax = figure.axes[0]
    dots = [np.asarray(c.get_offsets()) for c in ax.collections if isinstance(c, PathCollection)]
    assert [sorted(row[:, 0].tolist()) for row in dots] == [[0.5, 0.5, 0.9], [0.7]]
    assert len(np.unique(dots[0], axis=0)) == 3  # the two equal values do not hide one another
    assert np.abs(dots[0][:, 1]).max() <= 0.3
    assert [label.get_text() for label in ax.get_yticklabels()] == ["5 units", "20 units (1 without a value)"]
    assert 0.8 in ax.lines[0].get_xdata()


def test_spread_needs_a_group():
    with pytest.raises(InputError, match="`groups`"):
        plots.plot_spread({}, "val_accuracy")


def test_table_shows_its_numbers_or_the_given_texts():
    values = np.array([[1.0, 2.5], [np.nan, 0.0]])
    labels = {"row_labels": ["a", "b"], "column_labels": ["x", "y"]}
    assert cells(plots.plot_table(values, **labels)) == ["1", "2.5", "nan", "0"]
    given = plots.plot_table(values, texts=[["1 of 3", "2"], ["never", "0"]], label="epochs", **labels)
    assert cells(given) == ["1 of 3", "2", "never", "0"]


def test_table_must_fit_its_labels():
    with pytest.raises(InputError, match=r"\(1, 2\)"):
        plots.plot_table(np.zeros((2, 2)), row_labels=["a"], column_labels=["x", "y"])


def cells(figure):
    return [text.get_text() for text in figure.axes[0].texts]
