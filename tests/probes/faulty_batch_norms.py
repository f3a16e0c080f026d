"""Batch norms with a fault planted in the backward pass, or in the forward pass."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


def backward(fault: str, x: Any, dy: Any, gamma: Any, epsilon: float, stale_mean: Any) -> tuple[Any, Any, Any]:
    """The long derivation in float32, as it is often written down, with one thing wrong in it."""
    m = tf.cast(tf.shape(x)[0], tf.float32)
    mean = stale_mean if fault == "stale_mean" else tf.reduce_mean(x, 0)
    deviation = x - mean
    count = m - 1.0 if fault == "bessel" else m
    inverse = tf.math.rsqrt(tf.reduce_sum(tf.square(x - tf.reduce_mean(x, 0)), 0) / count + epsilon)
    d_xhat = dy * gamma
    d_variance = tf.reduce_sum(d_xhat * deviation, 0) * -0.5 * inverse**3
    through_mean = -tf.reduce_sum(d_xhat, 0) * inverse
    through_variance = d_variance * (-2.0 / m) * tf.reduce_sum(deviation, 0)
    if fault == "lost_minus":
        through_mean = -through_mean
    if fault == "lost_minus_of_zero":  # in the term that is zero
        through_variance = -through_variance
    d_mean = through_mean + through_variance
    from_variance = d_variance * 2.0 * deviation * (1.0 if fault == "dropped_1_m_variance" else 1.0 / m)
    from_mean = d_mean * (1.0 if fault == "dropped_1_m_mean" else 1.0 / m)
    if fault == "misplaced_1_m":  # around the sum of all three terms but the first, as a bracket read wrongly gives
        return (
            d_xhat * inverse / m + d_variance * 2.0 * deviation + d_mean,
            tf.reduce_sum(dy * deviation * inverse, 0),
            tf.reduce_sum(dy, 0),
        )
    d_x = d_xhat * inverse + from_variance + from_mean
    return d_x, tf.reduce_sum(dy * deviation * inverse, 0), tf.reduce_sum(dy, 0)


def forward(fault: str, x: Any, gamma: Any, beta: Any, epsilon: float) -> Any:
    """The output, with a thousandth of a deviation wrong in it where the fault is one of the forward pass."""
    mean, variance = tf.nn.moments(x, [0])
    if fault == "forward_mean":
        mean += 1e-3 * tf.sqrt(variance)
    if fault == "forward_variance":
        variance *= 1.001
    xhat = (x - mean) * tf.math.rsqrt(variance + epsilon)
    if fault == "forward_output":
        xhat += 1e-3 * (tf.square(xhat) - 1.0)
    return gamma * xhat + beta


def faulty_batch_norm(fault: str) -> type[keras.layers.BatchNormalization]:
    """A batch norm whose backward or forward pass has the fault; `none` for none."""

    class Faulty(keras.layers.BatchNormalization):
        def build(self, input_shape: Any) -> None:
            shape = (input_shape[-1],)
            self.gamma = self.add_weight(shape=shape, name="gamma", initializer=self.gamma_initializer, autocast=False)
            self.beta = self.add_weight(shape=shape, name="beta", initializer=self.beta_initializer, autocast=False)
            self.moving_mean = self.add_weight(shape=shape, name="moving_mean", initializer="zeros", trainable=False)
            self.moving_variance = self.add_weight(
                shape=shape, name="moving_variance", initializer="ones", trainable=False
            )
            self.built = True

        def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
            channels = inputs.shape[-1]

            @tf.custom_gradient
            def normalize(x: Any, gamma: Any, beta: Any) -> Any:
                flat = tf.reshape(tf.cast(x, tf.float32), (-1, channels))
                mean, variance = tf.nn.moments(flat, [0])
                y = forward(fault, flat, gamma, beta, self.epsilon)

                def gradient(dy: Any) -> Any:
                    dy = tf.reshape(tf.cast(dy, tf.float32), (-1, channels))
                    # What a mean from the last batch looks like: off by a tenth of a deviation.
                    stale = mean + 0.1 * tf.sqrt(variance)
                    d_x, d_gamma, d_beta = backward(fault, flat, dy, gamma, self.epsilon, stale)
                    return tf.cast(tf.reshape(d_x, tf.shape(x)), x.dtype), d_gamma, d_beta

                return tf.cast(tf.reshape(y, tf.shape(x)), x.dtype), gradient

            return normalize(inputs, tf.convert_to_tensor(self.gamma.value), tf.convert_to_tensor(self.beta.value))

    return Faulty
