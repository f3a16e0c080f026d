"""Compiled transforms against the graph's, byte by byte; the graph's are held against others' in their own tests."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from kresnet.data.augment.augmentation import BatchAugmentation
from kresnet.data.augment.mix import draw_mixture
from kresnet.data.counter_rng import CounterRng
from kresnet.spec.inputs import Input
from kresnet.spec.recipe import Augment

SETTINGS: list[dict[str, Any]] = [
    {"flip": True},
    {"crop_padding": 3},
    {"crop_padding": 64, "flip": True},  # more than the image is wide
    {"color_jitter": {}},
    {"color_jitter": {"brightness": 1.0, "contrast": 0.0, "saturation": 1.0}},
    {"color_jitter": {"brightness": 0.0, "contrast": 1.0, "saturation": 0.0}},
    {"lighting_std": 2.0},
    {"erase": {"probability": 0.7}},
    {"erase": {"probability": 0.7, "fill": "mean"}},
    {"mix": {"kind": "mixup", "alpha": 1.0}},
    {"mix": {"kind": "cutmix"}},
]


def awkward_images(count: int, shape: tuple[int, ...]) -> np.ndarray:
    """Random bytes of every contrast, one image of a single colour, one of black and white alone."""
    random = np.random.default_rng(1)
    images = random.integers(0, 256, (count, *shape)) * random.uniform(0.1, 1, (count, 1, 1, 1))
    images[0], images[1] = 255, np.where(random.random(shape) < 0.5, 0, 255)
    return images.astype(np.uint8)


@pytest.mark.parametrize("shape", [(23, 37, 3), (40, 18, 1)], ids=["color", "grey"])
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_compiled_code_makes_the_bytes_of_the_graph(settings: dict[str, Any], shape: tuple[int, ...]) -> None:
    if "lighting_std" in settings and shape[2] == 1:
        return  # refused
    augment = Augment.model_validate(settings)
    augmentation = BatchAugmentation(augment, Input.model_validate({"shape": shape}))
    images = awkward_images(31, shape)  # an odd number, whose last is not mixed
    for step in range(4):
        if augment.mix:
            change, drawn = augmentation.mixing, draw_mixture(augment.mix, 0, step, shape[:2])
        else:
            (change,) = augmentation.transforms
            (drawn,) = augmentation.draw(CounterRng(0, step, np.arange(31))).transforms
        expected = change.apply(tf.constant(images), *map(tf.constant, drawn)).numpy()
        assert not np.array_equal(expected, images)
        found = images.copy()
        change.change(found, *drawn)
        np.testing.assert_array_equal(found, expected)


def test_a_rectangle_and_a_weight_mix_together() -> None:
    augmentation = BatchAugmentation(Augment.model_validate({"mix": {"kind": "mixup"}}), Input(shape=(12, 9, 3)))
    images, drawn = awkward_images(6, (12, 9, 3)), (np.array(0.3, np.float32), np.array([3, 0, 12, 5], np.int32))
    expected = augmentation.mixing.apply(tf.constant(images), *map(tf.constant, drawn)).numpy()
    augmentation.mixing.change(images, *drawn)
    np.testing.assert_array_equal(images, expected)
