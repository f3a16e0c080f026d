"""Random erasing of rectangles."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from kresnet.data.counter_rng import CounterRng, RandomStream
from kresnet.data.images import mean_color
from kresnet.spec.inputs import Input
from kresnet.spec.recipe import Erase

#: Rectangles drawn until one fits; one that fits is found in the first of them nearly always.
ATTEMPTS = 10


class RandomErasing:
    """A `BatchTransform`: replace a rectangle of some images by noise, by the mean colour or by black.

    Noise is a window of a fixed sheet of random bytes, at a random place and with its bits flipped at random, which
    costs a fraction of drawing every byte anew.
    """

    compiled = True

    def __init__(self, settings: Erase, input: Input) -> None:
        """Take the recipe's settings and the spec's input, which gives shape and mean colour."""
        self.settings = settings
        self.height, self.width, self.channels = input.shape
        fixed = np.random.Generator(np.random.Philox(key=0))
        self.sheet = fixed.integers(0, 256, (2 * self.height, 2 * self.width, self.channels), np.uint8)
        self.mean = np.zeros(self.channels, np.uint8) if settings.fill == "black" else mean_color(input)

    def draw(self, rng: CounterRng) -> tuple[np.ndarray, ...]:
        """Draw rectangles int32 (B, 4), windows of the sheet int32 (B, 2), and bits to flip uint8 (B, C).

        A rectangle is top, left, bottom, right; all zero for an image that stays whole.
        """
        settings, (height, width) = self.settings, (self.height, self.width)
        numbers = rng.uniform(RandomStream.ERASE, 3 + 2 * ATTEMPTS + 2 + self.channels)
        (whether, down, across), attempts = numbers[:, :3].T, numbers[:, 3 : 3 + 2 * ATTEMPTS]
        rest = numbers[:, 3 + 2 * ATTEMPTS :]
        low, high = settings.area
        area = height * width * (low + (high - low) * attempts[:, :ATTEMPTS])
        least, greatest = np.log(settings.aspect)
        aspect = np.exp(least + (greatest - least) * attempts[:, ATTEMPTS:])
        heights, widths = np.rint(np.sqrt(area * aspect)), np.rint(np.sqrt(area / aspect))  # (B, ATTEMPTS)
        fits = (heights < height) & (widths < width)
        first = np.argmax(fits, axis=1)[:, np.newaxis]
        tall, wide = (np.take_along_axis(sides, first, axis=1)[:, 0] for sides in (heights, widths))
        erased = (whether < settings.probability) & fits.any(axis=1)
        top, left = np.floor(down * (height - tall + 1)), np.floor(across * (width - wide + 1))
        rectangles = np.stack([top, left, top + tall, left + wide], axis=1) * erased[:, np.newaxis]
        windows = np.floor(rest[:, :2] * np.array([height + 1, width + 1]))
        return rectangles.astype(np.int32), windows.astype(np.int32), (rest[:, 2:] * 256).astype(np.uint8)

    def apply(self, images: tf.Tensor, rectangles: tf.Tensor, windows: tf.Tensor, flips: tf.Tensor) -> tf.Tensor:
        """Return the images with their rectangles replaced, uint8 (B, H, W, C)."""
        erased = tf.where(rectangles[:, 2] > 0)  # the others, most of the batch, are not touched
        some = tf.gather_nd(images, erased)
        top, left, bottom, right = tf.unstack(tf.gather_nd(rectangles, erased)[:, :, tf.newaxis], axis=1)  # (n, 1) each
        rows, columns = tf.range(self.height), tf.range(self.width)
        down, across = (rows >= top) & (rows < bottom), (columns >= left) & (columns < right)  # (n, H), (n, W)
        inside = down[:, :, tf.newaxis, tf.newaxis] & across[:, tf.newaxis, :, tf.newaxis]
        fill: tf.Tensor = tf.constant(self.mean)
        if self.settings.fill == "noise":
            fill = self._noise(tf.gather_nd(windows, erased), tf.gather_nd(flips, erased))
        return tf.tensor_scatter_nd_update(images, erased, tf.where(inside, fill, some))

    def change(self, images: np.ndarray, rectangles: np.ndarray, windows: np.ndarray, flips: np.ndarray) -> None:
        """See `BatchTransform.change`."""
        from kresnet.data.augment.compiled_transforms import erase

        erase(images, rectangles, windows, flips, self.sheet, self.mean, self.settings.fill == "noise")

    def _noise(self, windows: tf.Tensor, flips: tf.Tensor) -> tf.Tensor:
        """Return random bytes, uint8 (B, H, W, C)."""
        rows = (tf.range(self.height) + windows[:, :1])[:, :, tf.newaxis]  # (B, H, 1)
        columns = (tf.range(self.width) + windows[:, 1:])[:, tf.newaxis]  # (B, 1, W)
        noise = tf.gather(tf.reshape(self.sheet, (-1, self.channels)), rows * (2 * self.width) + columns)
        return tf.bitwise.bitwise_xor(noise, flips[:, tf.newaxis, tf.newaxis])
