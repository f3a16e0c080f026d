"""Brightness, by the standard library; the height map of fog, by its properties."""

from __future__ import annotations

import colorsys

import numpy as np

from kresnet.data.corruptions import corrupt
from kresnet.data.corruptions.weather import plasma_fractal
from tests.data.corruptions.pictures import SMALL


def test_a_height_map_spans_0_to_1_and_is_smoother_the_faster_it_decays():
    rough, smooth = (plasma_fractal(64, decay, np.random.default_rng(0)) for decay in (1.4, 3))
    assert (rough.min(), rough.max()) == (0, 1)
    assert np.abs(np.diff(smooth)).mean() < np.abs(np.diff(rough)).mean()
    torus = np.abs(smooth - np.roll(smooth, 1, axis=0)).mean(axis=1)
    assert torus[0] < 2 * torus.mean()  # the first row continues the last


def test_brightness_is_that_of_its_definition():
    brighter = corrupt(SMALL, "brightness", 4, 0) / 255
    for row, column in ((0, 0), (7, 20), (31, 5)):
        hue, saturation, value = colorsys.rgb_to_hsv(*SMALL[row, column] / 255)
        expected = colorsys.hsv_to_rgb(hue, saturation, min(1, value + 0.2))
        np.testing.assert_allclose(brighter[row, column], expected, atol=1 / 255)
    black = np.zeros((8, 8, 3), np.uint8)
    assert (corrupt(black, "brightness", 5, 0) == int(0.3 * 255)).all()
