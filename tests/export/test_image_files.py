"""Image files of every kind, as Pillow reads them."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from kresnet.export.image_files import encode_every_kind

FORMATS = {"JPEG", "PNG", "GIF", "BMP", "WEBP"}


def test_every_format_and_way_of_keeping_colours_is_there() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (12, 10, 3), np.uint8)
    images = {kind: Image.open(io.BytesIO(data)) for kind, data in encode_every_kind(picture)}
    assert {image.format for image in images.values()} == FORMATS
    assert {image.size for image in images.values()} == {(15, 17)}, "not of the network's size"
    modes = {kind: image.mode for kind, image in images.items()}
    assert modes["grey JPEG"] == "L"
    assert modes["CMYK JPEG"] == "CMYK"
    assert modes["palette PNG"] == "P"
    assert modes["transparent PNG"] == "RGBA"
    assert modes["16-bit PNG"].startswith("I")
    lossless = np.asarray(images["lossless WebP"].convert("RGB"))
    np.testing.assert_array_equal(lossless, np.asarray(images["BMP"].convert("RGB")))


def test_a_grey_image_will_do() -> None:
    grey = np.zeros((8, 8, 1), np.uint8)
    assert len(list(encode_every_kind(grey))) == 11
