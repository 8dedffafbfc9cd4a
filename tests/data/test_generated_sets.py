"""Generated sets against scikit-learn's own points, and against the Playground's formulas point by point.

The Playground draws with another random generator, so its sets are compared in what does not depend on it: the
label of each point, the region each point lies in, and the moments of a large sample.
"""

import math
import random

import numpy as np
import pytest
from sklearn.datasets import make_blobs, make_moons

from jaxnn.data import load
from jaxnn.data.config import DataConfig
from jaxnn.data.generated import blobs, circle, gauss, moons, multi_gauss, plane, spiral, spiral_k, xor
from jaxnn.errors import InputError

PLAYGROUND = {"circle": circle, "gauss": gauss, "xor": xor, "spiral": spiral}
REGRESSION = {"plane": plane, "multi_gauss": multi_gauss}


def draw(read, **options):
    return read(DataConfig(read.__name__, **options)).train


@pytest.mark.parametrize(("n", "noise", "seed"), [(500, 0.2, 0), (201, 0.0, 7), (2, 1.5, 2**32 - 1)])
def test_moons_are_scikit_learns_points(n, noise, seed):
    x, y = make_moons(n, noise=noise, random_state=seed)
    split = draw(moons, num_examples=n, noise=noise, data_seed=seed)
    np.testing.assert_array_equal(split.x, x.astype(np.float32))
    np.testing.assert_array_equal(split.y, y)


@pytest.mark.parametrize(("n", "num_classes", "noise", "seed"), [(500, 3, 1.0, 0), (47, 5, 0.3, 11)])
def test_blobs_are_scikit_learns_points(n, num_classes, noise, seed):
    x, y = make_blobs(n, centers=num_classes, cluster_std=noise, random_state=seed)
    split = draw(blobs, num_examples=n, num_classes=num_classes, noise=noise, data_seed=seed)
    np.testing.assert_array_equal(split.x, x.astype(np.float32))
    np.testing.assert_array_equal(split.y, y)


def spiral_point(i, n, half_turn):
    """The i-th of the n points of one Playground arm: radius 5 i/n, angle 1.75 turns along it."""
    radius, angle = i / n * 5, 1.75 * i / n * 2 * math.pi + (math.pi if half_turn else 0)
    return radius * math.sin(angle), radius * math.cos(angle)


def test_spiral_follows_its_curve_exactly_without_noise():
    split = draw(spiral, num_examples=300)
    positive = [spiral_point(i, 150, False) for i in range(150)]
    negative = [spiral_point(i, 150, True) for i in range(150)]
    np.testing.assert_allclose(split.x[split.y == 1], positive, atol=1e-6)
    np.testing.assert_allclose(split.x[split.y == 0], negative, atol=1e-6)


def test_spiral_noise_is_uniform_up_to_the_slider_as_a_fraction():
    """uniform(-1, 1) * 0.4: never beyond 0.4, and of deviation 0.4 / sqrt(3)."""
    split = draw(spiral, num_examples=20_000, noise=40)
    clean = draw(spiral, num_examples=20_000)
    moved = split.x - clean.x
    assert np.abs(moved).max() <= 0.4 + 1e-6
    np.testing.assert_allclose(moved.std(), 0.4 / math.sqrt(3), rtol=0.01)


def test_circle_has_a_disc_and_a_ring_of_uniform_radius():
    """Radii are uniform on (0, 2.5) and (3.5, 5), not areas: means 1.25 and 4.25, deviation (b - a) / sqrt(12)."""
    split = draw(circle, num_examples=20_000)
    radius = np.hypot(*split.x.T)
    inside, outside = radius[split.y == 1], radius[split.y == 0]
    assert len(inside) == len(outside) == 10_000
    assert inside.max() < 2.5
    assert outside.min() >= 3.5 - 1e-6
    assert outside.max() < 5
    np.testing.assert_allclose([inside.mean(), inside.std()], [1.25, 2.5 / math.sqrt(12)], rtol=0.02)
    np.testing.assert_allclose([outside.mean(), outside.std()], [4.25, 1.5 / math.sqrt(12)], rtol=0.02)


def test_xor_keeps_clear_of_the_axes_and_labels_by_quadrant():
    split = draw(xor, num_examples=5000)
    assert np.abs(split.x).min() >= 0.3
    assert np.abs(split.x).max() <= 5.3
    assert all(label == (x1 * x2 >= 0) for (x1, x2), label in zip(split.x, split.y, strict=True))


@pytest.mark.parametrize(("noise", "variance"), [(0, 0.5), (25, 2.25), (50, 4.0)])
def test_gauss_widens_from_variance_one_half_to_four(noise, variance):
    """d3's linear scale from [0, 0.5] to [0.5, 4], clouds about (2, 2) and (-2, -2)."""
    split = draw(gauss, num_examples=40_000, noise=noise)
    for label, center in ((1, 2.0), (0, -2.0)):
        cloud = split.x[split.y == label]
        assert len(cloud) == 20_000
        np.testing.assert_allclose(cloud.mean(axis=0), center, atol=0.06)
        np.testing.assert_allclose(cloud.var(axis=0), variance, rtol=0.05)


def flipped_share(set_name, noise, n=20_000):
    """Share of points that the Playground's noise mislabels, drawn one by one with Python's own generator."""
    rng, flipped = random.Random(0), 0
    for i in range(n):
        if set_name == "circle":
            inside = i % 2 == 0
            radius, angle = rng.uniform(*((0, 2.5) if inside else (3.5, 5))), rng.uniform(0, 2 * math.pi)
            x1, x2 = radius * math.sin(angle), radius * math.cos(angle)
            true = inside
        else:
            x1, x2 = (u + (0.3 if u > 0 else -0.3) for u in (rng.uniform(-5, 5), rng.uniform(-5, 5)))
            true = x1 * x2 >= 0
        x1, x2 = x1 + rng.uniform(-5, 5) * noise / 100, x2 + rng.uniform(-5, 5) * noise / 100
        seen = math.hypot(x1, x2) < 2.5 if set_name == "circle" else x1 * x2 >= 0
        flipped += seen != true
    return flipped / n


@pytest.mark.parametrize("set_name", ["circle", "xor"])
@pytest.mark.parametrize("noise", [10, 50])
def test_noise_mislabels_as_many_points_as_on_the_playground(set_name, noise):
    """Two independent binomial samples of 20,000: equal within five deviations of their difference."""
    split = draw(PLAYGROUND[set_name], num_examples=20_000, noise=noise)
    if set_name == "circle":
        true = np.hypot(*split.x.T) < 3
        assert np.hypot(*split.x.T).max() < 5  # the points themselves stay where they are
    else:
        true = split.x[:, 0] * split.x[:, 1] >= 0
    found, expected = np.mean(true != split.y), flipped_share(set_name, noise)
    assert abs(found - expected) < 5 * math.sqrt(2 * expected * (1 - expected) / 20_000) + 1e-9
    assert noise == 10 or found > 0.05


def test_plane_is_the_sum_over_ten():
    split = draw(plane)
    assert split.x.shape == (1200, 2)
    np.testing.assert_allclose(split.y[:, 0], (split.x[:, 0] + split.x[:, 1]) / 10, atol=1e-6)
    assert np.abs(split.x).max() <= 6


def test_plane_noise_is_that_of_a_moved_point():
    """Noise (u1 + u2) / 10 with u uniform on (-3, 3): variance 2 * 3 / 100."""
    split = draw(plane, num_examples=40_000, noise=50)
    residual = split.y[:, 0] - split.x.sum(axis=1) / 10
    np.testing.assert_allclose(residual.var(), 0.06, rtol=0.03)


def test_multi_gauss_is_the_nearest_cone_of_six():
    """Point by point: of the six cones 1 - distance / 2, cut at 0, the one that is largest in absolute value."""
    cones = [(-4, 2.5, 1), (0, 2.5, -1), (4, 2.5, 1), (-4, -2.5, -1), (0, -2.5, 1), (4, -2.5, -1)]
    split = draw(multi_gauss, num_examples=800)
    for (x1, x2), (y,) in zip(split.x.tolist(), split.y.tolist(), strict=True):
        expected = max((s * max(0.0, 1 - math.dist((x1, x2), (a, b)) / 2) for a, b, s in cones), key=abs)
        assert y == pytest.approx(expected, abs=1e-5)
    assert split.y.min() < -0.8
    assert split.y.max() > 0.8


def test_spiral_k_has_the_first_arm_of_the_course_notes_and_its_rotations():
    """cs231n: r = linspace(0, 1, N), t = linspace(0, 4, N), x = (r sin t, r cos t)."""
    split = draw(spiral_k, num_examples=400, num_arms=4, noise=0)
    r, t = np.linspace(0, 1, 100), np.linspace(0, 4, 100)
    first = np.stack([r * np.sin(t), r * np.cos(t)], axis=1)
    quarter_turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    for arm in range(4):
        np.testing.assert_allclose(split.x[split.y == arm], first, atol=1e-6)
        first = first @ quarter_turn


def test_spiral_k_noise_is_on_the_angle_alone():
    noisy, clean = (draw(spiral_k, num_examples=9000, noise=noise) for noise in (0.2, 0.0))
    np.testing.assert_allclose(np.hypot(*noisy.x.T), np.hypot(*clean.x.T), atol=1e-6)
    turn = np.angle(np.exp(1j * (np.arctan2(*noisy.x.T) - np.arctan2(*clean.x.T))))[clean.x.any(axis=1)]
    np.testing.assert_allclose(turn.std(), 0.2, rtol=0.03)


@pytest.mark.parametrize("name", [*PLAYGROUND, *REGRESSION, "moons", "blobs", "spiral_k"])
@pytest.mark.parametrize("seed", [0, -3, 2**40, 10**30])
def test_any_seed_draws_its_own_points(name, seed):
    one, same, other = (load(name, data_seed=s, num_examples=60, noise=0.3) for s in (seed, seed, seed + 1))
    np.testing.assert_array_equal(one.train.x, same.train.x)
    assert one.info.sha256 == same.info.sha256
    assert one.info.sha256["train.x"] != other.info.sha256["train.x"]


@pytest.mark.parametrize("name", [*PLAYGROUND, *REGRESSION, "moons", "blobs", "spiral_k"])
def test_an_odd_number_of_points_is_exact(name):
    data = load(name, num_examples=101, validation=10, test=11)
    assert [len(s.y) for s in (data.train, data.validation, data.test)] == [80, 10, 11]
    if data.info.task == "classification" and name != "xor":  # the Playground draws xor's labels at random
        labels = np.concatenate([data.train.y, data.validation.y, data.test.y])
        assert np.ptp(np.bincount(labels)) <= 1


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("circle", {"noise": 51}, r"`noise` must be a finite number in \[0, 50\]; got 51"),
        ("moons", {"noise": -0.1}, "`noise` must be a finite number .* got -0.1"),
        ("moons", {"noise": float("nan")}, "got nan"),
        ("moons", {"noise": "a lot"}, "`noise` must be a number; got 'a lot'"),
        ("spiral", {"num_examples": 1}, "`num_examples` must be an integer of at least 2; got 1"),
        ("spiral", {"num_examples": 10.0}, "got 10.0"),
        ("spiral_k", {"num_arms": 1}, "`num_arms` must be an integer of at least 2; got 1"),
        ("spiral_k", {"num_arms": 5, "num_examples": 4}, "`num_examples` must be an integer of at least 5; got 4"),
        ("blobs", {"num_classes": 1}, "`num_classes` must be an integer of at least 2; got 1"),
        ("moons", {"data_seed": 0.5}, "`data_seed` must be an integer; got 0.5"),
    ],
)
def test_impossible_options_are_refused(name, options, message):
    with pytest.raises(InputError, match=message):
        load(name, **options)
