"""kresnet's own `train_step`: loss, gradients, their sum over replicas, clipping, update, metrics."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from kresnet.training.optimizers import Optimizer


class Trainer(keras.Model):
    """A network with what it takes to train it.

    `train_step` and `test_step` run in replica context, on one replica's share of a global batch.

    Attributes:
        network: a classifier that takes pixel values `(n, H, W, C)` and returns float32 logits `(n, classes)`.
        probabilities: `softmax`, or `sigmoid` for independent labels.
        label_smoothing: share of the target spread over all classes.
        clip_norm: bound of the gradients' global norm; None for no bound.
    """

    def __init__(
        self,
        network: keras.Model,
        *,
        probabilities: str = "softmax",
        label_smoothing: float = 0.0,
        clip_norm: float | None = None,
    ) -> None:
        super().__init__(name=f"train_{network.name}")
        self.network = network
        self.probabilities, self.label_smoothing, self.clip_norm = probabilities, label_smoothing, clip_norm
        self.updates: Optimizer | None = None

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        return self.network(inputs, training=training)

    def train_step(self, data: tuple[Any, Any]) -> dict[str, Any]:
        """One update.

        Args:
            data: images `(n, H, W, C)` of any real type, and int32 labels `(n,)`.

        Returns:
            `loss` and `accuracy`, float32 scalars: means over the `n` images.
        """
        images, labels = data
        context = tf.distribute.get_replica_context()
        with tf.GradientTape() as tape:
            logits = self.network(tf.cast(images, tf.float32), training=True)
            loss = tf.reduce_mean(self.losses_of(logits, labels))
            shared = loss / context.num_replicas_in_sync
        weights = [weight.value for weight in self.network.trainable_variables]
        gradients = tape.gradient(shared, weights)
        if context.num_replicas_in_sync > 1:
            gradients = context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)
        if self.clip_norm is not None:  # of the whole batch's gradient, hence after the sum
            gradients, _ = tf.clip_by_global_norm(gradients, self.clip_norm)
        assert self.updates is not None
        self.updates.apply(gradients)
        return {"loss": loss, "accuracy": tf.reduce_mean(_hits(logits, labels))}

    def test_step(self, data: tuple[Any, Any, Any]) -> dict[str, Any]:
        """Sums over a batch, for means over a whole data set.

        Args:
            data: images `(n, H, W, C)`, int32 labels `(n,)`, and float32 weights `(n,)`: 0 for padding, else 1.

        Returns:
            Weighted sums `loss` and `accuracy`, and their `weight`, float32 scalars.
        """
        images, labels, weights = data
        logits = self.network(tf.cast(images, tf.float32), training=False)
        return {
            "loss": tf.reduce_sum(self.losses_of(logits, labels, smoothed=False) * weights),
            "accuracy": tf.reduce_sum(_hits(logits, labels) * weights),
            "weight": tf.reduce_sum(weights),
        }

    def losses_of(self, logits: Any, labels: Any, *, smoothed: bool = True) -> Any:
        """Cross-entropy of each image, float32 `(n,)`; summed over the classes for independent labels."""
        classes = logits.shape[-1]
        smoothing = self.label_smoothing if smoothed else 0.0
        if self.probabilities == "sigmoid":
            targets = tf.one_hot(labels, classes) * (1.0 - smoothing) + smoothing / 2
            return tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(targets, logits), axis=-1)
        if not smoothing:
            return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        targets = tf.one_hot(labels, classes) * (1.0 - smoothing) + smoothing / classes
        return tf.nn.softmax_cross_entropy_with_logits(targets, logits)


def _hits(logits: Any, labels: Any) -> Any:
    """1.0 where the largest logit is the label's, float32 `(n,)`."""
    return tf.cast(tf.argmax(logits, axis=-1, output_type=labels.dtype) == labels, tf.float32)
