"""Padding and subsampling against NumPy, and against Keras's own maximum."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from kresnet.graph.layers import IdentityPad, SymmetricPad


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(1.0, 2.0, shape).astype("float32")


@pytest.mark.parametrize("on_gpu", [False, True])
@pytest.mark.parametrize(("channels", "width", "stride"), [(3, 8, 2), (4, 4, 3), (2, 5, 1)])
def test_identity_pad_subsamples_and_pads_with_zeros(channels, width, stride, on_gpu, monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["GPU:0"] * on_gpu)
    x = noise(2, 7, 6, channels)
    before = (width - channels) // 2
    expected = np.zeros((2, -(-7 // stride), -(-6 // stride), width), "float32")
    expected[..., before : before + channels] = x[:, ::stride, ::stride]
    layer = IdentityPad(width, stride)
    assert layer.pooled is not on_gpu
    np.testing.assert_array_equal(layer(x), expected)
    assert layer.compute_output_shape((None, 7, 6, channels)) == (None, *expected.shape[1:])


def test_identity_pad_of_vectors():
    x = noise(3, 4)
    np.testing.assert_array_equal(IdentityPad(7)(x), np.pad(x, [(0, 0), (1, 2)]))


@pytest.mark.parametrize(("fill", "value"), [("zero", 0.0), ("lowest", -np.inf)])
def test_symmetric_pad(fill, value):
    x = noise(2, 3, 4, 2)
    expected = np.pad(x, [(0, 0), (2, 2), (2, 2), (0, 0)], constant_values=value)
    np.testing.assert_array_equal(SymmetricPad(2, fill)(x), expected)


def test_lowest_padding_never_wins_a_maximum():
    x = -np.ones((1, 4, 4, 1), "float32")
    padded = SymmetricPad(1, "lowest")(x)
    np.testing.assert_array_equal(keras.layers.MaxPooling2D(3, 2)(padded), -np.ones((1, 2, 2, 1)))


@pytest.mark.parametrize(
    "layer", [IdentityPad(8, 2), SymmetricPad(1, "lowest")], ids=lambda layer: type(layer).__name__
)
def test_layers_are_rebuilt_from_their_configuration(layer):
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(again) is type(layer)
    assert again.get_config() == layer.get_config()
