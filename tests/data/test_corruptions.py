"""Every kind of corruption takes every image, by its name, and is drawn from the image's place.

When this was written, contrast, brightness, pixelation, compression, zoom and defocus of 224 x 224 images were equal to
those of the package `imagecorruptions-imaug` 1.1.5 within a rounding, but for defocus of severities 4 and 5, whose
kernels sum up to 1 here.
"""

from __future__ import annotations

import numpy as np
import pytest

from kresnet.data.corruptions import (
    FAMILIES,
    KINDS,
    SEVERITIES,
    corrupt,
    corrupt_images,
    parse_corruptions,
)
from kresnet.errors import KresnetError
from tests.data.corruptions.pictures import LARGE, picture


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


def test_kinds_and_severities_are_named():
    assert parse_corruptions("all") == dict.fromkeys(KINDS, SEVERITIES)
    assert parse_corruptions("fog:3, noise,fog:1") == dict.fromkeys(FAMILIES["noise"], SEVERITIES) | {"fog": (1, 3)}
    for text, words in (("frost", "photographs"), ("fogg", "fogg"), ("fog:6", "severity"), ("", "no corruption")):
        with pytest.raises(KresnetError) as caught:
            parse_corruptions(text)
        assert caught.value.problems[0].code == "bad_option"
        assert words in str(caught.value)
