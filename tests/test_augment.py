"""Augmentation against scipy.ndimage, and each random change against what its number promises."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from jaxnn.augment import TERMS, augment, move
from jaxnn.train import step_inputs
from jaxnn.types import Batch, Hparams, TrainState

KEY = jax.random.key(3)
NUM_IMAGES, HEIGHT, WIDTH = 400, 9, 12


@pytest.fixture(scope="module")
def images():
    return jax.random.uniform(jax.random.key(0), (NUM_IMAGES, HEIGHT, WIDTH, 2), minval=0.1)


def changed(images, **numbers):
    return np.asarray(jax.jit(augment)(KEY, images, Hparams(**numbers)))


@pytest.mark.parametrize("angle", [0.0, 17.0, -90.0, 133.0])
def test_rotation_is_scipys(images, angle):
    """`ndimage.rotate`, linear, with zeros all around."""
    some = images[:3]
    found = move(some, *jnp.zeros((2, 3)), jnp.full(3, np.deg2rad(angle)))
    for image, turned in zip(np.asarray(some, np.float64), np.asarray(found), strict=True):
        expected = ndimage.rotate(image, angle, reshape=False, order=1, mode="grid-constant")
        np.testing.assert_allclose(turned, expected, atol=2e-5)


def test_shift_is_scipys_each_image_by_its_own(images):
    down, right = np.array([0.0, 1.5, -3.25, 20.0]), np.array([0.0, -2.0, 4.75, 0.0])
    found = move(images[:4], jnp.asarray(down), jnp.asarray(right), jnp.zeros(4))
    for position, image in enumerate(np.asarray(images[:4], np.float64)):
        expected = ndimage.shift(image, (down[position], right[position], 0), order=1, mode="grid-constant")
        np.testing.assert_allclose(found[position], expected, atol=2e-6)


def test_rotation_comes_before_the_shift(images):
    """`ndimage.affine_transform`, with the matrix and offset of the way back written out."""
    angle, shift = np.deg2rad(30.0), np.array([1.25, -2.5])
    found = move(images[:1], *jnp.asarray(shift)[:, None], jnp.full(1, angle))[0, :, :, 0]
    back = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    middle = (np.array([HEIGHT, WIDTH]) - 1) / 2
    image = np.asarray(images[0, :, :, 0], np.float64)
    offset = middle - back @ (middle + shift)
    expected = ndimage.affine_transform(image, back, offset, order=1, mode="grid-constant")
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("numbers", [{name: 0.0} for name in TERMS] + [dict.fromkeys(TERMS, 0.0)])
def test_a_term_of_0_changes_no_bit(images, numbers):
    np.testing.assert_array_equal(changed(images, **numbers), images)


def test_shifts_are_uniform_in_both_directions():
    """A ramp read d pixels away has d less; a uniform number in [-m, m] has the deviation m / sqrt(3)."""
    ramp = jnp.broadcast_to(jnp.arange(20.0)[None, :, None, None], (NUM_IMAGES, 20, 10, 1))
    for image, size in ((ramp, 20), (ramp.swapaxes(1, 2), 20)):
        middle = changed(image, shift=0.2)[:, image.shape[1] // 2, image.shape[2] // 2, 0]
        shifts = np.asarray(image[:, image.shape[1] // 2, image.shape[2] // 2, 0]) - middle
        largest = 0.2 * size
        assert largest * 0.97 < np.abs(shifts).max() <= largest * 1.00001
        assert abs(shifts.mean()) < 5 * largest / np.sqrt(3 * NUM_IMAGES)
        assert abs(shifts.std() - largest / np.sqrt(3)) < 0.1 * largest


def test_rotations_stay_within_their_angle():
    """A bar of 41 pixels turned by at most 10 degrees: its end moves by at most 20 sin 10 = 3.5 pixels."""
    bar = jnp.zeros((NUM_IMAGES, 41, 41, 1)).at[:, 20].set(1.0)
    end = changed(bar, rotation=10.0)[:, :, 37, 0]
    moved = (end * (20 - np.arange(41))).sum(1) / end.sum(1)  # rows upwards
    angles = np.rad2deg(np.arctan(moved / 17))
    assert 9.5 < np.abs(angles).max() < 10.3
    assert abs(angles.mean()) < 5 * 10 / np.sqrt(3 * NUM_IMAGES)


def test_a_flip_mirrors_its_share_of_the_images(images):
    found = changed(images, flip=0.3)
    is_flipped = (found == np.asarray(images)[:, :, ::-1]).all((1, 2, 3))
    np.testing.assert_array_equal(found[~is_flipped], np.asarray(images)[~is_flipped])
    assert abs(is_flipped.mean() - 0.3) < 5 * np.sqrt(0.3 * 0.7 / NUM_IMAGES)
    np.testing.assert_array_equal(changed(images, flip=1.0), np.asarray(images)[:, :, ::-1])


def test_brightness_is_one_factor_an_image(images):
    factors = changed(images, brightness=0.4) / np.asarray(images)
    each = factors.mean((1, 2, 3))
    np.testing.assert_allclose(factors, np.broadcast_to(each[:, None, None, None], factors.shape), rtol=1e-5)
    assert 0.6 <= each.min() < 0.62
    assert 1.38 < each.max() <= 1.4
    assert abs(each.mean() - 1) < 5 * 0.4 / np.sqrt(3 * NUM_IMAGES)


def test_erasing_fills_a_rectangle_of_its_share_of_the_images():
    """Zhong et al. 2017: 2 to 40% of the area, sides in the ratio 0.3 to 3.3; whole pixels round both."""
    blank = jnp.full((NUM_IMAGES, 40, 40, 3), -1.0)
    found = changed(blank, erasing=0.6)
    erased = (found != -1).all(-1)
    np.testing.assert_array_equal(erased, (found != -1).any(-1))
    assert found[erased].min() >= 0
    assert found[erased].max() < 1
    assert 0.45 < found[erased].mean() < 0.55
    some = erased.any((1, 2))
    assert abs(some.mean() - 0.6) < 5 * np.sqrt(0.6 * 0.4 / NUM_IMAGES)
    tall, wide = erased[some].any(2).sum(1), erased[some].any(1).sum(1)
    np.testing.assert_array_equal(tall * wide, erased[some].sum((1, 2)))  # nothing left out inside
    area, aspect = tall * wide / 1600, tall / wide
    assert 0.015 < area.min() < 0.03
    assert 0.37 < area.max() < 0.42
    assert 0.27 < aspect.min() < 0.4
    assert 2.6 < aspect.max() < 3.6
    assert erased.any((0, 1)).all()  # neither a row nor a column is spared
    assert erased.any((0, 2)).all()


def test_a_term_draws_the_same_whichever_others_there_are(images):
    flipped = changed(images, flip=0.5)
    both = changed(images, flip=0.5, brightness=0.3, shift=0.0, rotation=0.0)
    np.testing.assert_allclose(both / both.max((1, 2, 3), keepdims=True),
                               flipped / flipped.max((1, 2, 3), keepdims=True), rtol=1e-5)  # fmt: skip


def test_members_have_their_own_numbers(images):
    """vmap over members against one call for each."""
    some, levels = images[:20], jnp.array([0.0, 0.1, 0.5])
    keys = jax.random.split(KEY, 3)
    numbers = Hparams(levels, **dict.fromkeys(TERMS, levels))
    found = jax.jit(jax.vmap(augment, in_axes=(0, None, 0)))(keys, some, numbers)
    for member in range(3):
        expected = jax.jit(augment)(keys[member], some, jax.tree.map(lambda values, m=member: values[m], numbers))
        np.testing.assert_allclose(found[member], expected, atol=1e-6)
    np.testing.assert_array_equal(found[0], some)


def test_a_step_augments_inputs_and_the_targets_of_an_autoencoder():
    """Labels stay as they are, and so do the draws of noise and dropout, whatever is augmented."""
    x = jax.random.uniform(jax.random.key(1), (6, 4, 4, 1))
    state = TrainState({}, {}, None, jnp.int32(5))
    step = jax.jit(step_inputs)
    plain, plain_key = step(state, Batch(x, jnp.arange(6)), KEY, Hparams(input_noise=0.1))
    same, same_key = step(state, Batch(x, jnp.arange(6)), KEY, Hparams(input_noise=0.1, flip=0.0, input_mask=0.0))
    np.testing.assert_allclose(same.x, plain.x, atol=1e-6)  # two programs, which may round differently
    np.testing.assert_array_equal(same.y, plain.y)
    assert plain_key == same_key
    labelled, _ = step(state, Batch(x, jnp.arange(6)), KEY, Hparams(shift=0.2))
    np.testing.assert_array_equal(labelled.y, np.arange(6))
    assert not np.array_equal(labelled.x, x)
    own_target, _ = step(state, Batch(x, x), KEY, Hparams(shift=0.2, input_noise=0.1))
    np.testing.assert_array_equal(own_target.y, labelled.x)
    assert not np.array_equal(own_target.x, labelled.x)


def test_masking_sets_inputs_to_0_and_leaves_the_target_clean():
    """20,000 inputs of 1, each 0 with probability 0.3; a binomial share lies within five deviations."""
    x = jnp.ones((20, 1000))
    state = TrainState({}, {}, None, jnp.int32(0))
    batch, _ = jax.jit(step_inputs)(state, Batch(x, x), KEY, Hparams(input_mask=0.3))
    np.testing.assert_array_equal(np.unique(batch.x), [0, 1])
    assert abs(float((batch.x == 0).mean()) - 0.3) < 5 * np.sqrt(0.3 * 0.7 / x.size)
    np.testing.assert_array_equal(batch.y, x)
