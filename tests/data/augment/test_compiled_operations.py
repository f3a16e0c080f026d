"""RandAugment compiled against the graph's, byte by byte, in each of its operations."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from kresnet.data.augment import operations
from kresnet.data.augment.rand_augment import PAPER, TIMM, RandAugmentTransform
from kresnet.data.counter_rng import CounterRng
from kresnet.spec.inputs import Input, Pixels
from kresnet.spec.recipe import PaperRandAugment, TimmRandAugment
from tests.data.augment.test_compiled_transforms import awkward_images

SETTINGS = {
    "paper": PaperRandAugment(kind="paper", operations=1, magnitude=17.0),
    "timm": TimmRandAugment(kind="timm", operations=1, magnitude=7.0, magnitude_std=2.0, probability=1.0),
}


@pytest.mark.parametrize("shape", [(21, 34, 3), (30, 19, 1)], ids=["color", "grey"])
@pytest.mark.parametrize("kind", SETTINGS)
def test_each_operation_makes_the_bytes_of_the_graph(kind: str, shape: tuple[int, ...]) -> None:
    change = RandAugmentTransform(SETTINGS[kind], Input(shape=shape, pixels=Pixels(mean=(0.4,) * shape[2])))
    drawn = change.draw(CounterRng(4, 0, np.arange(400)))
    kinds_of_table = np.where(drawn[0] == 2, drawn[1], -1)
    left_out = {"paper": len(operations.TABLES) - len(set(PAPER) & set(operations.TABLES)), "timm": 0}[kind]
    assert len(np.unique(kinds_of_table)) == 1 + len(operations.TABLES) - left_out
    assert len(np.unique(drawn[0])) == (7 if kind == "paper" else 6)  # with or without `identity`
    images = awkward_images(400, shape)
    expected = change.apply(tf.constant(images), *map(tf.constant, drawn)).numpy()
    change.change(images, *drawn)
    differ = np.flatnonzero((images != expected).any(axis=(1, 2, 3)))
    assert not len(differ), [(int(drawn[0][place, 0]), int(drawn[1][place, 0])) for place in differ]


def test_operations_follow_each_other() -> None:
    settings = TimmRandAugment(kind="timm", operations=4, magnitude=9.0)
    change = RandAugmentTransform(settings, Input(shape=(16, 16, 3)))
    images, drawn = awkward_images(60, (16, 16, 3)), change.draw(CounterRng(0, 1, np.arange(60)))
    expected = change.apply(tf.constant(images), *map(tf.constant, drawn)).numpy()
    change.change(images, *drawn)
    np.testing.assert_array_equal(images, expected)


def test_larger_images_than_float32_adds_up_exactly_are_left_to_the_graph() -> None:
    assert operations.MOST_GREY_PIXELS * 255 < 2**24 <= (operations.MOST_GREY_PIXELS + 1) * 255
    for settings in SETTINGS.values():
        assert RandAugmentTransform(settings, Input(shape=(256, 256, 3))).compiled
        assert not RandAugmentTransform(settings, Input(shape=(257, 257, 3))).compiled
    assert len(PAPER) == 14
    assert len(TIMM) == 15
