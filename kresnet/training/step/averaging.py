"""A running average of a network's weights, held by a second network of the same plan."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


class WeightAverage:
    """The average of a network's weights over the steps of training.

    It lives in the weights of a network of its own, so that it can be evaluated and written like any other, and each
    weight is averaged on the replica that holds it: moving statistics, which differ between replicas until somebody
    reads them, too.

    Attributes:
        network: holds the average.
    """

    def __init__(self, source: keras.Model, network: keras.Model, decay: float, start: int, warmup: bool) -> None:
        """Begin with the weights of `source` as they are; `start` is the number of updates before averaging."""
        self.network, self.decay, self.start, self.warmup = network, decay, start, warmup
        self.pairs = list(zip(network.weights, source.weights, strict=True))
        network.set_weights(source.get_weights())

    def update(self, updates: Any) -> None:
        """Take in the weights after an update, in replica context; `updates` were made, an int64 scalar."""
        keep = self._keep(updates)
        for average, weight in self.pairs:
            change = (1.0 - keep) * (average.value.read_value() - weight.value.read_value())
            tf.raw_ops.AssignSubVariableOp(resource=average.value.handle, value=change)

    @property
    def variables(self) -> list[Any]:
        """What a checkpoint must hold."""
        return [average.value for average, _ in self.pairs]

    def _keep(self, updates: Any) -> Any:
        """What stays of the average: 0 until `start`, so that it begins as a copy."""
        passed = tf.cast(updates - self.start, tf.float32)
        decay = tf.minimum(self.decay, (1.0 + passed) / (10.0 + passed)) if self.warmup else self.decay
        return tf.where(passed > 0.0, decay, 0.0)
