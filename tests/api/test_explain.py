"""A run whose images are explained."""

from __future__ import annotations

import numpy as np
import pytest

import kresnet


def test_each_image_is_explained_in_the_stage_asked_for(whole, home):
    with np.load(home / "data.npz") as data:
        images = data["test_inputs"][:2]
    explanation = kresnet.explain(whole, images, stages=[1], looked_for=["2"], channels=3)
    assert [image.name for image in explanation.images] == [0, 1]
    for image in explanation.images:
        assert [(cam.class_id, cam.stage, cam.map.shape) for cam in image.cams] == [(2, 1, (8, 8))]
        assert [len(features.channels) for features in image.features] == [3, 3]
    assert explanation.filters.kernels.shape == (4, 3, 3, 1)


def test_explaining_takes_images(whole):
    with pytest.raises(kresnet.KresnetError, match="Name the images"):
        kresnet.explain(whole, [])
