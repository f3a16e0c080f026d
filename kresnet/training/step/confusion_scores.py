"""What a confusion matrix says of each class, and as one number of all of them; no TensorFlow."""

from __future__ import annotations

import numpy as np

from kresnet.spec.implementations import implement
from kresnet.spec.recipe.metrics import (
    BalancedAccuracyMetric,
    MacroF1Metric,
    MacroPrecisionMetric,
    MacroRecallMetric,
    MatthewsCorrelationMetric,
    Metric,
    QuadraticKappaMetric,
)
from kresnet.training.step.metric_forms import MatrixMetric

#: What is measured of every confusion matrix.
OF_MATRIX = ("balanced_accuracy", "macro_precision", "macro_recall", "macro_f1")


def class_scores(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return precision, recall and F1 of each class or label, float64 `(classes,)`; NaN where there is none.

    Precision is that of the class's predictions, recall that of its examples; F1 is 2 tp / (2 tp + fp + fn).

    Args:
        matrix: `(classes, classes)`, or `(labels, 2, 2)`; rows are labels, columns predictions.
    """
    right, predicted, present = class_counts(matrix)
    pairs = ((right, predicted), (right, present), (2 * right, predicted + present))
    precision, recall, f1 = (
        np.divide(part, whole, out=np.full(len(matrix), np.nan), where=whole > 0) for part, whole in pairs
    )
    return precision, recall, f1


def class_counts(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return how many examples of each class are predicted rightly, are predicted, and are there."""
    if matrix.ndim == 3:
        return matrix[:, 1, 1], matrix[:, :, 1].sum(1), matrix[:, 1, :].sum(1)
    return np.diagonal(matrix), matrix.sum(0), matrix.sum(1)


def defined_mean(values: np.ndarray) -> float:
    """Return the mean of the values that are numbers; NaN if none is."""
    numbers = values[~np.isnan(values)]
    return float(numbers.mean()) if len(numbers) else float("nan")


def _balanced_accuracy(settings: Metric, matrix: np.ndarray) -> float:
    if matrix.ndim == 2:
        return defined_mean(class_scores(matrix)[1])
    recalls = np.divide(
        np.diagonal(matrix, axis1=1, axis2=2), matrix.sum(2), out=np.full((len(matrix), 2), np.nan),
        where=matrix.sum(2) > 0,
    )  # fmt: skip
    return defined_mean(np.array([defined_mean(pair) for pair in recalls]))


def _macro(settings: Metric, matrix: np.ndarray) -> float:
    scores = dict(zip(("macro_precision", "macro_recall", "macro_f1"), class_scores(matrix), strict=True))
    _, predicted, present = class_counts(matrix)
    return defined_mean(np.nan_to_num(scores[settings.kind])[predicted + present > 0])


def _quadratic_kappa(settings: Metric, matrix: np.ndarray) -> float:
    """NaN for one class alone."""
    from sklearn.metrics import cohen_kappa_score

    labels, predictions = np.nonzero(matrix)
    occurring = np.union1d(labels, predictions)
    if len(occurring) < 2:
        return float("nan")
    every = np.arange(len(matrix))  # the distance of two classes counts those between them that do not occur
    counts = matrix[labels, predictions]
    return float(cohen_kappa_score(labels, predictions, labels=every, weights="quadratic", sample_weight=counts))


def _matthews_correlation(settings: Metric, matrix: np.ndarray) -> float:
    """NaN without examples; 0 where all have, or are predicted as, one class, as scikit-learn has it."""
    from sklearn.metrics import matthews_corrcoef

    labels, predictions = np.nonzero(matrix)
    if not len(labels):
        return float("nan")
    return float(matthews_corrcoef(labels, predictions, sample_weight=matrix[labels, predictions]))


for _settings in (MacroPrecisionMetric, MacroRecallMetric, MacroF1Metric):
    implement(_settings, MatrixMetric(_macro))
implement(BalancedAccuracyMetric, MatrixMetric(_balanced_accuracy))
implement(QuadraticKappaMetric, MatrixMetric(_quadratic_kappa))
implement(MatthewsCorrelationMetric, MatrixMetric(_matthews_correlation))

__all__ = ["OF_MATRIX", "class_counts", "class_scores", "defined_mean"]
