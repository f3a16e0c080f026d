"""Pixel values against NumPy."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from kresnet.graph.layers import NormalizePixels


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_pixels_are_scaled_then_normalised(dtype):
    image = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3)).astype(dtype)
    mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    expected = (image / 255.0 - mean) / std
    np.testing.assert_allclose(NormalizePixels(mean=mean, std=std)(image), expected, rtol=1e-5, atol=1e-5)


def test_pixels_of_another_range_and_order():
    image = np.random.default_rng(0).integers(0, 256, (1, 2, 2, 3)).astype("uint8")
    expected = image[..., ::-1] / 127.5 - 1
    np.testing.assert_allclose(NormalizePixels((-1.0, 1.0), channel_order="bgr")(image), expected, atol=1e-6)


def test_pixels_are_normalised_in_float32_whatever_follows():
    image = np.arange(256, dtype="uint8").reshape(1, 16, 16, 1)
    y = NormalizePixels(mean=[0.5], std=[0.25], dtype="mixed_bfloat16")(image)
    assert y.dtype == tf.bfloat16
    exact = tf.cast((image / 255.0 - 0.5) / 0.25, tf.bfloat16)
    np.testing.assert_allclose(tf.cast(y, "float32"), tf.cast(exact, "float32"), rtol=2**-7, atol=2**-9)


@pytest.mark.parametrize(
    "layer", [NormalizePixels((-1.0, 1.0), [0.1], [0.2], "rgb")], ids=lambda layer: type(layer).__name__
)
def test_layers_are_rebuilt_from_their_configuration(layer):
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(again) is type(layer)
    assert again.get_config() == layer.get_config()
