"""Loss functions and their metrics, example by example, so that padding can be left out of their means."""

from __future__ import annotations

import abc
from typing import Any

import numpy as np
import tensorflow as tf

from kresnet.plan.objective import SHIPPED, Objective
from kresnet.spec.implementations import implementation
from kresnet.spec.recipe import Loss


class LossFunction(abc.ABC):
    """A loss and its metrics as functions of float32 outputs and targets.

    Targets are int32 classes `(n,)`, or float32 `(n, classes)` where images are mixed or labels independent, or float32
    of the outputs' own shape.

    Attributes:
        metrics: names of the values that are measured on training batches, the loss first.
    """

    metrics: tuple[str, ...] = ("loss", "accuracy")

    @abc.abstractmethod
    def example_losses(self, outputs: Any, targets: Any, *, training: bool = True) -> Any:
        """Return the loss of each example, float32 `(n,)`; outside training without smoothing and thresholds."""

    def mean_loss(self, outputs: Any, targets: Any, weights: Any = None) -> Any:
        """Return what a training step makes small, a float32 scalar.

        Args:
            outputs: what the network returns.
            targets: the targets of its images.
            weights: float32 `(n,)`, what each example's loss is multiplied by; None for 1. The sum is divided by the
                number of examples, whatever their weights, as Keras divides it with `sample_weight`.
        """
        losses = self.example_losses(outputs, targets)
        return tf.reduce_mean(losses if weights is None else losses * weights)

    @abc.abstractmethod
    def example_metrics(self, outputs: Any, targets: Any, *, detailed: bool = False) -> dict[str, Any]:
        """Return the other metrics of each example, float32 `(n,)` each.

        Args:
            outputs: what the network returns.
            targets: the targets of its images.
            detailed: whether to include the metrics that only evaluation measures.
        """

    def confusion_matrix(self, outputs: Any, targets: Any, weights: Any) -> Any:
        """Return the confusion matrix of a batch, float32; None for a loss without classes.

        Args:
            outputs: what the network returns.
            targets: the targets of its images.
            weights: float32 `(n,)`, 0 for padding and 1 for other examples.
        """
        return None


class SoftmaxCrossEntropy(LossFunction):
    """Cross-entropy with softmax; label smoothing after Szegedy et al. 2015 (arXiv:1512.00567, section 7).

    `logit_offsets`, float32 `(classes,)`, are added to the logits in training alone (Menon et al. 2021,
    arXiv:2007.07314, equation 10: tau times the logarithm of each class's prior).
    """

    def __init__(self, smoothing: float = 0.0, *, top_5: bool = False, logit_offsets: np.ndarray | None = None) -> None:
        self.smoothing, self.top_5, self.logit_offsets = smoothing, top_5, logit_offsets

    def example_losses(self, outputs: Any, targets: Any, *, training: bool = True) -> Any:
        """See `LossFunction.example_losses`."""
        smoothing = self.smoothing if training else 0.0
        if training and self.logit_offsets is not None:
            outputs += self.logit_offsets
        if targets.ndim == 1 and not smoothing:
            return tf.nn.sparse_softmax_cross_entropy_with_logits(targets, outputs)
        spread = smooth_labels(one_hot_targets(targets, outputs.shape[-1]), smoothing)
        return tf.nn.softmax_cross_entropy_with_logits(spread, outputs)

    def example_metrics(self, outputs: Any, targets: Any, *, detailed: bool = False) -> dict[str, Any]:
        """Return `accuracy`, and in detail `top_5_accuracy` if asked for; the label of a mixture is its largest."""
        labels = tf.cast(targets, tf.int64) if targets.ndim == 1 else tf.argmax(targets, -1)
        hits = tf.argmax(outputs, axis=-1) == labels  # a GPU compares int64, and would leave int32 to the host
        metrics = {"accuracy": tf.cast(hits, tf.float32)}
        if detailed and self.top_5:
            metrics["top_5_accuracy"] = tf.cast(tf.math.in_top_k(labels, outputs, 5), tf.float32)
        return metrics

    def confusion_matrix(self, outputs: Any, targets: Any, weights: Any) -> Any:
        """Return the confusion matrix `(classes, classes)`: rows are labels, columns are predictions."""
        classes = outputs.shape[-1]
        actual, predicted = tf.one_hot(targets, classes), tf.one_hot(tf.argmax(outputs, axis=-1), classes)
        # TensorFlow's own has the host check every label.
        return tf.matmul(actual * weights[:, tf.newaxis], predicted, transpose_a=True)


class SigmoidCrossEntropy(SoftmaxCrossEntropy):
    """Mean over the classes of their binary cross-entropies, where an image has one class or is a mixture of several.

    Targets of a mixture above `threshold` become 1, the others 0; smoothing is applied after that (Wightman et al.
    2021, arXiv:2110.00476, section 2.2).
    """

    def __init__(self, smoothing: float = 0.0, threshold: float | None = None, *, top_5: bool = False) -> None:
        super().__init__(smoothing, top_5=top_5)
        self.threshold = threshold

    def example_losses(self, outputs: Any, targets: Any, *, training: bool = True) -> Any:
        """See `LossFunction.example_losses`."""
        targets = one_hot_targets(targets, outputs.shape[-1])
        if training:
            if self.threshold is not None:
                targets = tf.cast(targets > self.threshold, tf.float32)
            targets = smooth_labels(targets, self.smoothing)
        return binary_cross_entropy(outputs, targets)


class FocalCrossEntropy(SoftmaxCrossEntropy):
    """Cross-entropy with softmax, times (1 - p)^gamma of the truth's probability p (Lin et al. 2017, section 3.2)."""

    def __init__(self, gamma: float, *, top_5: bool = False) -> None:
        super().__init__(top_5=top_5)
        self.gamma = gamma

    def example_losses(self, outputs: Any, targets: Any, *, training: bool = True) -> Any:
        """See `LossFunction.example_losses`; it is the same outside training."""
        losses = super().example_losses(outputs, targets, training=training)
        return _focus(-tf.math.expm1(-losses), self.gamma) * losses


class MultiLabelCrossEntropy(LossFunction):
    """Mean of the binary cross-entropies of independent labels; smoothing moves each target towards one half.

    `presence_weights`, float32 `(labels,)`, are what a label counts in training where it is there, against 1 where not.
    """

    def __init__(self, smoothing: float = 0.0, presence_weights: np.ndarray | None = None) -> None:
        self.smoothing, self.presence_weights = smoothing, presence_weights

    def example_losses(self, outputs: Any, targets: Any, *, training: bool = True) -> Any:
        """See `LossFunction.example_losses`."""
        smoothing = self.smoothing if training else 0.0
        targets = one_hot_targets(targets, outputs.shape[-1]) * (1.0 - smoothing) + smoothing / 2
        if self.presence_weights is None or not training:
            return binary_cross_entropy(outputs, targets)
        return tf.reduce_mean(
            tf.nn.weighted_cross_entropy_with_logits(targets, outputs, self.presence_weights), axis=-1
        )

    def example_metrics(self, outputs: Any, targets: Any, *, detailed: bool = False) -> dict[str, Any]:
        """Return `accuracy`, the fraction of an example's labels that are right, and in detail `exact_match`."""
        predicted, actual = _predicted_and_actual(outputs, targets)
        right = tf.cast(predicted == actual, tf.float32)
        scores = {"accuracy": tf.reduce_mean(right, -1)}
        return scores | {"exact_match": tf.reduce_min(right, -1)} if detailed else scores

    def confusion_matrix(self, outputs: Any, targets: Any, weights: Any) -> Any:
        """Return a confusion matrix `(classes, 2, 2)` of each label: row absent or present, column predicted so."""
        predicted, actual = _predicted_and_actual(outputs, targets)
        pairs = tf.one_hot(2 * tf.cast(actual, tf.int32) + tf.cast(predicted, tf.int32), 4)  # (n, classes, 4)
        return tf.reshape(tf.einsum("n,nck->ck", weights, pairs), (-1, 2, 2))


class MultiLabelFocalCrossEntropy(MultiLabelCrossEntropy):
    """Focal loss of independent labels, with sigmoids; the mean over them (Lin et al. 2017, equation 5).

    `alpha` is the weight of labels that are there, against 1 - alpha of those that are not; None for 1 and 1.
    """

    def __init__(self, gamma: float, alpha: float | None, presence_weights: np.ndarray | None = None) -> None:
        super().__init__(presence_weights=presence_weights)
        self.gamma, self.alpha = gamma, alpha

    def example_losses(self, outputs: Any, targets: Any, *, training: bool = True) -> Any:
        """See `LossFunction.example_losses`; outside training it is the same but for `presence_weights`."""
        targets = one_hot_targets(targets, outputs.shape[-1])
        losses = tf.nn.sigmoid_cross_entropy_with_logits(targets, outputs)
        losses *= _focus(-tf.math.expm1(-losses), self.gamma)
        present, absent = (1.0, 1.0) if self.alpha is None else (self.alpha, 1.0 - self.alpha)
        weights = targets * present + (1.0 - targets) * absent
        if training and self.presence_weights is not None:
            weights *= targets * self.presence_weights + 1.0 - targets
        return tf.reduce_mean(losses * weights, axis=-1)


class AsymmetricCrossEntropy(MultiLabelCrossEntropy):
    """Asymmetric loss of independent labels; the mean over them (Ridnik et al. 2021, equations 4 to 7)."""

    def __init__(
        self,
        gamma_positive: float,
        gamma_negative: float,
        margin: float,
        presence_weights: np.ndarray | None = None,
    ) -> None:
        super().__init__(presence_weights=presence_weights)
        self.gamma_positive, self.gamma_negative, self.margin = gamma_positive, gamma_negative, margin

    def example_losses(self, outputs: Any, targets: Any, *, training: bool = True) -> Any:
        """See `LossFunction.example_losses`; outside training it is the same but for `presence_weights`."""
        targets = one_hot_targets(targets, outputs.shape[-1])
        absent = tf.sigmoid(-outputs)  # the probability that the label is not there
        present = -tf.math.log_sigmoid(outputs) * _focus(absent, self.gamma_positive)
        if training and self.presence_weights is not None:
            present *= self.presence_weights
        if self.margin:
            shifted = tf.minimum(absent + self.margin, 1.0)
            losses = -tf.math.log(shifted) * _focus(1.0 - shifted, self.gamma_negative)
        else:
            losses = -tf.math.log_sigmoid(-outputs) * _focus(tf.sigmoid(outputs), self.gamma_negative)
        return tf.reduce_mean(targets * present + (1.0 - targets) * losses, axis=-1)


class MeanSquaredError(LossFunction):
    """Mean over the outputs of (output − target)²; its metric is the mean of |output − target|."""

    metrics = ("loss", "absolute_error")

    def example_losses(self, outputs: Any, targets: Any, *, training: bool = True) -> Any:
        """See `LossFunction.example_losses`."""
        return _mean_of_example(tf.square(outputs - tf.cast(targets, tf.float32)))

    def example_metrics(self, outputs: Any, targets: Any, *, detailed: bool = False) -> dict[str, Any]:
        """See `LossFunction.example_metrics`."""
        return {"absolute_error": _mean_of_example(tf.abs(outputs - tf.cast(targets, tf.float32)))}


class RegisteredLoss(LossFunction):
    """A loss that a package or script has registered, with the metrics of the head."""

    def __init__(self, objective: Objective, top_5: bool) -> None:
        model = Loss.kinds.find(objective.kind)
        assert model is not None  # the recipe was validated
        self._settings = model.model_validate({"kind": objective.kind, **objective.settings})
        self._function, self._smoothing = implementation(self._settings), objective.smoothing
        self._of_head: LossFunction = MeanSquaredError()
        if objective.classes is not None:
            self._of_head = MultiLabelCrossEntropy() if objective.independent else SoftmaxCrossEntropy(top_5=top_5)
        self._values = objective.classes is None
        self.metrics = self._of_head.metrics

    def example_losses(self, outputs: Any, targets: Any, *, training: bool = True) -> Any:
        """See `LossFunction.example_losses`; classes are one-hot for the registered function, and smoothed."""
        if not self._values:
            targets = one_hot_targets(targets, outputs.shape[-1])
            targets = smooth_labels(targets, self._smoothing if training else 0.0)
        return tf.ensure_shape(self._function(self._settings, outputs, targets), outputs.shape[:1])

    def example_metrics(self, outputs: Any, targets: Any, *, detailed: bool = False) -> dict[str, Any]:
        """See `LossFunction.example_metrics`."""
        return self._of_head.example_metrics(outputs, targets, detailed=detailed)

    def confusion_matrix(self, outputs: Any, targets: Any, weights: Any) -> Any:
        """See `LossFunction.confusion_matrix`."""
        return self._of_head.confusion_matrix(outputs, targets, weights)


def make_loss(
    objective: Objective, *, logit_offsets: np.ndarray | None = None, presence_weights: np.ndarray | None = None
) -> LossFunction:
    """Make the loss function that an objective of the plan describes.

    Args:
        objective: of the run.
        logit_offsets: as of `SoftmaxCrossEntropy`, where the training data are known.
        presence_weights: as of `MultiLabelCrossEntropy`, likewise.
    """
    settings, top_5 = objective.settings, "top_5_accuracy" in objective.metrics
    if objective.kind not in SHIPPED:
        return RegisteredLoss(objective, top_5)
    match objective.kind, objective.independent:
        case "squared_error", _:
            return MeanSquaredError()
        case "focal", True:
            return MultiLabelFocalCrossEntropy(settings["gamma"], settings.get("alpha"), presence_weights)
        case "focal", False:
            return FocalCrossEntropy(settings["gamma"], top_5=top_5)
        case "asymmetric", _:
            gammas = settings["gamma_positive"], settings["gamma_negative"]
            return AsymmetricCrossEntropy(*gammas, settings["margin"], presence_weights)
        case _, True:
            return MultiLabelCrossEntropy(objective.smoothing, presence_weights)
        case "sigmoid", False:
            return SigmoidCrossEntropy(objective.smoothing, objective.threshold, top_5=top_5)
    return SoftmaxCrossEntropy(objective.smoothing, top_5=top_5, logit_offsets=logit_offsets)


def one_hot_targets(targets: Any, classes: int) -> Any:
    """Return targets as float32 `(n, classes)`."""
    return tf.one_hot(targets, classes) if targets.ndim == 1 else targets


def smooth_labels(targets: Any, smoothing: float) -> Any:
    """Return targets of which the fraction `smoothing` is spread evenly over all classes."""
    return targets * (1.0 - smoothing) + smoothing / targets.shape[-1] if smoothing else targets


def binary_cross_entropy(logits: Any, targets: Any) -> Any:
    """Return the mean over the classes of each example's binary cross-entropies, float32 `(n,)`."""
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(targets, logits), axis=-1)


def _predicted_and_actual(outputs: Any, targets: Any) -> tuple[Any, Any]:
    """Return which labels are predicted (at probability one half), and which are present, bool `(n, classes)` each."""
    return outputs > 0.0, one_hot_targets(targets, outputs.shape[-1]) > 0.5


def _mean_of_example(values: Any) -> Any:
    """Return the mean over all axes but the first."""
    return tf.reduce_mean(values, axis=list(range(1, values.ndim)))


def _focus(miss: Any, gamma: float) -> Any:
    """Return (1 - p)^gamma of the probabilities 1 - p by which a prediction misses.

    Where that is 0, the gradient of a power below 1 would be infinite, and the loss beside it is 0 anyhow.
    """
    return tf.pow(tf.maximum(miss, np.finfo(np.float32).tiny ** 0.5), gamma)
