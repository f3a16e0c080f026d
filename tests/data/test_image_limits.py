"""The size that a file's header declares is read as Pillow reads it, for every kind of file; huge ones are refused."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kresnet.data.image_limits import MAX_PIXELS, declared_pixels, require_pixel_limit
from kresnet.export.image_files import encode_every_kind
from kresnet.export.malformed_requests import huge_png

KINDS = dict(encode_every_kind(np.random.default_rng(0).integers(0, 256, (301, 230, 3), np.uint8)))


def _extended_webp() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGBA", (300, 7), (1, 2, 3, 4)).save(buffer, "WEBP", exif=b"Exif\x00\x00")
    return buffer.getvalue()


FILES = KINDS | {"WebP with transparency": _extended_webp()}


@pytest.mark.parametrize("kind", sorted(FILES))
def test_the_declared_size_is_pillows(kind: str) -> None:
    width, height = Image.open(io.BytesIO(FILES[kind])).size
    assert int(declared_pixels(tf.constant(FILES[kind]))) == width * height


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n", b"this is no image, however long it may be"])
def test_what_has_no_header_is_left_to_the_decoder(data: bytes) -> None:
    assert int(declared_pixels(tf.constant(data))) == 0
    assert require_pixel_limit(tf.constant(data)) == data


def _patched(kind: str, at: int, layout: str, *values: int) -> bytes:
    data = bytearray(FILES[kind])
    struct.pack_into(layout, data, at, *values)
    return bytes(data)


def _jpeg() -> bytes:
    data = FILES["JPEG"]
    start = data.index(b"\xff\xc0")  # start of frame: length, precision, height, width
    return data[: start + 5] + struct.pack(">HH", 50_000, 50_000) + data[start + 9 :]


@pytest.mark.parametrize(
    "data",
    [
        huge_png(),
        huge_png(2**31 - 1),  # whose area no int64 holds
        _jpeg(),
        _patched("GIF", 6, "<HH", 65_535, 65_535),
        _patched("BMP", 18, "<ii", 30_000, -30_000),
        _patched("WebP", 26, "<HH", 16_383, 16_383),
        _patched("WebP with transparency", 24, "<HBHB", 0xFFFF, 0x0F, 0xFFFF, 0x0F),
    ],
    ids=["PNG", "largest PNG", "JPEG", "GIF", "BMP", "WebP", "extended WebP"],
)
def test_huge_images_are_refused(data: bytes) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"{MAX_PIXELS:,} pixels"):
        require_pixel_limit(tf.constant(data))
