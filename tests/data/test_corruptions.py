"""Corruptions are those of the paper: by hand, by Pillow and by the standard library where they are not random.

When this was written, contrast, brightness, pixelation, compression, zoom and defocus of 224 x 224 images were equal to
those of the package `imagecorruptions-imaug` 1.1.5 within a rounding, but for defocus of severities 4 and 5, whose
kernels sum up to 1 here.
"""

from __future__ import annotations

import colorsys

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from kresnet.data.corruptions import (
    FAMILIES,
    KINDS,
    SEVERITIES,
    corrupt,
    corrupt_images,
    parse_corruptions,
    plasma_fractal,
)
from kresnet.errors import KresnetError


def picture(height, width, channels=3, seed=0):
    """An image without sharp edges."""
    noise = np.random.default_rng(seed).normal(size=(height, width, channels))
    smooth = ndimage.gaussian_filter(noise, (height / 20, width / 20, 0))
    return ((smooth - smooth.min()) / np.ptp(smooth) * 255).astype(np.uint8)


SMALL, LARGE = picture(32, 32), picture(96, 80)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(28, 28, 1), (70, 99, 3)], ids=str)
def test_every_kind_takes_every_image_and_is_drawn_from_its_place(kind, shape):
    images = np.stack([picture(*shape, seed=seed) for seed in range(3)])
    corrupted = corrupt_images(images, kind, 5, [4, 0, 7])
    assert (corrupted.dtype, corrupted.shape) == (np.uint8, images.shape)
    assert all((one != other).any() for one, other in zip(corrupted, images, strict=True))
    np.testing.assert_array_equal(corrupt(images[2], kind, 5, 7), corrupted[2])  # whatever else is in the batch


@pytest.mark.parametrize("kind", ["gaussian_noise", "shot_noise", "glass_blur", "motion_blur", "snow", "fog"])
def test_what_is_random_differs_between_images(kind):
    assert (corrupt(LARGE, kind, 4, 0) != corrupt(LARGE, kind, 4, 1)).any()


@pytest.mark.parametrize("image", [SMALL, LARGE], ids=["cifar", "imagenet"])
def test_more_severe_is_further_from_the_image(image):
    rising = {"gaussian_noise", "shot_noise", "impulse_noise", "defocus_blur", "brightness", "contrast", "pixelate"}
    for kind in rising | {"zoom_blur", "jpeg_compression"}:
        distances = [np.abs(corrupt(image, kind, each, 0).astype(int) - image).mean() for each in SEVERITIES]
        assert distances == sorted(distances), kind


def test_noise_has_the_strength_that_the_scripts_state():
    grey = np.full((96, 96, 3), 127, np.uint8)
    for severity, (small, large) in enumerate(zip((0.04, 0.06), (0.08, 0.12), strict=True), start=1):
        assert corrupt(grey, "gaussian_noise", severity, 0).std() / 255 == pytest.approx(large, rel=0.03)
        assert corrupt(grey[:32, :32], "gaussian_noise", severity, 0).std() / 255 == pytest.approx(small, rel=0.06)
    assert corrupt(grey, "shot_noise", 3, 0).std() / 255 == pytest.approx(np.sqrt(127 / 255 / 12), rel=0.03)
    struck = corrupt(grey, "impulse_noise", 5, 0)
    assert [(struck == value).mean() for value in (0, 255)] == pytest.approx([0.135, 0.135], rel=0.05)


def test_contrast_and_brightness_are_those_of_their_definitions():
    x = LARGE / 255
    expected = ((x - x.mean((0, 1))) * 0.2 + x.mean((0, 1))) * 255
    np.testing.assert_allclose(corrupt(LARGE, "contrast", 3, 0), expected, atol=1)
    brighter = corrupt(SMALL, "brightness", 4, 0) / 255
    for row, column in ((0, 0), (7, 20), (31, 5)):
        hue, saturation, value = colorsys.rgb_to_hsv(*SMALL[row, column] / 255)
        expected = colorsys.hsv_to_rgb(hue, saturation, min(1, value + 0.2))
        np.testing.assert_allclose(brighter[row, column], expected, atol=1 / 255)
    black = np.zeros((8, 8, 3), np.uint8)
    assert (corrupt(black, "brightness", 5, 0) == int(0.3 * 255)).all()


def test_pixels_and_compression_are_pillows():
    small = Image.fromarray(LARGE).resize((32, 38), Image.Resampling.BOX)
    expected = np.asarray(small.resize((80, 96), Image.Resampling.BOX))
    np.testing.assert_allclose(corrupt(LARGE, "pixelate", 3, 0), expected, atol=1)
    (blocks,) = {corrupt(SMALL, "jpeg_compression", 5, place).tobytes() for place in (0, 1)}  # nothing is random
    assert blocks != SMALL.tobytes()


def test_blurs_keep_what_is_even_and_the_mean():
    even = np.full((96, 96, 3), 100, np.uint8)
    for kind in FAMILIES["blur"]:
        np.testing.assert_allclose(corrupt(even, kind, 5, 0), 100, atol=1)
    point = np.zeros((96, 96, 1), np.uint8)
    point[48, 48] = 255
    disk = corrupt(np.repeat(point, 3, axis=2), "defocus_blur", 2, 0)[..., 0] > 0
    rows, columns = np.nonzero(disk)
    assert (np.ptp(rows), np.ptp(columns)) == (8, 8)  # radius 4; what the smoothed edge adds is less than a level
    line = corrupt(point, "motion_blur", 1, 0)[..., 0].astype(float)
    assert line.sum() == pytest.approx(255, abs=21)  # each of 21 pixels may lose a part of a level
    assert line.argmax() == point.argmax()


def test_a_height_map_spans_0_to_1_and_is_smoother_the_faster_it_decays():
    rough, smooth = (plasma_fractal(64, decay, np.random.default_rng(0)) for decay in (1.4, 3))
    assert (rough.min(), rough.max()) == (0, 1)
    assert np.abs(np.diff(smooth)).mean() < np.abs(np.diff(rough)).mean()
    torus = np.abs(smooth - np.roll(smooth, 1, axis=0)).mean(axis=1)
    assert torus[0] < 2 * torus.mean()  # the first row continues the last


def test_kinds_and_severities_are_named():
    assert parse_corruptions("all") == dict.fromkeys(KINDS, SEVERITIES)
    assert parse_corruptions("fog:3, noise,fog:1") == dict.fromkeys(FAMILIES["noise"], SEVERITIES) | {"fog": (1, 3)}
    for text, words in (("frost", "photographs"), ("fogg", "fogg"), ("fog:6", "severity"), ("", "no corruption")):
        with pytest.raises(KresnetError) as caught:
            parse_corruptions(text)
        assert caught.value.problems[0].code == "bad_option"
        assert words in str(caught.value)
