"""Factors a channel and global response norm, against the formulas written out in NumPy and PyTorch's gradient."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from kresnet.graph.layers import GlobalResponseNorm, LayerScale


def random_map(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def response_norm(x: np.ndarray, gamma: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """Woo et al. 2023, Algorithm 1, in float64."""
    x = x.astype(np.float64)
    response = np.sqrt((x**2).sum((1, 2), keepdims=True))
    return gamma * (x * (response / (response.mean(-1, keepdims=True) + 1e-6))) + beta + x


def test_a_factor_a_channel():
    x, layer = random_map(2, 3, 4, 5), LayerScale(1e-6)
    np.testing.assert_allclose(layer(x), x * np.float32(1e-6))
    layer.gamma.assign(np.arange(5.0))
    np.testing.assert_allclose(layer(x), x * np.arange(5.0, dtype="float32"))
    assert [weight.name for weight in layer.trainable_weights] == ["gamma"]


def test_global_response_norm_is_the_paper_s_and_begins_as_the_identity():
    x, layer = random_map(2, 5, 4, 6), GlobalResponseNorm()
    np.testing.assert_array_equal(layer(x), x)
    gamma, beta = np.linspace(-1, 1, 6), np.linspace(0, 2, 6)
    layer.gamma.assign(gamma)
    layer.beta.assign(beta)
    np.testing.assert_allclose(layer(x), response_norm(x, gamma, beta), rtol=1e-5, atol=1e-6)


def test_an_empty_channel_has_a_gradient():
    """That of a norm at zero has no limit; PyTorch's own takes zero, of which the residual path alone is left: 1."""
    layer = GlobalResponseNorm()
    x = tf.constant(np.concatenate([np.zeros((1, 3, 3, 1)), random_map(1, 3, 3, 1)], -1), tf.float32)
    layer.build(x.shape)
    layer.gamma.assign([1.0, 1.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(layer(x))
    gradient = tape.gradient(total, x).numpy()
    assert np.isfinite(gradient).all()
    np.testing.assert_array_equal(gradient[..., 0], 1.0)


@pytest.mark.parametrize("layer", [LayerScale(0.5), GlobalResponseNorm(1e-5)])
def test_it_is_saved_and_takes_any_size(layer, tmp_path):
    inputs = keras.Input((None, None, 2))
    model = keras.Model(inputs, layer(inputs))
    for weight in model.weights:
        weight.assign([0.5, 1.5])
    model.save(tmp_path / "scale.keras")
    x = random_map(1, 5, 6, 2)
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "scale.keras")(x), model(x))
