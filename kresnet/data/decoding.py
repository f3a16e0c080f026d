"""From the bytes of an image file to its pixels, at the file's own size: one rule for each kind of file, as graph code.

A photograph is turned upright as its EXIF says; what is transparent shows `input.background`; samples of 16 bits become
bytes by `input.sample_range`; CMYK and palettes become RGB; an animated GIF gives its first frame, whose transparent
pixels keep their palette's colour.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import NamedTuple

import tensorflow as tf

from kresnet.data.exif import find_png_chunk, read_orientation, turn_upright
from kresnet.data.graph_mapping import trace_once
from kresnet.data.image_limits import starts_with
from kresnet.spec.inputs import SIXTEEN_BITS, Input

#: Weights of red, green and blue in grey, in 65536ths (ITU-R BT.601). They add up to 65536, so grey stays as it is.
GREY_WEIGHTS = (19595, 38470, 7471)


def decode_pixels(encoded: tf.Tensor, input: Input) -> tf.Tensor:
    """Decode an image file's bytes, and turn the image upright.

    Args:
        encoded: scalar string, the contents of a JPEG, PNG, GIF, BMP or (still) WebP file.
        input: the spec's input; gives the number of channels, background and range of samples.

    Returns:
        uint8 (h, w, C), RGB or grey.

    Raises:
        tf.errors.InvalidArgumentError: when run, for bytes that are no such image.
    """
    rule = _Rule(input.shape[2], input.background or (255, 255, 255), input.sample_range or SIXTEEN_BITS)
    return _make_decoder(rule)(encoded)


class _Rule(NamedTuple):
    """What pixels depend on, beside the bytes: channels (1 or 3), and two settings of `Input`."""

    channels: int
    background: tuple[int, int, int]
    sample_range: tuple[int, int]


@cache
def _make_decoder(rule: _Rule) -> Callable[[tf.Tensor], tf.Tensor]:
    """Return the function from the bytes of a file, a scalar string, to pixels, uint8 (h, w, C)."""

    def decode(encoded: tf.Tensor) -> tf.Tensor:
        # Three channels always: TensorFlow refuses to make grey of GIF, BMP, WebP and CMYK.
        stored = tf.cond(
            tf.io.is_jpeg(encoded),
            lambda: _decode_any(encoded, 3),
            lambda: _decode_other(encoded, rule),
        )  # (h, w, 3)
        image = turn_upright(tf.ensure_shape(stored, (None, None, 3)), read_orientation(encoded))
        return image if rule.channels == 3 else to_grey(image)

    return trace_once(decode)


def _decode_other(encoded: tf.Tensor, rule: _Rule) -> tf.Tensor:
    """Return the pixels of a file that is no JPEG, uint8 (h, w, 3), as they are stored."""
    head = tf.strings.join([tf.strings.substr(encoded, 0, 32), bytes(32)])
    starts = partial(starts_with, head)

    def flag(at: int, mask: int) -> tf.Tensor:
        return tf.bitwise.bitwise_and(tf.io.decode_raw(tf.strings.substr(head, at, 1), tf.uint8)[0], mask) > 0

    # With four channels an animated WebP overruns its buffer and aborts the process (TensorFlow 2.21).
    webp = starts(b"RIFF") & starts(b"WEBP", 8)
    seen_through = (starts(b"VP8X", 12) & flag(20, 0x10) & ~flag(20, 0x02)) | (starts(b"VP8L", 12) & flag(24, 0x10))
    cases: list[tuple[tf.Tensor, Callable[[], tf.Tensor]]] = [
        (starts(b"\x89PNG\r\n\x1a\n"), lambda: _decode_png(encoded, head, rule)),
        (webp & seen_through, lambda: _show_background(_decode_any(encoded, 4), rule)),
        (
            starts(b"BM") & (tf.strings.substr(head, 28, 2) == b"\x08\x00"),
            lambda: _decode_indexed_bmp(encoded),
        ),
    ]
    return tf.case(cases, lambda: _decode_any(encoded, 3))


def to_grey(image: tf.Tensor) -> tf.Tensor:
    """Return the luma of uint8 (..., 3) images as uint8 (..., 1), exact where the three channels are equal."""
    red, green, blue = (tf.cast(image[..., channel : channel + 1], tf.int32) for channel in range(3))
    total = red * GREY_WEIGHTS[0] + green * GREY_WEIGHTS[1] + blue * GREY_WEIGHTS[2]  # a sum over an axis of 3 is slow
    return tf.cast(tf.bitwise.right_shift(total + 0x8000, 16), tf.uint8)


def _decode_any(encoded: tf.Tensor, channels: int) -> tf.Tensor:
    return tf.io.decode_image(encoded, channels=channels, expand_animations=False)


def _decode_png(encoded: tf.Tensor, head: tf.Tensor, rule: _Rule) -> tf.Tensor:
    """Return the pixels of a PNG, uint8 (h, w, 3)."""
    depth, color = tf.unstack(tf.io.decode_raw(tf.strings.substr(head, 24, 2), tf.uint8), 2)
    seen_through = (color == 4) | (color == 6) | (find_png_chunk(encoded, b"tRNS") > 0)

    def bytes_of(channels: int) -> tf.Tensor:
        if rule.sample_range == SIXTEEN_BITS:
            return tf.io.decode_png(encoded, channels=channels)  # which keeps the high byte
        return tf.cond(depth == 16, lambda: _scaled(channels), lambda: tf.io.decode_png(encoded, channels=channels))

    def _scaled(channels: int) -> tf.Tensor:
        samples = tf.cast(tf.io.decode_png(encoded, channels=channels, dtype=tf.uint16), tf.float32)
        low, high = rule.sample_range
        image = tf.saturate_cast(tf.round((samples - low) * (255.0 / (high - low))), tf.uint8)
        if channels == 3:
            return image
        opacity = tf.saturate_cast(tf.round(samples[..., 3:] / 257.0), tf.uint8)
        return tf.concat([image[..., :3], opacity], axis=-1)

    return tf.cond(seen_through, lambda: _show_background(bytes_of(4), rule), lambda: bytes_of(3))


def _show_background(image: tf.Tensor, rule: _Rule) -> tf.Tensor:
    """Lay an image with opacity, uint8 (h, w, 4), over the background; return uint8 (h, w, 3), rounded."""
    opacity = tf.cast(image[..., 3:], tf.int32)
    background = tf.constant(rule.background, tf.int32)
    total = tf.cast(image[..., :3], tf.int32) * opacity + background * (255 - opacity)
    return tf.cast((total + 127) // 255, tf.uint8)


def _decode_indexed_bmp(encoded: tf.Tensor) -> tf.Tensor:
    """Return the colours of an 8-bit BMP, of which `tf.io.decode_image` returns palette indexes as if they were grey.

    The palette's entries (blue, green, red, 0) stand between the header and the pixels (offset at byte 10).
    """
    image = _decode_any(encoded, 3)
    header = tf.cast(tf.io.decode_raw(tf.strings.substr(encoded, 0, 18), tf.uint8), tf.int32)
    pixels = header[10] + 256 * header[11]
    start = 14 + header[14] + 256 * header[15]
    palette = tf.reshape(tf.io.decode_raw(tf.strings.substr(encoded, start, pixels - start), tf.uint8), (-1, 4))
    return tf.gather(palette[:, 2::-1], tf.cast(image[..., 0], tf.int32))
