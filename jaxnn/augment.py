"""Augmentation: random changes of images that leave what they show, drawn anew for every image at every step.

All of it happens on the device, and every number is traced: the members of a population may differ in them.  A term
of `Hparams` that is None is not in the program, one that is 0 leaves the images as they are, bit for bit.
"""

import jax
import jax.numpy as jnp

from jaxnn.errors import InputError
from jaxnn.types import Hparams, Number

TERMS = ("shift", "rotation", "flip", "brightness", "erasing")

# Random erasing: the share of the image's area and the ratio of height to width of what is erased.
ERASED_AREA = (0.02, 0.4)
ERASED_ASPECT = (0.3, 1 / 0.3)


def augments(hparams: Hparams) -> bool:
    """Whether some term of augmentation is there."""
    return any(getattr(hparams, name) is not None for name in TERMS)


def augment(key: jax.Array, images: jax.Array, hparams: Hparams) -> jax.Array:
    """Each image moved, turned, mirrored, lightened and partly erased at random, as far as `hparams` says.

    Args:
        key: what is drawn from; each term draws from its own part of it, whichever others are there.
        images: (batch, height, width, channels) floats, scaled.
        hparams: the largest `shift` as a share of height and width, the largest `rotation` in degrees, the
            probabilities of `flip` and `erasing`, the largest relative change `brightness`; see `Hparams`.

    Returns:
        Images of the same shape.  What comes in from outside is 0; places between pixels are interpolated linearly,
        once for shift and rotation together.

    Raises:
        InputError: these are not images.
    """
    if images.ndim != 4:
        raise InputError(f"`augment` takes images (batch, height, width, channels); got {images.shape}.")
    shift_key, rotation_key, flip_key, brightness_key, erasing_key = jax.random.split(key, 5)
    num_images, height, width, _ = images.shape
    if hparams.shift is not None or hparams.rotation is not None:
        down, right, angle = jnp.zeros((3, num_images))
        if hparams.shift is not None:
            share = hparams.shift * jax.random.uniform(shift_key, (2, num_images), minval=-1)
            down, right = share[0] * height, share[1] * width
        if hparams.rotation is not None:
            angle = hparams.rotation * jax.random.uniform(rotation_key, (num_images,), minval=-1)
        images = move(images, down, right, jnp.deg2rad(angle))
    if hparams.flip is not None:
        is_flipped = jax.random.uniform(flip_key, (num_images, 1, 1, 1)) < hparams.flip
        images = jnp.where(is_flipped, images[:, :, ::-1], images)
    if hparams.brightness is not None:
        change = jax.random.uniform(brightness_key, (num_images, 1, 1, 1), minval=-1)
        images = images * (1 + hparams.brightness * change)
    if hparams.erasing is not None:
        images = _erase(erasing_key, images, hparams.erasing)
    return images


def move(images: jax.Array, down: jax.Array, right: jax.Array, angle: jax.Array) -> jax.Array:
    """Images turned about their centre, counterclockwise as one looks at them, and then shifted.

    Args:
        images: (batch, height, width, channels).
        down: (batch,) pixels.
        right: (batch,) pixels.
        angle: (batch,) radians.

    Returns:
        Images of the same shape: each place has what was where it comes from, interpolated linearly; 0 outside.
    """
    _, height, width, _ = images.shape
    cos, sin = jnp.cos(angle)[:, None, None], jnp.sin(angle)[:, None, None]
    middle = (height - 1) / 2, (width - 1) / 2
    # The way back, from a place of the result: undo the shift, then the rotation.  Rows grow downwards.
    row = jnp.arange(height)[None, :, None] - middle[0] - down[:, None, None]
    column = jnp.arange(width)[None, None, :] - middle[1] - right[:, None, None]
    return _read_at(images, cos * row + sin * column + middle[0], cos * column - sin * row + middle[1])


def _read_at(images: jax.Array, rows: jax.Array, columns: jax.Array) -> jax.Array:
    """images (batch, height, width, channels) at fractional places (batch, height, width): bilinear, 0 outside."""
    num_images, height, width, channels = images.shape
    # A frame of zeros, so that every place has four neighbours to read: everything outside is moved onto it.
    framed = jnp.pad(images, ((0, 0), (1, 2), (1, 2), (0, 0))).reshape(num_images, -1, channels)
    rows, columns = jnp.clip(rows, -1, height) + 1, jnp.clip(columns, -1, width) + 1
    top, left = jnp.floor(rows), jnp.floor(columns)
    below, beside = (rows - top)[..., None], (columns - left)[..., None]
    corner = (top * (width + 3) + left).astype(jnp.int32).reshape(num_images, -1, 1)

    def neighbour(offset: int) -> jax.Array:
        return jnp.take_along_axis(framed, corner + offset, axis=1, mode="promise_in_bounds").reshape(images.shape)

    upper = (1 - beside) * neighbour(0) + beside * neighbour(1)
    lower = (1 - beside) * neighbour(width + 3) + beside * neighbour(width + 4)
    return (1 - below) * upper + below * lower


def _erase(key: jax.Array, images: jax.Array, probability: Number) -> jax.Array:
    """A random rectangle of an image filled with uniform noise in [0, 1), with this probability.

    Source: Zhong et al. 2017, algorithm 1, with its usual sizes; a rectangle that is longer than the image is cut
    to it, where the paper draws another one.
    """
    place_key, noise_key = jax.random.split(key)
    num_images, height, width, _ = images.shape
    chance, area, aspect, top, left = jax.random.uniform(place_key, (5, num_images, 1, 1))
    area = height * width * (ERASED_AREA[0] + (ERASED_AREA[1] - ERASED_AREA[0]) * area)
    aspect = ERASED_ASPECT[0] + (ERASED_ASPECT[1] - ERASED_ASPECT[0]) * aspect
    tall = jnp.clip(jnp.round(jnp.sqrt(area * aspect)), 1, height)
    wide = jnp.clip(jnp.round(jnp.sqrt(area / aspect)), 1, width)
    row = jnp.arange(height)[None, :, None] - jnp.floor(top * (height - tall + 1))
    column = jnp.arange(width)[None, None, :] - jnp.floor(left * (width - wide + 1))
    inside = (row >= 0) & (row < tall) & (column >= 0) & (column < wide) & (chance < probability)
    return jnp.where(inside[..., None], jax.random.uniform(noise_key, images.shape), images)
