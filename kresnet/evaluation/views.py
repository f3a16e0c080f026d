"""Test-time augmentation: of which views of an image predictions are means, and how the image is read for them."""

from __future__ import annotations

from typing import Literal

from kresnet.spec.inputs import CenterCrop, Input

#: The image and its mirror image; or four corners and the centre of a somewhat larger image.
Tta = Literal["flip", "five_crop"]

#: How many times larger than a crop the image is that five are taken from, where the spec's `resize` leaves no margin:
#: 256 pixels for crops of 224, as in Krizhevsky et al. 2012, section 4.1.
MARGIN = 8 / 7


def image_input(input: Input, tta: Tta | None) -> Input:
    """Return the input by which images are to be read, so that the views can be taken of them.

    For five crops that is a larger image: with `center_crop`, all of the centre at the size that `shorter_side` gives
    it; where nothing is cut away, the image at `MARGIN` times the size.
    """
    if tta != "five_crop":
        return input
    height, width, channels = input.shape
    rule, shorter = input.resize, min(height, width)
    cut = isinstance(rule, CenterCrop) and rule.shorter_side > shorter
    factor = rule.shorter_side / shorter if isinstance(rule, CenterCrop) and cut else MARGIN
    larger = (round(height * factor), round(width * factor))
    if isinstance(rule, CenterCrop):
        rule = rule.model_copy(update={"shorter_side": min(larger)})
    return input.model_copy(update={"shape": (*larger, channels), "resize": rule})


__all__ = ["MARGIN", "Tta", "image_input"]
