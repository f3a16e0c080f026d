"""Random changes of images: the numbers of the papers, and ranges that are not empty."""

from __future__ import annotations

import pytest

from kresnet.spec.recipe.augment import (
    Augment,
    ColorJitter,
    Cutmix,
    Erase,
    Mixup,
    MixupOrCutmix,
    PaperRandAugment,
    ResizedCrop,
    TimmRandAugment,
)
from tests.spec.refusals import refusal_of, refused


def test_images_are_left_as_they_are_by_default():
    document = Augment().document()
    assert not any(document.values())
    order = ["crop_padding", "crop", "flip", "color_jitter", "lighting_std", "rand_augment", "erase", "others", "mix"]
    assert list(document) == order


def test_the_defaults_are_those_of_the_papers():
    crop, erase = ResizedCrop(kind="resized"), Erase()
    assert (crop.area, crop.aspect) == ((0.08, 1.0), (0.75, 4 / 3))
    assert (erase.probability, erase.area, erase.aspect) == (0.25, (0.02, 1 / 3), (0.3, 10 / 3))
    assert (Mixup(kind="mixup").alpha, Cutmix(kind="cutmix").alpha) == (0.2, 1.0)
    both = MixupOrCutmix(kind="mixup_or_cutmix")
    assert (both.mixup_alpha, both.cutmix_alpha, both.cutmix_probability, both.probability) == (0.1, 1.0, 0.5, 1.0)
    assert (PaperRandAugment(kind="paper").operations, PaperRandAugment(kind="paper").magnitude) == (2, 9.0)
    assert (TimmRandAugment(kind="timm").magnitude_std, TimmRandAugment(kind="timm").probability) == (0.5, 0.5)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"crop": {"kind": "resized", "area": [0.5, 0.2]}}, ("contradiction", "crop.area")),
        ({"crop": {"kind": "resized", "area": [0.0, 1.0]}}, ("out_of_range", "crop.area.0")),
        ({"crop": {"kind": "rescaled"}}, ("missing_field", "crop.shorter_side")),
        ({"crop_padding": 65}, ("out_of_range", "crop_padding")),
        ({"rand_augment": {"kind": "paper", "magnitude": 31}}, ("out_of_range", "rand_augment.magnitude")),
        ({"rand_augment": {"kind": "timm", "magnitude": 11}}, ("out_of_range", "rand_augment.magnitude")),
        ({"rand_augment": {"kind": "paper", "probability": 0.5}}, ("unknown_field", "rand_augment.probability")),
        ({"erase": {"probability": 0}}, ("out_of_range", "erase.probability")),
        ({"mix": {"kind": "mixup_or_cutmix", "cutmix_probability": 1.0}}, ("out_of_range", "mix.cutmix_probability")),
        ({"mix": {"kind": "mixup", "alpha": 101}}, ("out_of_range", "mix.alpha")),
    ],
)
def test_what_is_refused(settings, expected):
    assert refused(Augment, settings) == expected


def test_a_colour_jitter_of_nothing_is_refused():
    settings = {"brightness": 0.0, "contrast": 0.0, "saturation": 0.0}
    assert refusal_of(ColorJitter, settings).code == "contradiction"
    assert ColorJitter.model_validate(settings | {"contrast": 0.1}).contrast == 0.1


def test_there_is_one_way_to_cut():
    problem = refusal_of(Augment, {"crop_padding": 4, "crop": {"kind": "resized"}})
    assert problem.code == "contradiction"
    assert "`crop_padding` and `crop`" in problem.message
