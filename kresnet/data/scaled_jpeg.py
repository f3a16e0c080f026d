"""JPEG files decoded at a half, a quarter or an eighth of their size, where what is wanted of them is far smaller.

The decoder (libjpeg) then makes fewer pixels of each block of 8 by 8, which saves most of the time that is not spent on
reading the file's bits. The rule is one for training, evaluation, prediction and exports, and asks for spare pixels:
what is left is still `SPARE` times as large each way as the result, so that the antialiasing filter does the rest of
the shrinking. Pillow's `thumbnail` decodes by the same rule, with the same spare (`reducing_gap`).
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import tensorflow as tf

from kresnet.data.exif import read_orientation, reversed_axes, stored_window, turn_upright, upright_size

#: How many times as many pixels a scaled image has each way, at least, as are made of it.
SPARE = 2
#: What the decoder divides sizes by.
RATIOS = (1, 2, 4, 8)


class JpegFrame(NamedTuple):
    """Size and orientation of a JPEG, as it is to be decoded.

    Attributes:
        stored: height and width as it is stored, scaled, int32 (2,).
        orientation: int32, 1 to 8.
        place: which of `RATIOS` the size was divided by, int32; None where it was not.
    """

    stored: tf.Tensor
    orientation: tf.Tensor
    place: tf.Tensor | None = None

    @property
    def size(self) -> tf.Tensor:
        """Height and width of the upright image, scaled, int32 (2,)."""
        return upright_size(self.stored, self.orientation)

    def decode(self, encoded: tf.Tensor, first: tf.Tensor, extent: tf.Tensor) -> tf.Tensor:
        """Return a window of the upright image, uint8 (h, w, 3): `extent` pixels from `first` on, each int32 (2,)."""
        window = stored_window(first, extent, self.stored, self.orientation)
        if self.place is None:
            image = _decode_window(encoded, window, 1)
        else:
            image = tf.switch_case(self.place, [partial(_decode_window, encoded, window, ratio) for ratio in RATIOS])
        return turn_upright(image, self.orientation)


def jpeg_frame(encoded: tf.Tensor) -> JpegFrame:
    """Return size and orientation of a JPEG, a scalar string, that is decoded in full."""
    return JpegFrame(tf.io.extract_jpeg_shape(encoded)[:2], read_orientation(encoded))


def scale_down(frame: JpegFrame, shrink: tf.Tensor) -> tuple[JpegFrame, tf.Tensor, tf.Tensor]:
    """Choose how far a JPEG is scaled down as it is decoded.

    Args:
        frame: the JPEG in full.
        shrink: how many pixels of the upright image become one of the result, down and across, float32 (2,).

    Returns:
        the scaled frame; and factor and offset, each float32 (2,), that lead from places in the upright image to those
        in the scaled one. An image whose size the ratio does not divide hangs over at the end of what is stored.
    """
    spare = tf.reduce_min(shrink) / SPARE
    place = tf.reduce_sum(tf.cast(spare >= tf.constant(RATIOS[1:], tf.float32), tf.int32))
    ratio = tf.gather(tf.constant(RATIOS), place)
    scaled = JpegFrame(-(-frame.stored // ratio), frame.orientation, place)
    factor = 1.0 / tf.cast(tf.stack([ratio, ratio]), tf.float32)
    over = tf.cast(scaled.size, tf.float32) - tf.cast(frame.size, tf.float32) * factor
    return scaled, factor, tf.where(reversed_axes(frame.orientation), over, 0.0)


def _decode_window(encoded: tf.Tensor, window: tf.Tensor, ratio: int) -> tf.Tensor:
    return tf.io.decode_and_crop_jpeg(encoded, window, channels=3, ratio=ratio)


__all__ = ["RATIOS", "SPARE", "JpegFrame", "jpeg_frame", "scale_down"]
