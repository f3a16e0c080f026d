"""Where compiled code changes batches, and where the graph does; what comes out is the same."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from kresnet.data import compiling
from kresnet.data.augment.augmentation import BatchAugmentation
from kresnet.data.augment.color import RandomColorJitter
from kresnet.data.augment.compiled_batches import change_batch
from kresnet.data.augment.mix import draw_mixture
from kresnet.data.augment.rand_augment import RandAugmentTransform
from kresnet.data.augment.shift import ShiftAndFlip
from kresnet.data.counter_rng import CounterRng
from kresnet.spec.inputs import Input
from kresnet.spec.recipe import Augment, ColorJitter
from tests.data.augment.test_compiled_transforms import awkward_images

ALL: dict[str, Any] = {
    "crop_padding": 4, "flip": True, "color_jitter": {}, "lighting_std": 0.1, "rand_augment": {"kind": "paper"},
    "erase": {}, "mix": {"kind": "mixup_or_cutmix"},
}  # fmt: skip
INPUT = Input(shape=(32, 40, 3))


def augmented(augmentation: BatchAugmentation) -> np.ndarray:
    """Some images after all of an augmentation, in a graph."""
    images, mix = awkward_images(10, INPUT.shape), Augment.model_validate(ALL).mix
    assert mix
    drawn, mixture = augmentation.draw(CounterRng(0, 3, np.arange(10))).transforms, draw_mixture(mix, 0, 1, (32, 40))
    return tf.function(augmentation.apply)(tf.constant(images), drawn, mixture).numpy()


@pytest.fixture
def by_the_graph(monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """What comes out where Numba is not installed."""
    with monkeypatch.context() as patch:
        patch.setattr(compiling, "find_spec", lambda name: None)
        augmentation = BatchAugmentation(Augment.model_validate(ALL), INPUT)
        assert not augmentation._compiled
        return augmented(augmentation)


def test_all_augmentations_together(by_the_graph: np.ndarray) -> None:
    augmentation = BatchAugmentation(Augment.model_validate(ALL), INPUT)
    assert augmentation._compiled == [*augmentation.transforms, augmentation.mixing]
    np.testing.assert_array_equal(augmented(augmentation), by_the_graph)


def test_one_in_the_middle_is_left_to_the_graph(by_the_graph: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    def otherwise(self: RandAugmentTransform, images: np.ndarray, *drawn: np.ndarray) -> None:
        images += 1

    monkeypatch.setattr(RandAugmentTransform, "change", otherwise)
    augmentation = BatchAugmentation(Augment.model_validate(ALL), INPUT)
    assert len(augmentation._compiled) == len(augmentation.transforms)  # all but one, and mixing
    np.testing.assert_array_equal(augmented(augmentation), by_the_graph)


def test_what_comes_in_is_left_as_it_is() -> None:
    images = tf.constant(awkward_images(8, (33, 35, 3)))
    before, flip = images.numpy().copy(), ShiftAndFlip(0, True)
    changed = change_batch(images, [(flip, (tf.zeros((8, 2), tf.int32), tf.constant([True] * 8)))])
    np.testing.assert_array_equal(images, before)
    np.testing.assert_array_equal(changed, before[:, :, ::-1])


def test_where_there_is_no_compiled_code(monkeypatch: pytest.MonkeyPatch) -> None:
    flip = Augment.model_validate({"flip": True})
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "kresnet.data.augment.compiled_transforms", None)
        assert not BatchAugmentation(flip, INPUT)._compiled
    monkeypatch.setattr(ShiftAndFlip, "change", lambda *given: pytest.fail("compiled code was looked at"))
    assert not BatchAugmentation(flip, Input(shape=(31, 33, 3)))._compiled  # small images
    jitter, large = ColorJitter(brightness=0.1, contrast=0.1, saturation=0.1), Input(shape=(300, 300, 3))
    assert not RandomColorJitter(jitter, large).compiled
    assert RandomColorJitter(ColorJitter(brightness=0.1, contrast=0.0, saturation=0.1), large).compiled
