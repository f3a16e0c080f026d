"""Images are read larger where crops are taken of them."""

from __future__ import annotations

import pytest

from kresnet.evaluation.views import image_input
from kresnet.spec.inputs import CenterCrop, Input


@pytest.mark.parametrize(
    ("shape", "side", "larger", "shorter"),
    [
        ((224, 224, 3), 256, (256, 256, 3), 256),
        ((224, 224, 3), 224, (256, 256, 3), 256),
        ((32, 48, 3), 40, (40, 60, 3), 40),
    ],
)
def test_crops_are_taken_of_what_the_centre_is_cut_from(shape, side, larger, shorter):
    input = Input(shape=shape, resize=CenterCrop(kind="center_crop", shorter_side=side))
    for_crops = image_input(input, "five_crop")
    assert for_crops.shape == larger
    assert for_crops.resize.shorter_side == shorter
    assert image_input(input, "flip") == image_input(input, None) == input


def test_a_stretched_image_is_stretched_to_more():
    assert image_input(Input(shape=(28, 28, 1)), "five_crop").shape == (32, 32, 1)
