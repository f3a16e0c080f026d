"""Our layers against NumPy and against Keras's own."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from kresnet.graph.layers import FusedBatchNorm, IdentityPad, NormalizePixels, StochasticDepth, SymmetricPad


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(1.0, 2.0, shape).astype("float32")


# Shapes


@pytest.mark.parametrize(("channels", "width", "stride"), [(3, 8, 2), (4, 4, 3), (2, 5, 1)])
def test_identity_pad_subsamples_and_pads_with_zeros(channels, width, stride):
    x = noise(2, 7, 6, channels)
    before = (width - channels) // 2
    expected = np.zeros((2, -(-7 // stride), -(-6 // stride), width), "float32")
    expected[..., before : before + channels] = x[:, ::stride, ::stride]
    layer = IdentityPad(width, stride)
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


# Pixels


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


# Stochastic depth


def test_stochastic_depth_drops_whole_examples_and_keeps_the_mean():
    x = np.ones((4000, 2, 2, 3), "float32")
    y = np.array(StochasticDepth(0.25, seed=1)(x, training=True))
    per_example = y.reshape(4000, -1)
    assert (per_example == per_example[:, :1]).all()
    assert set(np.unique(per_example).round(5)) == {0.0, np.float32(1 / 0.75).round(5)}
    assert (per_example[:, 0] == 0).mean() == pytest.approx(0.25, abs=0.03)  # 4 standard deviations
    assert y.mean() == pytest.approx(1.0, abs=0.05)


def test_stochastic_depth_is_the_identity_in_inference():
    x = noise(4, 3)
    np.testing.assert_array_equal(StochasticDepth(0.9)(x, training=False), x)


@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_stochastic_depth_refuses_other_rates(rate):
    with pytest.raises(ValueError, match="rate must be"):
        StochasticDepth(rate)


@pytest.mark.parametrize(
    "layer",
    [
        FusedBatchNorm(momentum=0.8, name="a"),
        IdentityPad(8, 2),
        SymmetricPad(1, "lowest"),
        NormalizePixels((-1.0, 1.0), [0.1], [0.2], "rgb"),
        StochasticDepth(0.2, seed=3),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_layers_are_rebuilt_from_their_configuration(layer):
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(again) is type(layer)
    assert again.get_config() == layer.get_config()
