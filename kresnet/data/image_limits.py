"""Refuse an image file that is small but declares more pixels than memory should be taken for.

Training, evaluation, prediction and serving share this one limit. What is read is the size that the file's header
declares, before anything is decoded. It bounds a decoder's memory for every format but GIF, whose later frames are
decoded, and thrown away, too.
"""

from __future__ import annotations

from functools import partial

import tensorflow as tf

from kresnet.data.graph_mapping import trace_once
from kresnet.data.unreadable_images import MAX_PIXELS


def require_pixel_limit(encoded: tf.Tensor) -> tf.Tensor:
    """Return the bytes of an image file unless it declares more than `MAX_PIXELS`; graph code, so that it is exported.

    Args:
        encoded: scalar string, the contents of the file.

    Raises:
        tf.errors.InvalidArgumentError: when run, for a file that declares more.
    """
    message = f"The image declares more than {MAX_PIXELS:,} pixels."
    small = tf.debugging.assert_less_equal(declared_pixels(encoded), tf.constant(MAX_PIXELS, tf.int64), message)
    with tf.control_dependencies([small]):
        return tf.identity(encoded)


@trace_once
def declared_pixels(encoded: tf.Tensor) -> tf.Tensor:
    """Return height times width, int64, by the header of a PNG, JPEG, GIF, BMP or WebP; 0 where there is no header."""

    def jpeg() -> tf.Tensor:
        height, width, _ = tf.unstack(tf.cast(tf.image.extract_jpeg_shape(encoded), tf.int64))
        return height * width  # each fits into 16 bits

    return tf.cond(tf.strings.substr(encoded, 0, 3) == b"\xff\xd8\xff", jpeg, lambda: _declared_otherwise(encoded))


def _declared_otherwise(encoded: tf.Tensor) -> tf.Tensor:
    """Return height times width of a file that is no JPEG."""
    header = tf.strings.join([tf.strings.substr(encoded, 0, 30), bytes(30)])  # missing bytes read as zeros
    starts = partial(starts_with, header)

    def field(at: int, count: int, *, big: bool = False) -> tf.Tensor:
        """Return the unsigned number in the `count` bytes at `at`."""
        data = tf.cast(tf.io.decode_raw(tf.strings.substr(header, at, count), tf.uint8), tf.int64)
        weights = [256**power for power in range(count)]
        return tf.reduce_sum(data * tf.constant(weights[::-1] if big else weights, tf.int64))

    def area(height: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
        return tf.minimum(height, 2**31) * tf.minimum(width, 2**31)  # the product fits into int64

    def signed(at: int) -> tf.Tensor:
        """Return the magnitude of a signed number of four bytes; the height of a BMP may be negative."""
        value = field(at, 4)
        return tf.where(value < 2**31, value, 2**32 - value)

    webp = starts(b"RIFF") & starts(b"WEBP", 8)
    sizes = [
        (starts(b"\x89PNG"), lambda: area(field(16, 4, big=True), field(20, 4, big=True))),
        (starts(b"GIF8"), lambda: area(field(6, 2), field(8, 2))),
        (starts(b"BM"), lambda: area(signed(18), signed(22))),
        (webp & starts(b"VP8 ", 12), lambda: area(field(26, 2) % 2**14, field(28, 2) % 2**14)),
        (
            webp & starts(b"VP8L", 12),
            lambda: area(1 + field(21, 4) % 2**14, 1 + field(21, 4) // 2**14 % 2**14),
        ),
        (webp & starts(b"VP8X", 12), lambda: area(1 + field(24, 3), 1 + field(27, 3))),
    ]
    return tf.case(sizes, lambda: tf.constant(0, tf.int64))


def starts_with(text: tf.Tensor, magic: bytes, at: int = 0) -> tf.Tensor:
    """Return whether `magic` stands at `at` in a scalar string, which reaches that far; bool, graph code."""
    return tf.strings.substr(text, at, len(magic)) == magic
