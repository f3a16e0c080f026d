"""How much an augmentation changes images, against changes that can be told by hand."""

from __future__ import annotations

import numpy as np

from kresnet.data.embedded import read_embedded
from kresnet.diagnostics.augmentation_strength import augmentation_changes
from kresnet.spec.inputs import Input
from kresnet.spec.recipe import Augment

GREY = Input.model_validate({"shape": [28, 28, 1]})


def test_nothing_changes_nothing():
    assert augmentation_changes(Augment(), GREY, 16).tolist() == [0.0] * 16


def test_a_flip_changes_half_of_the_images_each_as_much_as_its_mirror_differs():
    found = augmentation_changes(Augment(flip=True), GREY, 64)
    images = read_embedded()["train_images"][:64].reshape(64, 28, 28).astype(float)
    mirrored = np.abs(images - images[:, :, ::-1]).mean(axis=(1, 2))
    changed = found[found > 0]
    assert 16 <= len(changed) <= 48
    assert all(np.isclose(mirrored, value).any() for value in changed)


def test_what_is_stronger_changes_more():
    weak, strong = (
        np.median(augmentation_changes(Augment.model_validate({"erase": {"probability": 1.0, "area": area}}), GREY, 32))
        for area in ([0.02, 0.03], [0.5, 0.6])
    )
    assert 0 < weak < strong
