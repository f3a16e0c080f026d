"""Loss functions, example by example, so that padding can be left out of their means."""

from __future__ import annotations

import abc
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from kresnet.plan.objective import Objective
from kresnet.spec.implementations import implement, implementation
from kresnet.spec.recipe import AsymmetricLoss, FocalLoss, Loss, SigmoidLoss, SoftmaxLoss, SquaredError
from kresnet.spec.recipe.metrics import Metric, metric_named
from kresnet.training.step.batch_metrics import example_values, mean_of_example, one_hot_targets


class LossFunction(abc.ABC):
    """A loss as a function of float32 outputs and targets, and what is measured beside it.

    Targets are int32 classes `(n,)`, or float32 `(n, classes)` where images are mixed or labels independent, or float32
    of the outputs' own shape.

    Attributes:
        targets: what the targets are: `classes`, `labels` (independent ones) or `values`.
        metrics: names of the values that are measured on training batches, the loss first.
        measured: what is measured beside them on images to validate or test on.
    """

    targets: str = "classes"
    metrics: tuple[str, ...] = ("loss", "accuracy")
    measured: tuple[Metric, ...] = ()

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

    def example_metrics(self, outputs: Any, targets: Any) -> dict[str, Any]:
        """Return the metrics of training batches beside the loss, float32 `(n,)` each, by name."""
        return {name: example_values(metric_named(name), self.targets, outputs, targets) for name in self.metrics[1:]}

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

    def __init__(self, smoothing: float = 0.0, *, logit_offsets: np.ndarray | None = None) -> None:
        self.smoothing, self.logit_offsets = smoothing, logit_offsets

    def example_losses(self, outputs: Any, targets: Any, *, training: bool = True) -> Any:
        """See `LossFunction.example_losses`."""
        smoothing = self.smoothing if training else 0.0
        if training and self.logit_offsets is not None:
            outputs += self.logit_offsets
        if targets.ndim == 1 and not smoothing:
            return tf.nn.sparse_softmax_cross_entropy_with_logits(targets, outputs)
        spread = smooth_labels(one_hot_targets(targets, outputs.shape[-1]), smoothing)
        return tf.nn.softmax_cross_entropy_with_logits(spread, outputs)

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

    def __init__(self, smoothing: float = 0.0, threshold: float | None = None) -> None:
        super().__init__(smoothing)
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

    def __init__(self, gamma: float) -> None:
        super().__init__()
        self.gamma = gamma

    def example_losses(self, outputs: Any, targets: Any, *, training: bool = True) -> Any:
        """See `LossFunction.example_losses`; it is the same outside training."""
        losses = super().example_losses(outputs, targets, training=training)
        return _focus(-tf.math.expm1(-losses), self.gamma) * losses


class MultiLabelCrossEntropy(LossFunction):
    """Mean of the binary cross-entropies of independent labels; smoothing moves each target towards one half.

    `presence_weights`, float32 `(labels,)`, are what a label counts in training where it is there, against 1 where not.
    """

    targets = "labels"

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

    targets = "values"
    metrics = ("loss", "absolute_error")

    def example_losses(self, outputs: Any, targets: Any, *, training: bool = True) -> Any:
        """See `LossFunction.example_losses`."""
        return mean_of_example(tf.square(outputs - tf.cast(targets, tf.float32)))


class RegisteredLoss(LossFunction):
    """A loss that a package or script has registered, with the metrics of the head."""

    def __init__(self, settings: Loss, objective: Objective, function: Callable[[Any, Any, Any], Any]) -> None:
        self._settings, self._function, self._smoothing = settings, function, objective.smoothing
        self._of_head: LossFunction = {
            "values": MeanSquaredError,
            "labels": MultiLabelCrossEntropy,
            "classes": SoftmaxCrossEntropy,
        }[objective.targets]()
        self.targets, self.metrics = objective.targets, self._of_head.metrics

    def example_losses(self, outputs: Any, targets: Any, *, training: bool = True) -> Any:
        """See `LossFunction.example_losses`; classes are one-hot for the registered function, and smoothed."""
        if self.targets != "values":
            targets = one_hot_targets(targets, outputs.shape[-1])
            targets = smooth_labels(targets, self._smoothing if training else 0.0)
        return tf.ensure_shape(self._function(self._settings, outputs, targets), outputs.shape[:1])

    def confusion_matrix(self, outputs: Any, targets: Any, weights: Any) -> Any:
        """See `LossFunction.confusion_matrix`."""
        return self._of_head.confusion_matrix(outputs, targets, weights)


@dataclass(frozen=True, slots=True)
class ClassBalance:
    """What makes up for classes that are rare, where the training data are known.

    Attributes:
        logit_offsets: as of `SoftmaxCrossEntropy`.
        presence_weights: as of `MultiLabelCrossEntropy`.
    """

    logit_offsets: np.ndarray | None = None
    presence_weights: np.ndarray | None = None


def make_loss(
    objective: Objective,
    *,
    metrics: Collection[Metric] = (),
    logit_offsets: np.ndarray | None = None,
    presence_weights: np.ndarray | None = None,
) -> LossFunction:
    """Make the loss function that an objective of the plan describes.

    Args:
        objective: of the run.
        metrics: what is measured beside `Objective.metrics` on images to validate or test on.
        logit_offsets: as of `SoftmaxCrossEntropy`, where the training data are known.
        presence_weights: as of `MultiLabelCrossEntropy`, likewise.
    """
    settings = objective.loss
    loss: LossFunction = implementation(settings)(settings, objective, ClassBalance(logit_offsets, presence_weights))
    named = {name: metric_named(name) for name in objective.metrics} | {metric.name: metric for metric in metrics}
    loss.measured = tuple(metric for name, metric in named.items() if name not in loss.metrics)
    return loss


def _softmax(settings: SoftmaxLoss, objective: Objective, balance: ClassBalance) -> LossFunction:
    return SoftmaxCrossEntropy(objective.smoothing, logit_offsets=balance.logit_offsets)


def _sigmoid(settings: SigmoidLoss, objective: Objective, balance: ClassBalance) -> LossFunction:
    if objective.independent:
        return MultiLabelCrossEntropy(objective.smoothing, balance.presence_weights)
    return SigmoidCrossEntropy(objective.smoothing, settings.target_threshold)


def _focal(settings: FocalLoss, objective: Objective, balance: ClassBalance) -> LossFunction:
    if objective.independent:
        return MultiLabelFocalCrossEntropy(settings.gamma, settings.alpha, balance.presence_weights)
    return FocalCrossEntropy(settings.gamma)


def _asymmetric(settings: AsymmetricLoss, objective: Objective, balance: ClassBalance) -> LossFunction:
    gammas = settings.gamma_positive, settings.gamma_negative
    return AsymmetricCrossEntropy(*gammas, settings.margin, balance.presence_weights)


implement(SoftmaxLoss, _softmax)
implement(SigmoidLoss, _sigmoid)
implement(FocalLoss, _focal)
implement(AsymmetricLoss, _asymmetric)
implement(SquaredError, lambda settings, objective, balance: MeanSquaredError())


def smooth_labels(targets: Any, smoothing: float) -> Any:
    """Return targets of which the fraction `smoothing` is spread evenly over all classes."""
    return targets * (1.0 - smoothing) + smoothing / targets.shape[-1] if smoothing else targets


def binary_cross_entropy(logits: Any, targets: Any) -> Any:
    """Return the mean over the classes of each example's binary cross-entropies, float32 `(n,)`."""
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(targets, logits), axis=-1)


def _predicted_and_actual(outputs: Any, targets: Any) -> tuple[Any, Any]:
    """Return which labels are predicted (at probability one half), and which are present, bool `(n, classes)` each."""
    return outputs > 0.0, one_hot_targets(targets, outputs.shape[-1]) > 0.5


def _focus(miss: Any, gamma: float) -> Any:
    """Return (1 - p)^gamma of the probabilities 1 - p by which a prediction misses.

    Where that is 0, the gradient of a power below 1 would be infinite, and the loss beside it is 0 anyhow.
    """
    return tf.pow(tf.maximum(miss, np.finfo(np.float32).tiny ** 0.5), gamma)
