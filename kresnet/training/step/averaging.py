"""The running average of a network's weights, which a second network of the same plan holds."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


class WeightAverage:
    """The exponential moving average of a network's weights over the steps of training.

    The average is in the weights of a network of its own, which is evaluated and written like any other. Each weight is
    averaged on the replica that holds it, also the moving statistics of batch norms, which differ between replicas
    until they are read.

    Attributes:
        network: network that holds the average.
        decay: share of the average that an update keeps.
        start: number of updates before averaging begins.
        warmup: whether the first averages decay faster: after `n` updates by `(1 + n) / (10 + n)`.
    """

    def __init__(self, source: keras.Model, network: keras.Model, decay: float, start: int, warmup: bool) -> None:
        """Set the weights of `network` to those of `source`, whose average it is to hold."""
        self.network, self.decay, self.start, self.warmup = network, decay, start, warmup
        self.pairs = list(zip(network.weights, source.weights, strict=True))
        network.set_weights(source.get_weights())

    def update(self, updates: Any) -> None:
        """Update the average with the present weights, in replica context.

        Args:
            updates: number of updates made so far, int64 scalar.
        """
        decay = self._current_decay(updates)
        for average, weight in self.pairs:
            change = (1.0 - decay) * (average.value.read_value() - weight.value.read_value())
            tf.raw_ops.AssignSubVariableOp(resource=average.value.handle, value=change)

    @property
    def variables(self) -> list[Any]:
        """Variables that a checkpoint must hold."""
        return [average.value for average, _ in self.pairs]

    def _current_decay(self, updates: Any) -> Any:
        """Return the share of the average that this update keeps: 0 until `start`, so that it begins as a copy."""
        passed = tf.cast(updates - self.start, tf.float32)
        decay = tf.minimum(self.decay, (1.0 + passed) / (10.0 + passed)) if self.warmup else self.decay
        return tf.where(passed > 0.0, decay, 0.0)
