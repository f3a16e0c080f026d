"""Batch normalisation through TensorFlow's fused kernel, with Keras's semantics and weights."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="kresnet")
class FusedBatchNorm(keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization` over the last axis, one kernel a pass instead of a dozen.

    y = gamma * (x - mean) / sqrt(variance + epsilon) + beta (Ioffe and Szegedy 2015, Algorithm 1), where mean and
    (biased) variance are the batch's in training and the moving ones otherwise. The weights are those of the stock
    layer, in its order, so either layer loads what the other saved. A frozen layer (`trainable = False`) computes as
    in inference, as in stock Keras.

    Input and output: `(N, H, W, C)` or `(N, C)`, float32, bfloat16 or float16; weights and statistics are float32.
    Under `tf.distribute` each replica normalises by its own batch and the moving statistics take the replicas' mean;
    with `synchronized` the statistics are those of the global batch.
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create gamma, beta and the moving statistics, each of shape `(C,)` and exempt from autocasting."""
        shape = (input_shape[-1],)
        self.gamma = self.add_weight(shape=shape, name="gamma", initializer=self.gamma_initializer, autocast=False)
        self.beta = self.add_weight(shape=shape, name="beta", initializer=self.beta_initializer, autocast=False)
        statistic = {"shape": shape, "trainable": False, "autocast": False, "aggregation": "mean"}
        self.moving_mean = self.add_weight(name="moving_mean", initializer="zeros", **statistic)
        self.moving_variance = self.add_weight(name="moving_variance", initializer="ones", **statistic)
        self.built = True

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalise; in training, also move the statistics."""
        x = inputs if len(inputs.shape) == 4 else inputs[:, None, None, :]  # the kernel takes maps only
        if not (training and self.trainable):
            y = self._fused(x, self.moving_mean, self.moving_variance)
        elif self.synchronized and (context := tf.distribute.get_replica_context()) is not None:
            y = self._synchronized(x, context)
        else:
            y, mean, variance = tf.compat.v1.nn.fused_batch_norm(
                x, self.gamma.value, self.beta.value, epsilon=self.epsilon, is_training=True
            )
            # The kernel applies Bessel's correction to the variance it returns; Keras's moving variance is biased.
            count = tf.cast(tf.reduce_prod(tf.shape(x)[:-1]), tf.float32)
            self._move(mean, variance * ((count - 1.0) / count))
        return tf.reshape(y, tf.shape(inputs)) if x is not inputs else y

    def _fused(self, x: Any, mean: Any, variance: Any) -> Any:
        y, _, _ = tf.compat.v1.nn.fused_batch_norm(
            x,
            self.gamma.value,
            self.beta.value,
            mean=tf.convert_to_tensor(mean),
            variance=tf.convert_to_tensor(variance),
            epsilon=self.epsilon,
            is_training=False,
        )
        return y

    def _synchronized(self, x: Any, context: Any) -> Any:
        """Two passes, mean before deviations, since E[x²] − E[x]² cancels where the mean is large."""
        x32 = tf.cast(x, tf.float32)
        mean = context.all_reduce("mean", tf.reduce_mean(x32, (0, 1, 2)))
        variance = context.all_reduce("mean", tf.reduce_mean(tf.square(x32 - mean), (0, 1, 2)))
        self._move(mean, variance)
        y = tf.nn.batch_normalization(x32, mean, variance, self.beta.value, self.gamma.value, self.epsilon)
        return tf.cast(y, x.dtype)

    def _move(self, mean: Any, variance: Any) -> None:
        keep = self.momentum
        self.moving_mean.assign(keep * self.moving_mean + (1.0 - keep) * mean)
        self.moving_variance.assign(keep * self.moving_variance + (1.0 - keep) * variance)
