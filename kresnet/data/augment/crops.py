"""Random parts of an image: where they lie, by random numbers and the image's size."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import tensorflow as tf

from kresnet.data.counter_rng import CounterRng, RandomStream
from kresnet.errors import make_error
from kresnet.spec.inputs import Input
from kresnet.spec.recipe import Crop, RescaledCrop, ResizedCrop

#: How many parts are drawn until one fits into the image; Inception and torchvision draw as many.
ATTEMPTS = 10


class RandomCrop(Protocol):
    """Chooses a random part of each image, which is then resized to the network's input.

    Attributes:
        crop_first: whether resizing sees nothing beyond the part's border, as if the part had been cut out first.
    """

    crop_first: bool

    def draw(self, rng: CounterRng) -> np.ndarray:
        """Draw the numbers that `boxes` needs for each example, float32 (B, n)."""

    def boxes(self, numbers: tf.Tensor, height: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
        """Return top, left, height and width, in pixels, of the parts of images (height, width, C): float32 (B, 4).

        It is graph code, one row of `numbers` a part.
        """


@dataclass(frozen=True, slots=True)
class RandomResizedCrop:
    """A `RandomCrop` of random area and proportions, whole pixels; the centre where ten attempts do not fit."""

    settings: ResizedCrop
    crop_first = True

    def draw(self, rng: CounterRng) -> np.ndarray:
        """See `RandomCrop.draw`."""
        return rng.uniform(RandomStream.CROP, 2 + 2 * ATTEMPTS)

    def boxes(self, numbers: tf.Tensor, height: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
        """See `RandomCrop.boxes`."""
        height, width = tf.cast(height, tf.float32), tf.cast(width, tf.float32)
        (low, high), (narrow, broad) = self.settings.area, self.settings.aspect
        areas = (low + (high - low) * numbers[:, 2 : 2 + ATTEMPTS]) * height * width
        logarithms = math.log(narrow) + math.log(broad / narrow) * numbers[:, 2 + ATTEMPTS :]
        wide = tf.round(tf.sqrt(areas * tf.exp(logarithms)))  # (B, ATTEMPTS)
        tall = tf.round(tf.sqrt(areas * tf.exp(-logarithms)))
        fits = (wide >= 1) & (wide <= width) & (tall >= 1) & (tall <= height)
        first = tf.argmax(fits, axis=1)
        wide, tall = tf.gather(wide, first, batch_dims=1), tf.gather(tall, first, batch_dims=1)
        top, left = (tf.floor(numbers[:, i] * (room + 1)) for i, room in enumerate((height - tall, width - wide)))
        # The largest part of the centre whose proportions are allowed.
        middle_wide = tf.minimum(width, tf.round(height * broad))
        middle_tall = tf.minimum(height, tf.round(width / narrow))
        middle = tf.stack([(height - middle_tall) // 2, (width - middle_wide) // 2, middle_tall, middle_wide])
        chosen = tf.stack([top, left, tall, wide], axis=1)
        return tf.where(tf.reduce_any(fits, axis=1)[:, tf.newaxis], chosen, middle[tf.newaxis])


@dataclass(frozen=True, slots=True)
class RandomRescaledCrop:
    """A `RandomCrop` of the input's size from an image whose shorter side was brought to a random length."""

    settings: RescaledCrop
    height: int
    width: int
    crop_first = False

    def draw(self, rng: CounterRng) -> np.ndarray:
        """See `RandomCrop.draw`."""
        return rng.uniform(RandomStream.CROP, 3)

    def boxes(self, numbers: tf.Tensor, height: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
        """See `RandomCrop.boxes`."""
        size = tf.cast(tf.stack([height, width]), tf.float32)
        least, greatest = self.settings.shorter_side
        side = tf.floor(least + (greatest - least + 1) * numbers[:, :1])
        full = tf.floor(size * side / tf.reduce_min(size))  # (B, 2), pixels of the resized image
        part = tf.constant([self.height, self.width], tf.float32)
        offset = tf.floor(numbers[:, 1:] * (full - part + 1))
        return tf.concat([offset * size / full, part * size / full], axis=1)


def make_random_crop(crop: Crop, input: Input) -> RandomCrop:
    """Return the random crop that a recipe's `crop` means for a network's input.

    Raises:
        KresnetError: `contradiction`, for a part larger than the image it is cut from.
    """
    if isinstance(crop, ResizedCrop):
        return RandomResizedCrop(crop)
    height, width, _ = input.shape
    if crop.shorter_side[0] < max(height, width):
        raise make_error(
            "contradiction",
            "The part to cut out is larger than the image it is cut from.",
            path="recipe.augment.crop.shorter_side.0",
            expected=f"at least {max(height, width)}, the larger side of the network's input",
            found=str(crop.shorter_side[0]),
        )
    return RandomRescaledCrop(crop, height, width)
