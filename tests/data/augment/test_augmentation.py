"""Every setting of `augment` changes what comes out, and nothing that another setting draws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from kresnet.data.augment.augmentation import BatchAugmentation
from kresnet.data.augment.mix import draw_mixture
from kresnet.data.counter_rng import CounterRng
from kresnet.data.crop_resize import crop_batch
from kresnet.spec.inputs import Input, Pixels
from kresnet.spec.recipe import Augment

INPUT = Input(shape=(24, 24, 3), pixels=Pixels(mean=(0.5, 0.4, 0.3)))
STEPS = 6

RESIZED = {"crop": {"kind": "resized"}}
RESCALED = {"crop": {"kind": "rescaled", "shorter_side": (26, 30)}}
JITTER: dict[str, Any] = {"color_jitter": {}}
PAPER = {"rand_augment": {"kind": "paper"}}
TIMM = {"rand_augment": {"kind": "timm"}}
ERASE: dict[str, Any] = {"erase": {}}
MIXUP = {"mix": {"kind": "mixup"}}
CUTMIX = {"mix": {"kind": "cutmix"}}
EITHER = {"mix": {"kind": "mixup_or_cutmix"}}

CASES = [
    ({}, "crop_padding", 3),
    ({"crop_padding": 2}, "crop_padding", 3),
    ({}, "flip", True),
    ({}, "crop", RESIZED["crop"]),
    (RESIZED, "crop.area", (0.3, 0.5)),
    (RESIZED, "crop.aspect", (1.0, 1.1)),
    (RESCALED, "crop.shorter_side", (24, 60)),
    *((JITTER, f"color_jitter.{name}", 0.8) for name in ("brightness", "contrast", "saturation")),
    ({}, "lighting_std", 0.1),
    (PAPER, "rand_augment.operations", 3),
    (PAPER, "rand_augment.magnitude", 20.0),
    (PAPER, "rand_augment", TIMM["rand_augment"]),
    (TIMM, "rand_augment.operations", 3),
    (TIMM, "rand_augment.magnitude", 3.0),
    (TIMM, "rand_augment.magnitude_std", 2.0),
    (TIMM, "rand_augment.probability", 1.0),
    (ERASE, "erase.probability", 0.9),
    (ERASE, "erase.area", (0.1, 0.2)),
    (ERASE, "erase.aspect", (1.0, 1.0)),
    (ERASE, "erase.fill", "mean"),
    (ERASE, "erase.fill", "black"),
    (MIXUP, "mix.alpha", 1.0),
    (MIXUP, "mix.probability", 0.5),
    (CUTMIX, "mix.alpha", 0.5),
    (CUTMIX, "mix.probability", 0.5),
    (EITHER, "mix.mixup_alpha", 1.0),
    (EITHER, "mix.cutmix_alpha", 0.5),
    (EITHER, "mix.cutmix_probability", 0.1),
    (EITHER, "mix.probability", 0.5),
]


def changed(document: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    key, _, rest = path.partition(".")
    return document | {key: changed(document.get(key, {}), rest, value) if rest else value}


def result(document: dict[str, Any]) -> np.ndarray:
    """Sixteen images after all that the document asks for, in some steps: uint8."""
    settings = Augment.model_validate(document)
    augmentation, positions = BatchAugmentation(settings, INPUT), np.arange(16)
    random = np.random.default_rng(0)
    start = tf.constant(np.kron(random.integers(0, 256, (16, 6, 6, 3)), np.ones((1, 4, 4, 1))).astype(np.uint8))
    drawn = augmentation.draw(CounterRng(0, 0, positions))
    images = start
    if augmentation.crop:
        boxes = augmentation.crop.boxes(tf.constant(drawn.crop[0]), 24, 24)
        images = crop_batch(images, boxes, augmentation.crop.crop_first, INPUT)
    if not settings.mix:
        return augmentation.apply(images, drawn.transforms).numpy()
    mixtures = [draw_mixture(settings.mix, 0, step, (24, 24)) for step in range(STEPS)]
    return np.stack([augmentation.apply(images, drawn.transforms, mixture).numpy() for mixture in mixtures])


@pytest.mark.parametrize(("base", "path", "value"), CASES, ids=lambda case: case if isinstance(case, str) else "")
def test_a_setting_has_an_effect(base: dict[str, Any], path: str, value: Any) -> None:
    before, after = result(base), result(changed(base, path, value))
    assert not np.array_equal(before, after)


def test_every_setting_is_among_the_cases() -> None:
    def leaves(document: dict[str, Any], prefix: str = "") -> set[str]:
        found = set()
        for key, value in document.items():
            found |= leaves(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}"}
        return {path for path in found if not path.endswith(".kind")}

    documents = (RESIZED, RESCALED, JITTER, PAPER, TIMM, ERASE, MIXUP, CUTMIX, EITHER)
    stated = set().union(*(leaves(Augment.model_validate(each).document()) for each in documents))
    assert stated - {path for _, path, _ in CASES} == {
        "rand_augment",
        "mix",
        "erase",
        "color_jitter",
        "crop",
        "others",
    } - {path for _, path, _ in CASES}
