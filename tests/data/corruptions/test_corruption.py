"""A corruption has the strength of the image's size and of its severity."""

from __future__ import annotations

import numpy as np
import pytest

from kresnet.data.corruptions import SEVERITIES, corrupt
from kresnet.data.corruptions.corruption import SMALL as LONGEST
from kresnet.data.corruptions.corruption import Corruption
from tests.data.corruptions.pictures import LARGE, SMALL


def test_the_shorter_side_and_the_severity_choose_the_strength():
    darker = Corruption(lambda image, kept, _: image * kept, cifar=(0.6, 0.2), imagenet=(0.8, 0.4))
    generator = np.random.default_rng(0)
    for shape, strengths in (((LONGEST, 99, 1), darker.cifar), ((LONGEST + 1, 99, 1), darker.imagenet)):
        white = np.full(shape, 255, np.uint8)
        for severity, kept in enumerate(strengths, start=1):
            assert (darker.apply(white, severity, generator) == int(255 * kept)).all()


@pytest.mark.parametrize("image", [SMALL, LARGE], ids=["cifar", "imagenet"])
def test_more_severe_is_further_from_the_image(image):
    rising = {"gaussian_noise", "shot_noise", "impulse_noise", "defocus_blur", "brightness", "contrast", "pixelate"}
    for kind in rising | {"zoom_blur", "jpeg_compression"}:
        distances = [np.abs(corrupt(image, kind, each, 0).astype(int) - image).mean() for each in SEVERITIES]
        assert distances == sorted(distances), kind
