"""Gradient clipping against timm's and TensorFlow's."""

import keras
import numpy as np
import tensorflow as tf

from kresnet.training.step.clipping import AdaptiveClipping, GlobalNormClipping
from tests.training.reference import gradients, pytorch, start


class Layer(keras.layers.Layer):
    """Holds the reference's kernel and gamma."""

    def __init__(self, name="layer"):
        super().__init__(name=name)
        for value, name in zip(start(), ("kernel", "gamma"), strict=True):
            self.add_weight(name=name, shape=value.shape, initializer=lambda *_, value=value, **__: value)


def large() -> list[tf.Tensor]:
    return [tf.constant(100 * gradient) for gradient in gradients()[0]]


def test_adaptive_clipping_is_timms():
    clipped = AdaptiveClipping(0.01).apply(large(), Layer().trainable_weights, None)
    for ours, theirs in zip(clipped, pytorch()["clipped"], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_adaptive_clipping_leaves_the_last_layer_and_small_gradients_alone():
    excluded = AdaptiveClipping(0.01, ["head"]).apply(large(), Layer("head").trainable_weights, None)
    small = [gradient * 1e-6 for gradient in large()]
    for ours, given in zip(excluded, large(), strict=True):
        np.testing.assert_array_equal(ours, given)
    for ours, given in zip(AdaptiveClipping(0.01).apply(small, Layer().trainable_weights, None), small, strict=True):
        np.testing.assert_array_equal(ours, given)


def test_a_convolution_is_clipped_by_output_channel():
    kernel = keras.Variable(np.ones((3, 3, 2, 2), np.float32))
    gradient = np.ones((3, 3, 2, 2), np.float32)
    gradient[..., 1] *= 1e-4
    (clipped,) = AdaptiveClipping(0.5).apply([tf.constant(gradient)], [kernel], None)
    np.testing.assert_allclose(clipped[..., 0], 0.5, rtol=1e-6)
    np.testing.assert_array_equal(clipped[..., 1], gradient[..., 1])


def test_clipping_by_norm_scales_all_gradients_alike():
    clipped = GlobalNormClipping(2.0).apply(large(), Layer().trainable_weights, tf.linalg.global_norm(large()))
    np.testing.assert_allclose(tf.linalg.global_norm(clipped), 2.0, rtol=1e-5)
    np.testing.assert_allclose(clipped[0] / clipped[1][0], large()[0] / large()[1][0], rtol=1e-5)
