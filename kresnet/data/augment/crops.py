"""Random parts of an image: where to cut, by dice and the image's size."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import tensorflow as tf

from kresnet.data.counter_rng import CounterRng, Stream
from kresnet.errors import make_error
from kresnet.spec.inputs import Input
from kresnet.spec.recipe import Crop, RescaledCrop, ResizedCrop

#: Parts drawn until one fits into the image; Inception's and torchvision's number.
ATTEMPTS = 10


class Cut(Protocol):
    """Where a random part lies that is then resized to the network's input.

    Attributes:
        closed: resizing sees nothing beyond the part's border, as if it had been cut out first.
    """

    closed: bool

    def draw(self, dice: CounterRng) -> np.ndarray:
        """What `boxes` needs for each example: float32 (B, n)."""

    def boxes(self, numbers: tf.Tensor, height: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
        """Graph code: top, left, height and width of the parts of images (height, width, C): float32 (B, 4), pixels."""


@dataclass(frozen=True, slots=True)
class Resized:
    """A `Cut` of random area and proportions, whole pixels; the centre where ten attempts do not fit."""

    settings: ResizedCrop
    closed = True

    def draw(self, dice: CounterRng) -> np.ndarray:
        """See `Cut.draw`."""
        return dice.uniform(Stream.CROP, 2 + 2 * ATTEMPTS)

    def boxes(self, numbers: tf.Tensor, height: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
        """See `Cut.boxes`."""
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
        found = tf.stack([top, left, tall, wide], axis=1)
        return tf.where(tf.reduce_any(fits, axis=1)[:, tf.newaxis], found, middle[tf.newaxis])


@dataclass(frozen=True, slots=True)
class Rescaled:
    """A `Cut` of the input's size from an image whose shorter side was brought to a random length."""

    settings: RescaledCrop
    height: int
    width: int
    closed = False

    def draw(self, dice: CounterRng) -> np.ndarray:
        """See `Cut.draw`."""
        return dice.uniform(Stream.CROP, 3)

    def boxes(self, numbers: tf.Tensor, height: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
        """See `Cut.boxes`."""
        size = tf.cast(tf.stack([height, width]), tf.float32)
        least, greatest = self.settings.shorter_side
        side = tf.floor(least + (greatest - least + 1) * numbers[:, :1])
        full = tf.floor(size * side / tf.reduce_min(size))  # (B, 2), pixels of the resized image
        part = tf.constant([self.height, self.width], tf.float32)
        offset = tf.floor(numbers[:, 1:] * (full - part + 1))
        return tf.concat([offset * size / full, part * size / full], axis=1)


def make_cut(crop: Crop, input: Input) -> Cut:
    """What a recipe's `crop` means for a network's input.

    Raises:
        KresnetError: `contradiction`, for a part larger than the image it is cut from.
    """
    if isinstance(crop, ResizedCrop):
        return Resized(crop)
    height, width, _ = input.shape
    if crop.shorter_side[0] < max(height, width):
        raise make_error(
            "contradiction",
            "The part to cut out is larger than the image it is cut from.",
            path="recipe.augment.crop.shorter_side.0",
            expected=f"at least {max(height, width)}, the larger side of the network's input",
            found=str(crop.shorter_side[0]),
        )
    return Rescaled(crop, height, width)
