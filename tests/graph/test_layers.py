"""Our layers against NumPy and against Keras's own."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from kresnet.graph.layers import FusedBatchNorm, IdentityPad, NormalizePixels, StochasticDepth, SymmetricPad


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(1.0, 2.0, shape).astype("float32")


# Batch norm


def norms(shape, **settings):
    """Our layer and Keras's, with the same weights, none of them at its start."""
    ours, stock = FusedBatchNorm(**settings), keras.layers.BatchNormalization(**settings)
    for layer in (ours, stock):
        layer.build((None, *shape))
    channels = shape[-1]
    weights = [np.abs(noise(channels, seed=seed)) + 0.5 for seed in range(4)]
    ours.set_weights(weights)
    stock.set_weights(weights)
    return ours, stock


SHAPES = [(6, 5, 8), (1, 1, 4), (7,)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_computes_what_keras_does(shape, training):
    x = tf.constant(noise(16, *shape))
    results = []
    for layer in norms(shape, momentum=0.9, epsilon=1e-5):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=training)
            loss = tf.reduce_sum(y * noise(16, *shape, seed=9))
        gradients = tape.gradient(loss, [x, layer.gamma.value, layer.beta.value])
        results.append([y, *gradients, layer.moving_mean, layer.moving_variance])
    for ours, stock in zip(*results, strict=True):
        np.testing.assert_allclose(ours, stock, rtol=2e-4, atol=2e-4)


def test_batch_norm_follows_keras_over_many_steps():
    ours, stock = norms((4, 4, 3), momentum=0.8)
    for step in range(20):
        x = noise(8, 4, 4, 3, seed=step)
        ours(x, training=True)
        stock(x, training=True)
    np.testing.assert_allclose(ours.moving_mean, stock.moving_mean, rtol=1e-5)
    np.testing.assert_allclose(ours.moving_variance, stock.moving_variance, rtol=1e-5)


def test_batch_norm_has_the_weights_of_keras_in_its_order():
    ours, stock = norms((2, 2, 3))
    assert [weight.name for weight in ours.weights] == [weight.name for weight in stock.weights]
    assert [weight.name for weight in ours.trainable_weights] == ["gamma", "beta"]


def test_batch_norm_of_one_value_a_channel_is_its_beta():
    """A single value has no deviation: it normalises to zero, and the moving variance shrinks towards zero."""
    ours, stock = norms((1, 1, 4), momentum=0.9)
    x = noise(1, 1, 1, 4)
    np.testing.assert_allclose(ours(x, training=True)[0, 0, 0], ours.beta, atol=1e-6)
    stock(x, training=True)
    np.testing.assert_allclose(ours.moving_variance, stock.moving_variance, rtol=1e-6)


def test_batch_norm_in_bfloat16_keeps_its_statistics_in_float32():
    ours, _ = norms((6, 6, 4), dtype="mixed_bfloat16")
    reference, _ = norms((6, 6, 4))
    x = noise(32, 6, 6, 4)
    y, expected = ours(x, training=True), reference(tf.cast(tf.cast(x, "bfloat16"), "float32"), training=True)
    assert y.dtype == tf.bfloat16
    assert {weight.dtype for weight in ours.weights} == {"float32"}
    np.testing.assert_allclose(tf.cast(y, "float32"), expected, atol=0.05, rtol=0.01)
    np.testing.assert_allclose(ours.moving_mean, reference.moving_mean, rtol=1e-3, atol=1e-3)


def test_a_frozen_batch_norm_computes_as_in_inference():
    ours, _ = norms((4, 4, 3))
    x = noise(8, 4, 4, 3)
    before = [np.array(weight) for weight in ours.weights]
    inference = ours(x, training=False)
    ours.trainable = False
    np.testing.assert_array_equal(ours(x, training=True), inference)
    for weight, old in zip(ours.weights, before, strict=True):
        np.testing.assert_array_equal(weight, old)


def test_synchronized_batch_norm_on_one_device_is_batch_norm():
    ours, stock = norms((4, 4, 3))
    synchronized, _ = norms((4, 4, 3), synchronized=True)
    x = noise(8, 4, 4, 3)
    np.testing.assert_allclose(synchronized(x, training=True), stock(x, training=True), rtol=1e-4, atol=1e-4)
    ours(x, training=True)
    np.testing.assert_allclose(synchronized.moving_variance, ours.moving_variance, rtol=1e-5)


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
