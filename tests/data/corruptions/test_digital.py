"""Contrast, by hand; pixelation and compression, by Pillow."""

from __future__ import annotations

import numpy as np
from PIL import Image

from kresnet.data.corruptions import corrupt
from tests.data.corruptions.pictures import LARGE, SMALL


def test_contrast_is_that_of_its_definition():
    x = LARGE / 255
    expected = ((x - x.mean((0, 1))) * 0.2 + x.mean((0, 1))) * 255
    np.testing.assert_allclose(corrupt(LARGE, "contrast", 3, 0), expected, atol=1)


def test_pixels_and_compression_are_pillows():
    small = Image.fromarray(LARGE).resize((32, 38), Image.Resampling.BOX)
    expected = np.asarray(small.resize((80, 96), Image.Resampling.BOX))
    np.testing.assert_allclose(corrupt(LARGE, "pixelate", 3, 0), expected, atol=1)
    (blocks,) = {corrupt(SMALL, "jpeg_compression", 5, place).tobytes() for place in (0, 1)}  # nothing is random
    assert blocks != SMALL.tobytes()
