"""Vectorised augmentation against NumPy, one image at a time."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from kresnet.data.augment.shift import shift_and_flip


@pytest.mark.parametrize("padding", [0, 1, 4])
@pytest.mark.parametrize("shape", [(9, 7, 3), (6, 6, 1)])
def test_agrees_with_numpy(shape: tuple[int, int, int], padding: int) -> None:
    random = np.random.default_rng(2)
    images = random.integers(0, 256, (16, *shape), dtype=np.uint8)
    shifts = random.integers(0, 2 * padding + 1, (16, 2), dtype=np.int32)
    flips = random.integers(0, 2, 16).astype(bool)
    ours = shift_and_flip(tf.constant(images), shifts, flips, padding).numpy()
    for image, (top, left), flip, result in zip(images, shifts, flips, ours, strict=True):
        padded = np.pad(image, ((padding, padding), (padding, padding), (0, 0)))
        cut = padded[top : top + shape[0], left : left + shape[1]]
        np.testing.assert_array_equal(result, cut[:, ::-1] if flip else cut)
