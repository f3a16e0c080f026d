"""Compiled resampling against TensorFlow's operation, bit by bit."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from kresnet.data.resampling import RESIZE_KERNELS, resample_compiled, resample_in_graph


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("interpolation", RESIZE_KERNELS)
def test_compiled_code_makes_the_bits_of_the_operation(interpolation: str, channels: int) -> None:
    """Whatever shrinks or grows, lies beyond the image, or is a single pixel."""
    random = np.random.default_rng(0)
    for case in range(60):
        height, width = random.integers(1, 130, 2)
        image = random.integers(0, 256, (height, width, channels), np.uint8)
        if case % 4 == 0:
            image = np.where(image > 127, 255, 0).astype(np.uint8)  # where the cubic overshoots most
        size = tuple(map(int, random.integers(1, 50, 2)))
        scale = (np.array(size) / (height, width) * random.uniform(0.4, 2.5, 2)).astype(np.float32)
        translation = (np.zeros(2) if case % 3 == 0 else random.uniform(-40, 40, 2)).astype(np.float32)
        if case % 5 == 0:
            scale = np.array(size, np.float32) / np.array((height, width), np.float32)
        given = tf.constant(image), size, tf.constant(scale), tf.constant(translation), interpolation
        np.testing.assert_array_equal(resample_compiled(*given), resample_in_graph(*given))


def test_enlarging_is_the_bilinear_resize_without_antialias() -> None:
    """Of TensorFlow's own image module, which a table of weights has nothing to do with."""
    image = np.random.default_rng(0).integers(0, 256, (50, 61, 3), np.uint8)
    scale = np.array([96 / 50, 128 / 61], np.float32)
    ours = resample_compiled(tf.constant(image), (96, 128), tf.constant(scale), tf.zeros(2), "bilinear")
    plain = tf.image.resize(image, (96, 128), antialias=False).numpy()
    assert np.abs(ours.numpy() - plain).max() <= 0.505  # a weight is a difference of two numbers of up to 61
