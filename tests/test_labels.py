"""Numbers and names as people read them; every expected text was written by hand."""

import math

import pytest

from jaxnn import labels


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.34119, "0.3412"),
        (0.3, "0.3000"),
        (12.3456, "12.35"),
        (1234.0, "1234"),
        (123456.0, "1.235e+05"),
        (-0.00012345, "−0.0001234"),
        (0.0, "0.000"),
        (math.nan, "–"),
        (-math.inf, "−∞"),
    ],
)
def test_number(value, text):
    assert labels.number(value) == text


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        ("val_accuracy", 0.87654, "87.65%"),
        ("test_accuracy", math.nan, "–"),
        ("val_loss", 0.87654, "0.8765"),
        ("val_loss", -0.5, "−0.5000"),
    ],
)
def test_metric_value(metric, value, text):
    assert labels.metric_value(metric, value) == text


@pytest.mark.parametrize(
    ("metric", "difference", "text"),
    [
        ("val_accuracy", 0.0052, "+0.52 pp"),
        ("val_accuracy", -0.01, "−1.00 pp"),
        ("val_loss", 0.01234, "+0.0123"),
        ("val_loss", -0.5, "−0.500"),
        ("val_loss", math.nan, "–"),
        ("val_accuracy", math.inf, "∞"),
    ],
)
def test_difference(metric, difference, text):
    assert labels.difference_label(metric, difference) == text


def test_an_interval_without_ends_is_a_dash():
    assert labels.interval_label("val_accuracy", 0.871, 0.883) == "87.10% to 88.30%"
    assert labels.interval_label("val_loss", -math.inf, math.inf) == "–"
    assert labels.interval_label("val_loss", math.nan, math.nan) == "–"
    assert labels.difference_interval_label("val_loss", math.nan, math.nan) == "–"


def test_both_ends_of_an_interval_have_the_same_decimals():
    assert labels.interval_label("val_loss", -0.0086443, 0.19621) == "−0.0086 to 0.1962"
    assert labels.interval_label("val_loss", 8.12345, 12.3456) == "8.12 to 12.35"
    assert labels.interval_label("val_loss", 1.5e7, 2.5e7) == "1.500e+07 to 2.500e+07"
    assert labels.interval_label("val_loss", 0.0, 0.0) == "0.000 to 0.000"
    assert labels.difference_interval_label("val_loss", -0.0001, 0.0213) == "−0.0001 to +0.0213"
    assert labels.difference_interval_label("val_accuracy", -0.0101, 0.002) == "−1.01 to +0.20 pp"


def test_settings_and_metrics_in_words():
    assert labels.setting_label({"hidden": 16, "learning_rate": 1e-5, "activation": "relu"}) == (
        "hidden 16, learning rate 1e−05, activation relu"
    )
    assert labels.setting_label({}) == "the only setting"
    assert labels.metric_label("val_accuracy") == "validation accuracy"
    assert labels.metric_label("train_loss") == "training loss"


@pytest.mark.parametrize(("p", "text"), [(0.00099, "< 0.001"), (0.0316, "0.032"), (1.0, "1.000"), (math.nan, "–")])
def test_p_value(p, text):
    assert labels.p_label(p) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.8421, "0.842 s"), (12.34, "12.3 s"), (99.96, "100 s"), (184.4, "3 min 4 s"), (7512, "2 h 5 min")],
)
def test_duration(seconds, text):
    assert labels.duration_label(seconds) == text


def test_counts():
    assert labels.count_label(1, "seed") == "1 seed"
    assert labels.count_label(2000, "network") == "2,000 networks"
    assert labels.count_label(0, "seed") == "0 seeds"


@pytest.mark.parametrize(
    ("flops", "text"),
    [(0, "0 FLOP"), (999, "999 FLOP"), (1234, "1.23 kFLOP"), (999_600, "1 MFLOP"), (3.63e16, "36.3 PFLOP"),
     (5e21, "5,000 EFLOP")],
)  # fmt: skip
def test_operations_have_the_prefixes_of_the_si(flops, text):
    assert labels.flops_label(flops) == text


@pytest.mark.parametrize(
    ("num_bytes", "text"), [(0, "0.0 MiB"), (2**20, "1.0 MiB"), (1000 * 2**20, "1.0 GiB"), (2**41, "2,048.0 GiB")]
)
def test_bytes_are_said_in_powers_of_two(num_bytes, text):
    assert labels.bytes_label(num_bytes) == text


@pytest.mark.parametrize(
    ("seeds", "text"),
    [([0], "seed 0"), ([0, 1, 2], "seeds 0, 1, 2"), (range(2000), "seeds 0 to 1,999"),
     ([3, 4, 6, 7], "seeds 3, 4, 6, 7")],
)  # fmt: skip
def test_seeds_in_a_row_are_a_range(seeds, text):
    assert labels.seeds_label(seeds) == text
