"""Finds how a photograph was held (EXIF's orientation) in the bytes of its file, and turns its pixels upright.

All is graph code, so that training, evaluation, prediction and an exported model turn an image alike. Read are JPEG
(segment APP1), PNG (chunk eXIf, before the pixels) and WebP (chunk EXIF); the layout of the tag is that of TIFF 6.0,
section 2, and its values are those of EXIF 2.32, section 4.6.4, tag 274.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from kresnet.data.graph_mapping import trace_once
from kresnet.data.image_limits import starts_with

#: Bytes within which EXIF begins, or a WebP says that it has it; a file that has more before it is taken as upright.
_HEAD = 16_384
#: What stands there. One search of the head costs a tenth of walking through the segments, and most files end there.
_SIGNS = r"\C*(?:Exif\x00\x00|eXIf)\C*|RIFF\C{4}WEBPVP8X\C*"
#: How most JPEG files without EXIF begin, of 24 bytes: JFIF's segment of 16 bytes, then a table.
_PLAIN_JPEG: tuple[tuple[int, bytes], ...] = ((0, b"\xff\xd8\xff\xe0\x00\x10"), (20, b"\xff\xdb"))
#: Segments or chunks that are passed on the way to EXIF's.
_MAX_STEPS = 64
#: Entries of a directory of tags that are read.
_MAX_ENTRIES = 256
_ORIENTATION_TAG, _LONG = 274, 4

#: Orientations (1 to 8) whose rows, columns or axes change their order; in this order the axes are changed first.
_AXES_SWAPPED = (5, 6, 7, 8)
_ROWS_REVERSED = (3, 4, 7, 8)
_COLUMNS_REVERSED = (2, 3, 6, 7)


@trace_once
def read_orientation(encoded: tf.Tensor) -> tf.Tensor:
    """Return the orientation of an image file, int32: 1 (upright) to 8; 1 where the file states none, or nonsense.

    Args:
        encoded: scalar string, the contents of a file of any kind.
    """

    def search() -> tf.Tensor:
        some = tf.strings.regex_full_match(tf.strings.substr(encoded, 0, _HEAD), _SIGNS)
        return tf.cond(some, lambda: _find_orientation(encoded), lambda: tf.constant(1))

    return tf.cond(_is_plain_jpeg(encoded), lambda: tf.constant(1), search)


def _is_plain_jpeg(encoded: tf.Tensor) -> tf.Tensor:
    """Return whether a file is a JPEG whose tables begin, and so its application data end, behind JFIF's segment."""
    places, pieces = [at for at, _ in _PLAIN_JPEG], [piece for _, piece in _PLAIN_JPEG]
    head = tf.strings.join([tf.strings.substr(encoded, 0, 24), bytes(24)])
    return tf.reduce_all(tf.strings.substr(head, places, [len(each) for each in pieces]) == tf.constant(pieces))


def _find_orientation(encoded: tf.Tensor) -> tf.Tensor:
    """Return the orientation of a file that seems to state one."""
    head = tf.strings.join([tf.strings.substr(encoded, 0, 16), bytes(16)])
    kinds = [
        (starts_with(head, b"\xff\xd8\xff"), lambda: _find_in_jpeg(encoded)),
        (starts_with(head, b"\x89PNG\r\n\x1a\n"), lambda: find_png_chunk(encoded, b"eXIf")),
        (starts_with(head, b"RIFF") & starts_with(head, b"WEBPVP8X", 8), lambda: _find_in_webp(encoded)),
    ]
    start = tf.case(kinds, lambda: tf.constant(0))
    return tf.cond(start > 0, lambda: _read_tag(encoded, start), lambda: tf.constant(1))


def turn_upright(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Return an image (h, w, C) as it was seen: the inverse of how `orientation` (int32, 1 to 8) says that it lies."""

    def turn() -> tf.Tensor:
        axes = tf.where(_is_one_of(orientation, _AXES_SWAPPED), [1, 0, 2], [0, 1, 2])
        dims = tf.concat([reversed_axes(orientation), [False]], axis=0)
        return tf.raw_ops.Reverse(tensor=tf.transpose(image, axes), dims=dims)

    upright = tf.cond(orientation == 1, lambda: image, turn)
    return tf.ensure_shape(upright, (None, None, image.shape[-1]))


def upright_size(size: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Return height and width, int32 (2,), that an image of `size` has when it stands upright."""
    return tf.where(_is_one_of(orientation, _AXES_SWAPPED), size[::-1], size)


def stored_window(first: tf.Tensor, extent: tf.Tensor, size: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Return where a window of the upright image lies in the stored one.

    Args:
        first: row and column of its first pixel in the upright image, int32 (2,).
        extent: its height and width there, int32 (2,).
        size: height and width of the stored image, int32 (2,).
        orientation: int32, 1 to 8.

    Returns:
        int32 (4,): row, column, height and width in the stored image.
    """
    first = tf.where(reversed_axes(orientation), upright_size(size, orientation) - first - extent, first)
    swapped = _is_one_of(orientation, _AXES_SWAPPED)
    return tf.concat([tf.where(swapped, axis[::-1], axis) for axis in (first, extent)], axis=0)


def reversed_axes(orientation: tf.Tensor) -> tf.Tensor:
    """Return whether rows and columns of the upright image, bool (2,), run against those of the stored one."""
    return tf.stack([_is_one_of(orientation, _ROWS_REVERSED), _is_one_of(orientation, _COLUMNS_REVERSED)])


def _is_one_of(orientation: tf.Tensor, values: tuple[int, ...]) -> tf.Tensor:
    return tf.reduce_any(orientation == tf.constant(values))


def _find_in_jpeg(encoded: tf.Tensor) -> tf.Tensor:
    """Return where the TIFF header of a JPEG begins, int32; 0 if it has none."""

    def look(at: tf.Tensor, piece: tf.Tensor) -> tuple[Any, Any]:
        marker = _number(piece, 0, 2, True)
        is_exif = (marker == 0xFFE1) & (tf.strings.substr(piece, 4, 6) == b"Exif\0\0")
        # Application data and comments may stand before it; tables and pixels come behind.
        passes = ((marker >= 0xFFE0) & (marker <= 0xFFEF)) | (marker == 0xFFFE)
        onward = tf.where(passes, at + 2 + tf.maximum(_number(piece, 2, 2, True), 2), -1)
        return tf.where(is_exif, at + 10, 0), onward

    return _walk(encoded, 2, 10, look)


def find_png_chunk(encoded: tf.Tensor, kind: bytes) -> tf.Tensor:
    """Return where the data of a PNG's chunk begin, int32; 0 if no such chunk stands before the pixels."""

    def look(at: tf.Tensor, piece: tf.Tensor) -> tuple[Any, Any]:
        name = tf.strings.substr(piece, 4, 4)
        length = _number(piece, 0, 4, True)
        onward = tf.where((name == b"IDAT") | (length < 0), -1, at + 12 + tf.maximum(length, 0))
        return tf.where(name == kind, at + 8, 0), onward

    return _walk(encoded, 8, 8, look)


def _find_in_webp(encoded: tf.Tensor) -> tf.Tensor:
    def look(at: tf.Tensor, piece: tf.Tensor) -> tuple[Any, Any]:
        length = _number(piece, 4, 4, False)
        onward = tf.where(length < 0, -1, at + 8 + tf.maximum(length, 0) + length % 2)
        # Some writers put JPEG's prefix before the header.
        prefix = tf.where(tf.strings.substr(piece, 8, 6) == b"Exif\0\0", 6, 0)
        return tf.where(tf.strings.substr(piece, 0, 4) == b"EXIF", at + 8 + prefix, 0), onward

    return _walk(encoded, 12, 14, look)


def _walk(
    encoded: tf.Tensor, first: int, size: int, look: Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
) -> tf.Tensor:
    """Go from piece to piece of a file until one is what is sought.

    Args:
        encoded: the file.
        first: where the first piece begins.
        size: how many bytes of a piece are looked at.
        look: takes where a piece begins and its first bytes, and returns where what is sought begins (0 if it is not
            this piece) and where the next piece begins (-1 if there is no sense in going on).

    Returns:
        int32, where what is sought begins; 0 if it was not found.
    """
    length = tf.strings.length(encoded)

    def goes_on(at: tf.Tensor, found: tf.Tensor) -> tf.Tensor:
        return (found == 0) & (at >= first) & (at < length - size)

    def step(at: tf.Tensor, found: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        found, onward = look(at, tf.strings.substr(encoded, at, size))
        return onward, found

    loop = (tf.constant(first), tf.constant(0))
    return tf.while_loop(goes_on, step, loop, maximum_iterations=_MAX_STEPS, parallel_iterations=1)[1]


def _read_tag(encoded: tf.Tensor, start: tf.Tensor) -> tf.Tensor:
    """Return the orientation that the TIFF directory at `start` holds, int32, 1 to 8."""
    length = tf.strings.length(encoded)
    header = tf.strings.join([tf.strings.substr(encoded, start, 8), bytes(8)])
    big = tf.strings.substr(header, 0, 2) == b"MM"
    offset = _either(big, header, 4, 4)
    directory = start + tf.where((offset >= 8) & (offset < length - start - 2), offset, 0)
    count = _either(big, tf.strings.join([tf.strings.substr(encoded, directory, 2), bytes(2)]), 0, 2)
    there = tf.maximum((length - directory - 2) // 12, 0)
    count = tf.where(directory > start, tf.minimum(tf.minimum(count, there), _MAX_ENTRIES), 0)

    def look() -> tf.Tensor:
        raw = tf.io.decode_raw(tf.strings.substr(encoded, directory + 2, 12 * count), tf.uint8)
        entries = tf.cast(tf.reshape(raw, (-1, 12)), tf.int32)  # tag, type, number of values, value

        def short(at: int) -> tf.Tensor:
            high, low = entries[:, at], entries[:, at + 1]
            return tf.where(big, high * 256 + low, low * 256 + high)

        value = tf.where(big & (short(2) == _LONG), short(10), short(8))
        stated = tf.where((short(0) == _ORIENTATION_TAG) & (value >= 1) & (value <= 8), value, 0)
        return tf.maximum(tf.reduce_max(stated), 1)

    return tf.cond(count > 0, look, lambda: tf.constant(1))


def _either(big: tf.Tensor, text: tf.Tensor, at: int, count: int) -> tf.Tensor:
    return tf.where(big, _number(text, at, count, True), _number(text, at, count, False))


def _number(text: tf.Tensor, at: int, count: int, big: bool) -> tf.Tensor:
    """Return the number in the `count` bytes of `text` at `at`, int32; one of 2^31 or more comes out negative."""
    data = tf.cast(tf.io.decode_raw(tf.strings.substr(text, at, count), tf.uint8), tf.int32)
    weights = [tf.bitwise.left_shift(tf.constant(1), 8 * power) for power in range(count)]
    return tf.reduce_sum(data * tf.stack(weights[::-1] if big else weights))
