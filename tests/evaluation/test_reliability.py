"""Calibration errors are scikit-learn's bins weighed by hand, and the sums of the papers' equations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.calibration import calibration_curve
from sklearn.metrics import log_loss

from kresnet.evaluation.reliability import (
    adaptive_calibration_error,
    calibration_error,
    calibration_metrics,
    negative_log_likelihood,
    predicted_probabilities,
    probabilities_of,
    reliability_bins,
)

RNG = np.random.default_rng(5)
LOGITS = RNG.normal(0, 2, (500, 4))
CLASSES = np.where(RNG.random(500) < 0.6, LOGITS.argmax(1), RNG.integers(0, 4, 500))
LABELS = (RNG.random((500, 4)) < 0.3).astype(np.float32)


@pytest.mark.parametrize("targets", [CLASSES, LABELS], ids=["classes", "labels"])
def test_bins_are_those_of_scikit_learn(targets):
    probabilities = probabilities_of(LOGITS, targets.ndim > 1)
    confidences, outcomes = predicted_probabilities(probabilities, targets)
    bins = reliability_bins(confidences, outcomes)
    accuracies, means = calibration_curve(outcomes, confidences, n_bins=15, strategy="uniform")
    np.testing.assert_allclose([each.accuracy for each in bins], accuracies)
    np.testing.assert_allclose([each.confidence for each in bins], means)
    assert sum(each.count for each in bins) == len(confidences)
    weights = np.array([((confidences > each.lower) & (confidences <= each.upper)).mean() for each in bins])
    assert calibration_error(probabilities, targets) == pytest.approx((weights * np.abs(accuracies - means)).sum())


def test_a_certain_and_a_hopeless_prediction_have_bins():
    low, high = reliability_bins(np.array([0.0, 1.0, 1.0]), np.array([0.0, 1.0, 0.0]))
    assert (low.lower, low.count, low.accuracy) == (0.0, 1, 0.0)
    assert (high.upper, high.count, high.accuracy, high.confidence) == (1.0, 2, 0.5, 1.0)


def test_adaptive_error_is_the_mean_over_classes_and_ranges_of_equal_counts():
    probabilities = softmax(LOGITS, axis=1)[:480]  # 32 in each of 15 ranges
    expected = []
    for n in range(4):
        order = np.argsort(probabilities[:, n], kind="stable").reshape(15, 32)
        for places in order:
            expected.append(abs((CLASSES[places] == n).mean() - probabilities[places, n].mean()))
    assert adaptive_calibration_error(probabilities, CLASSES[:480]) == pytest.approx(np.mean(expected))
    assert adaptive_calibration_error(np.array([[0.75, 0.25]]), np.array([0])) == pytest.approx(0.25)


def test_likelihood_is_scikit_learns_log_loss():
    assert negative_log_likelihood(LOGITS, CLASSES, 2.0) == pytest.approx(
        log_loss(CLASSES, softmax(LOGITS / 2, axis=1))
    )
    temperatures = np.array([0.5, 1.0, 2.0, 4.0])
    each = [
        log_loss(LABELS[:, n], 1 / (1 + np.exp(-LOGITS[:, n] / temperature)))
        for n, temperature in enumerate(temperatures)
    ]
    assert negative_log_likelihood(LOGITS, LABELS, temperatures) == pytest.approx(np.mean(each))


def test_what_comes_true_as_often_as_it_is_said_has_no_error():
    probabilities = np.tile([0.75, 0.25], (400, 1))
    targets = np.repeat([0, 0, 0, 1], 100)
    assert calibration_error(probabilities, targets) == pytest.approx(0)
    metrics = calibration_metrics(np.log(probabilities), targets)
    assert metrics["calibration_error"] == pytest.approx(0)
    assert metrics["negative_log_likelihood"] == pytest.approx(-0.75 * np.log(0.75) - 0.25 * np.log(0.25))
