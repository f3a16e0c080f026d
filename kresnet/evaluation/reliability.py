"""How well probabilities agree with how often they come true: calibration errors and the bins of a reliability diagram.

Everything is computed in float64 with NumPy, from the probabilities of all examples at once.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from kresnet.training.step.metric_forms import class_probabilities

#: Bins of the errors and of the diagram, as Guo et al. 2017 (arXiv:1706.04599, section 5) and Nixon et al. 2019
#: (arXiv:1904.01685, section 4) take them.
BINS = 15


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Examples whose confidence lies in one of equal intervals between 0 and 1.

    Attributes:
        lower: the interval's lower end, which belongs to the bin before.
        upper: the interval's upper end, which belongs to it.
        count: how many predictions lie in it.
        confidence: mean of their probabilities.
        accuracy: the part of them that came true.
    """

    lower: float
    upper: float
    count: int
    confidence: float
    accuracy: float

    def as_dict(self) -> dict[str, Any]:
        """Return the bin as JSON-ready values."""
        return asdict(self)


def predicted_probabilities(probabilities: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the probabilities that are judged, and what came true of them, float64 `(M,)` each.

    Of classes that exclude each other, that is the probability of the likeliest class of each example, and whether it
    is the right one (Guo et al. 2017, section 2); of independent labels, the probability of every label of every
    example, and whether it is present.

    Args:
        probabilities: float `(N, classes)`.
        targets: classes, integers `(N,)`, or labels, 0 or 1 `(N, labels)`.
    """
    if targets.ndim > 1:
        return probabilities.ravel().astype(np.float64), targets.ravel().astype(np.float64)
    predictions = probabilities.argmax(axis=1)
    confidences = np.take_along_axis(probabilities, predictions[:, np.newaxis], axis=1)[:, 0]
    return confidences.astype(np.float64), (predictions == targets).astype(np.float64)


def reliability_bins(confidences: np.ndarray, outcomes: np.ndarray, bins: int = BINS) -> list[ReliabilityBin]:
    """Return the bins that hold predictions, in order; interval m of M is `((m-1)/M, m/M]`, and 0 lies in the first.

    Args:
        confidences: probabilities, `(M,)`.
        outcomes: what came true, 0 or 1, `(M,)`.
        bins: number of intervals.
    """
    edges = np.linspace(0.0, 1.0, bins + 1)
    places = np.searchsorted(edges[1:-1], confidences, side="left")
    counts = np.bincount(places, minlength=bins)
    sums = [np.bincount(places, values, minlength=bins) for values in (confidences, outcomes)]
    return [
        ReliabilityBin(edges[n], edges[n + 1], int(counts[n]), *(float(each[n] / counts[n]) for each in sums))
        for n in range(bins)
        if counts[n]
    ]


def calibration_error(probabilities: np.ndarray, targets: np.ndarray, bins: int = BINS) -> float:
    """Return the expected calibration error: the mean of |accuracy - confidence| over fixed bins, by their counts.

    Guo et al. 2017 (arXiv:1706.04599), equation 5; arguments as for `predicted_probabilities`.
    """
    filled = reliability_bins(*predicted_probabilities(probabilities, targets), bins)
    total = sum(each.count for each in filled)
    return sum(each.count * abs(each.accuracy - each.confidence) for each in filled) / total


def adaptive_calibration_error(probabilities: np.ndarray, targets: np.ndarray, bins: int = BINS) -> float:
    """Return the adaptive calibration error: over all classes, and ranges that hold equally many examples each.

    Nixon et al. 2019 (arXiv:1904.01685), section 3.3: the probabilities of each class are sorted and divided into
    ranges of equal counts, and |accuracy - confidence| is averaged over classes and ranges.

    Args:
        probabilities: float `(N, classes)`.
        targets: as for `predicted_probabilities`.
        bins: number of ranges; with fewer examples, one each.
    """
    count, classes = probabilities.shape
    bounds = np.linspace(0, count, min(bins, count) + 1).astype(np.int64)
    total = 0.0
    for n in range(classes):  # one after the other: memory for one class, not for all
        column = probabilities[:, n].astype(np.float64)
        present = (targets[:, n] if targets.ndim > 1 else targets == n).astype(np.float64)
        order = np.argsort(column, kind="stable")
        gaps = np.add.reduceat((present - column)[order], bounds[:-1]) / np.diff(bounds)
        total += float(np.abs(gaps).mean())
    return total / classes


def negative_log_likelihood(logits: np.ndarray, targets: np.ndarray, temperatures: np.ndarray | float = 1.0) -> float:
    """Return the mean over the examples of -log of the probability of what is true, in nats.

    Of independent labels, it is besides the mean over the labels, as their loss is.

    Args:
        logits: float `(N, classes)`.
        targets: as for `predicted_probabilities`.
        temperatures: what the logits are divided by: a number, or one for each label.
    """
    scaled = logits.astype(np.float64) / temperatures
    if targets.ndim > 1:
        return float((np.logaddexp(0.0, scaled) - targets * scaled).mean())
    largest = scaled.max(axis=1, keepdims=True)
    normalizers = np.log(np.exp(scaled - largest).sum(axis=1)) + largest[:, 0]
    return float((normalizers - np.take_along_axis(scaled, targets[:, np.newaxis], axis=1)[:, 0]).mean())


def probabilities_of(logits: np.ndarray, independent: bool, temperatures: np.ndarray | float = 1.0) -> np.ndarray:
    """Return softmax over the classes, or the sigmoid of each independent label, float64 `(N, classes)`."""
    return class_probabilities(logits.astype(np.float64) / temperatures, independent=independent)


def calibration_metrics(
    logits: np.ndarray, targets: np.ndarray, temperatures: np.ndarray | float = 1.0
) -> dict[str, float]:
    """Return `negative_log_likelihood`, `calibration_error` and `adaptive_calibration_error` by name."""
    probabilities = probabilities_of(logits, targets.ndim > 1, temperatures)
    return {
        "negative_log_likelihood": negative_log_likelihood(logits, targets, temperatures),
        "calibration_error": calibration_error(probabilities, targets),
        "adaptive_calibration_error": adaptive_calibration_error(probabilities, targets),
    }


__all__ = [
    "BINS",
    "ReliabilityBin",
    "adaptive_calibration_error",
    "calibration_error",
    "calibration_metrics",
    "negative_log_likelihood",
    "predicted_probabilities",
    "probabilities_of",
    "reliability_bins",
]
