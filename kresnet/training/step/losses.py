"""What training makes small, and what is measured beside it; example by example, so that padding can be left out."""

from __future__ import annotations

import abc
from typing import Any

import tensorflow as tf

from kresnet.plan.objective import Objective


class Loss(abc.ABC):
    """A loss and its metrics, from float32 outputs and targets.

    Targets are int32 classes `(n,)`, or float32 `(n, classes)` where images are mixed or labels independent, or float32
    of the outputs' own shape.

    Attributes:
        metrics: what is measured of training batches, the loss first.
    """

    metrics: tuple[str, ...] = ("loss", "accuracy")

    @abc.abstractmethod
    def of(self, outputs: Any, targets: Any, *, training: bool = True) -> Any:
        """The loss of each example, float32 `(n,)`; outside training without smoothing and thresholds."""

    @abc.abstractmethod
    def scores(self, outputs: Any, targets: Any, *, detailed: bool = False) -> dict[str, Any]:
        """The other metrics of each example, float32 `(n,)` each."""

    def confusion_matrix(self, outputs: Any, targets: Any, weights: Any) -> Any:
        """Counts that tell the classes apart, float32; weights `(n,)` are 0 for padding. None without classes."""
        return None


class Softmax(Loss):
    """Cross-entropy with softmax; label smoothing after Szegedy et al. 2015 (arXiv:1512.00567, section 7)."""

    def __init__(self, smoothing: float = 0.0, *, top_5: bool = False) -> None:
        self.smoothing, self.top_5 = smoothing, top_5

    def of(self, outputs: Any, targets: Any, *, training: bool = True) -> Any:
        """See `Loss.of`."""
        smoothing = self.smoothing if training else 0.0
        if targets.ndim == 1 and not smoothing:
            return tf.nn.sparse_softmax_cross_entropy_with_logits(targets, outputs)
        spread = spread_evenly(dense(targets, outputs.shape[-1]), smoothing)
        return tf.nn.softmax_cross_entropy_with_logits(spread, outputs)

    def scores(self, outputs: Any, targets: Any, *, detailed: bool = False) -> dict[str, Any]:
        """Whether the largest logit is the label's (a mixture's largest label's), and whether it is among the five."""
        labels = targets if targets.ndim == 1 else tf.argmax(targets, -1, output_type=tf.int32)
        hits = tf.argmax(outputs, axis=-1, output_type=labels.dtype) == labels
        found = {"accuracy": tf.cast(hits, tf.float32)}
        if detailed and self.top_5:
            found["top_5_accuracy"] = tf.cast(tf.math.in_top_k(labels, outputs, 5), tf.float32)
        return found

    def confusion_matrix(self, outputs: Any, targets: Any, weights: Any) -> Any:
        """The confusion matrix `(classes, classes)`: row the label, column the largest logit."""
        guesses = tf.argmax(outputs, axis=-1, output_type=targets.dtype)
        return tf.math.confusion_matrix(targets, guesses, outputs.shape[-1], weights, dtype=tf.float32)


class SigmoidOfClasses(Softmax):
    """Binary cross-entropy of each class, the mean over them, where an image has one class or a mixture.

    Classes of a mixture that `threshold` lets pass are wholly present; smoothing takes its share after that (Wightman
    et al. 2021, arXiv:2110.00476, section 2.2).
    """

    def __init__(self, smoothing: float = 0.0, threshold: float | None = None, *, top_5: bool = False) -> None:
        super().__init__(smoothing, top_5=top_5)
        self.threshold = threshold

    def of(self, outputs: Any, targets: Any, *, training: bool = True) -> Any:
        """See `Loss.of`."""
        targets = dense(targets, outputs.shape[-1])
        if training:
            if self.threshold is not None:
                targets = tf.cast(targets > self.threshold, tf.float32)
            targets = spread_evenly(targets, self.smoothing)
        return binary(outputs, targets)


class SigmoidOfLabels(Loss):
    """Binary cross-entropy of independent labels, the mean over them; smoothing moves each towards one half."""

    def __init__(self, smoothing: float = 0.0) -> None:
        self.smoothing = smoothing

    def of(self, outputs: Any, targets: Any, *, training: bool = True) -> Any:
        """See `Loss.of`."""
        smoothing = self.smoothing if training else 0.0
        return binary(outputs, dense(targets, outputs.shape[-1]) * (1.0 - smoothing) + smoothing / 2)

    def scores(self, outputs: Any, targets: Any, *, detailed: bool = False) -> dict[str, Any]:
        """The share of an example's labels that are right, at probability one half; and whether all are."""
        found, there = _present(outputs, targets)
        right = tf.cast(found == there, tf.float32)
        scores = {"accuracy": tf.reduce_mean(right, -1)}
        return scores | {"exact_match": tf.reduce_min(right, -1)} if detailed else scores

    def confusion_matrix(self, outputs: Any, targets: Any, weights: Any) -> Any:
        """A table `(classes, 2, 2)`: of each label, row absent or present, column found absent or present."""
        found, there = _present(outputs, targets)
        pairs = tf.one_hot(2 * tf.cast(there, tf.int32) + tf.cast(found, tf.int32), 4)  # (n, classes, 4)
        return tf.reshape(tf.einsum("n,nck->ck", weights, pairs), (-1, 2, 2))


class Squares(Loss):
    """Mean over the outputs of (output − target)²; beside it the mean of |output − target|."""

    metrics = ("loss", "absolute_error")

    def of(self, outputs: Any, targets: Any, *, training: bool = True) -> Any:
        """See `Loss.of`."""
        return _mean(tf.square(outputs - tf.cast(targets, tf.float32)))

    def scores(self, outputs: Any, targets: Any, *, detailed: bool = False) -> dict[str, Any]:
        """See `Loss.scores`."""
        return {"absolute_error": _mean(tf.abs(outputs - tf.cast(targets, tf.float32)))}


def make_loss(objective: Objective) -> Loss:
    """The loss of a run."""
    top_5 = "top_5_accuracy" in objective.metrics
    if objective.kind == "squared_error":
        return Squares()
    if objective.independent:
        return SigmoidOfLabels(objective.smoothing)
    if objective.kind == "sigmoid":
        return SigmoidOfClasses(objective.smoothing, objective.threshold, top_5=top_5)
    return Softmax(objective.smoothing, top_5=top_5)


def dense(targets: Any, classes: int) -> Any:
    """Targets as float32 `(n, classes)`."""
    return tf.one_hot(targets, classes) if targets.ndim == 1 else targets


def spread_evenly(targets: Any, smoothing: float) -> Any:
    """Targets of which a share goes to all classes alike."""
    return targets * (1.0 - smoothing) + smoothing / targets.shape[-1] if smoothing else targets


def binary(logits: Any, targets: Any) -> Any:
    """Binary cross-entropy of each example, the mean over its classes, float32 `(n,)`."""
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(targets, logits), axis=-1)


def _present(outputs: Any, targets: Any) -> tuple[Any, Any]:
    """Which labels are found present, and which are, bool `(n, classes)`."""
    return outputs > 0.0, dense(targets, outputs.shape[-1]) > 0.5


def _mean(values: Any) -> Any:
    """Over all but the first axis."""
    return tf.reduce_mean(values, axis=list(range(1, values.ndim)))
