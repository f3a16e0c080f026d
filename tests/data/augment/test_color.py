"""Colour jitter and lighting, image by image."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageEnhance
from pydantic import ValidationError

from kresnet.data.augment.color import RandomColorJitter, RandomLighting
from kresnet.data.counter_rng import CounterRng
from kresnet.errors import KresnetError
from kresnet.spec.inputs import Input
from kresnet.spec.recipe import ColorJitter


def test_jitter_is_pillows(photo: np.ndarray) -> None:
    change = RandomColorJitter(ColorJitter(brightness=0.4, contrast=0.3, saturation=0.6), Input(shape=(48, 60, 3)))
    (factors,) = change.draw(CounterRng(0, 0, np.arange(2000)))
    np.testing.assert_allclose(factors.min(axis=0), [0.6, 0.7, 0.4], atol=0.01)
    np.testing.assert_allclose(factors.max(axis=0), [1.4, 1.3, 1.6], atol=0.01)
    images = np.repeat(photo[np.newaxis], 20, axis=0)
    for ours, row in zip(change.apply(tf.constant(images), factors[:20]).numpy(), factors, strict=False):
        image = Image.fromarray(photo)
        for kind, factor in zip(
            (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color), row.astype(float), strict=True
        ):
            image = kind(image).enhance(factor)
        assert np.abs(ours.astype(int) - np.asarray(image)).max() <= 3


def test_a_jitter_of_nothing_is_refused() -> None:
    with pytest.raises(ValidationError, match="changes nothing"):
        ColorJitter(brightness=0.0, contrast=0.0, saturation=0.0)


def test_lighting_has_the_covariance_of_imagenets_colours(photo: np.ndarray) -> None:
    change = RandomLighting(0.1, Input(shape=(48, 60, 3)))
    (colors,) = change.draw(CounterRng(0, 0, np.arange(40_000)))
    # Eigenvalues and eigenvectors as published in fb.resnet.torch: covariance = V diag((0.1 · 255 · λ)²) Vᵀ.
    vectors = np.array([[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]])
    covariance = vectors @ np.diag((0.1 * 255 * np.array([0.2175, 0.0188, 0.0045])) ** 2) @ vectors.T
    np.testing.assert_allclose(np.cov(colors.T), covariance, rtol=0.03)
    lit = change.apply(tf.constant(photo[np.newaxis]), colors[:1]).numpy()[0]
    np.testing.assert_array_equal(lit, np.clip(np.rint(photo + colors[0]), 0, 255))


def test_lighting_is_for_colour() -> None:
    with pytest.raises(KresnetError, match="grey") as caught:
        RandomLighting(0.1, Input(shape=(28, 28, 1)))
    assert caught.value.problems[0].code == "contradiction"
