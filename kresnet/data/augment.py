"""Random crops and flips of a whole batch at once."""

from __future__ import annotations

import tensorflow as tf


def shift_and_flip(images: tf.Tensor, shifts: tf.Tensor, flips: tf.Tensor, padding: int) -> tf.Tensor:
    """Pad with black, cut out the original size at `shifts`, then mirror where `flips` says so.

    All three are one gather of pixels, which is several times faster than a call an image.

    Args:
        images: uint8 (B, H, W, C).
        shifts: int32 (B, 2), rows and columns, in [0, 2 * padding]; `padding` leaves an image where it is.
        flips: bool (B,), left to right.
        padding: pixels a side.

    Returns:
        uint8 (B, H, W, C).
    """
    batch, height, width, channels = images.shape
    padded = tf.pad(images, [[0, 0], [padding, padding], [padding, padding], [0, 0]])
    full_height, full_width = height + 2 * padding, width + 2 * padding
    columns = tf.range(width)[tf.newaxis]  # (1, W)
    columns = tf.where(flips[:, tf.newaxis], width - 1 - columns, columns) + shifts[:, 1:]  # (B, W)
    rows = tf.range(height) + shifts[:, :1] + tf.range(batch)[:, tf.newaxis] * full_height  # (B, H)
    pixels = rows[:, :, tf.newaxis] * full_width + columns[:, tf.newaxis]  # (B, H, W)
    return tf.gather(tf.reshape(padded, (-1, channels)), pixels)
