"""kresnet's own `train_step`: loss, gradients, their sum over replicas, clipping, update, metrics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from kresnet.training.optimizers import Optimizer

if TYPE_CHECKING:
    from kresnet.analysis.probe import Probe


@dataclass(frozen=True, slots=True)
class Backward:
    """What one replica knows after a backward pass.

    Attributes:
        outputs: of the network.
        loss: float32 scalar, the mean over this replica's images.
        global_loss: float32 scalar, the mean over the global batch.
        gradients: of the trainable weights, summed over the replicas.
        findings: a probe's measurements; empty without one.
    """

    outputs: Any
    loss: Any
    global_loss: Any
    gradients: list[Any]
    findings: dict[str, Any]


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

    def train_step(self, data: tuple[Any, Any], live: Any = True) -> dict[str, Any]:
        """One update, unless the loss or a gradient is not finite: then everything stays as it was before the step.

        Args:
            data: images `(n, H, W, C)` of any real type, and int32 labels `(n,)` or, mixed, float32 `(n, classes)`.
            live: bool scalar; False also leaves everything as it was.

        Returns:
            `loss` and `accuracy`, float32 scalars: means over the `n` images; and the bool scalar `finite`, the same
            on every replica.
        """
        return self._step(data, live, None)[0]

    def probed_step(self, data: tuple[Any, Any], live: Any, probe: Probe) -> tuple[dict[str, Any], dict[str, Any]]:
        """`train_step` that looks inside: also returns what `probe` found in this very step."""
        return self._step(data, live, probe)

    def _step(self, data: tuple[Any, Any], live: Any, probe: Probe | None) -> tuple[dict[str, Any], dict[str, Any]]:
        images, labels = data
        moving = [variable.value for variable in self.network.non_trainable_variables]
        before = [tf.convert_to_tensor(variable) for variable in moving]
        passed = self.backward(images, labels, probe)
        norm = tf.linalg.global_norm(passed.gradients)
        finite = tf.math.is_finite(norm) & tf.math.is_finite(passed.global_loss)

        def put_back() -> None:
            for variable, value in zip(moving, before, strict=True):
                tf.raw_ops.AssignVariableOp(resource=variable.handle, value=value)

        tf.cond(finite & live, lambda: self._update(passed.gradients, norm), put_back)
        metrics = {"loss": passed.loss, "accuracy": tf.reduce_mean(_hits(passed.outputs, labels)), "finite": finite}
        return metrics, passed.findings

    def backward(self, images: Any, targets: Any, probe: Probe | None = None) -> Backward:
        """A forward pass in training mode and its backward pass; moving statistics move, weights do not.

        Args:
            images: `(n, H, W, C)` of any real type.
            targets: what `losses_of` takes.
            probe: what to measure; the network is then run layer by layer.
        """
        context = tf.distribute.get_replica_context()
        replicas = context.num_replicas_in_sync
        images = tf.cast(images, tf.float32)
        with tf.GradientTape() as tape:
            if probe:
                tape.watch(images)  # a first block may read them
            passage = probe.forward(images) if probe else None
            outputs = probe.outputs(passage) if probe and passage else self.network(images, training=True)
            loss = tf.reduce_mean(self.losses_of(outputs, targets))
            shared = loss / replicas
        watched = probe.watched(passage) if probe and passage else {}
        weights = [weight.value for weight in self.network.trainable_variables]
        backward = tape.gradient(shared, [*weights, *watched.values()])
        local, inside = backward[: len(weights)], dict(zip(watched, backward[len(weights) :], strict=True))
        summed = context.all_reduce(tf.distribute.ReduceOp.SUM, [*local, shared]) if replicas > 1 else [*local, shared]
        *gradients, global_loss = summed
        findings = probe.findings(passage, inside, local, gradients) if probe and passage else {}
        return Backward(outputs, loss, global_loss, gradients, findings)

    def _update(self, gradients: list[Any], norm: Any) -> None:
        if self.clip_norm is not None:  # of the whole batch's gradient, hence after the sum
            gradients, _ = tf.clip_by_global_norm(gradients, self.clip_norm, use_norm=norm)
        assert self.updates is not None
        self.updates.apply(gradients)

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
        mixed = len(labels.shape) == 2
        targets = labels if mixed else tf.one_hot(labels, classes)
        if self.probabilities == "sigmoid":
            targets = targets * (1.0 - smoothing) + smoothing / 2
            return tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(targets, logits), axis=-1)
        if not (smoothing or mixed):
            return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        targets = targets * (1.0 - smoothing) + smoothing / classes
        return tf.nn.softmax_cross_entropy_with_logits(targets, logits)


def _hits(logits: Any, labels: Any) -> Any:
    """1.0 where the largest logit is the label's (a mixture's largest label's), float32 `(n,)`."""
    labels = labels if len(labels.shape) == 1 else tf.argmax(labels, axis=-1, output_type=tf.int32)
    return tf.cast(tf.argmax(logits, axis=-1, output_type=labels.dtype) == labels, tf.float32)
