"""Precision, recall and false alarms of each class over all thresholds, and the threshold that suits a label best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from kresnet.plan.objective import Objective
from kresnet.training.step.metric_forms import ExampleOutputs

#: Classes whose curves are kept, the worst ranked first, and points of a curve.
MOST_CURVES, MOST_POINTS = 12, 200


@dataclass(frozen=True, slots=True)
class RankingCurve:
    """How well one class is ranked against all others, as its threshold falls.

    Attributes:
        name: of the class or label.
        examples: number of its examples.
        auroc: area under the ROC curve; NaN where undefined.
        average_precision: of the class against the rest.
        recall: of the precision-recall curve, rising.
        precision: beside each recall.
        false_alarms: share of the other examples that are taken for the class, rising: the ROC curve's abscissa.
        found: share of the class's examples that are found beside each share of false alarms.
    """

    name: str
    examples: int
    auroc: float
    average_precision: float
    recall: tuple[float, ...]
    precision: tuple[float, ...]
    false_alarms: tuple[float, ...]
    found: tuple[float, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the curve as plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class LabelThreshold:
    """The probability from which a label is best said to be there.

    Attributes:
        name: of the label.
        threshold: the one of the highest F1 on the images that it was chosen by; NaN without examples there.
        precision, recall, f1: at that threshold, on the images that are measured; NaN where undefined.
        f1_at_half: F1 at a threshold of one half on the same images.
    """

    name: str
    threshold: float
    precision: float
    recall: float
    f1: float
    f1_at_half: float

    def as_dict(self) -> dict[str, Any]:
        """Return the threshold as plain values."""
        return asdict(self)


def ranking_curves(objective: Objective, found: ExampleOutputs, names: Sequence[str]) -> tuple[RankingCurve, ...]:
    """Return the curves of the classes that have examples and are not all examples', those ranked worst first.

    At most `MOST_CURVES`, each of at most about `MOST_POINTS` points; none where an output is not finite.
    """
    from sklearn.metrics import precision_recall_curve, roc_curve

    if objective.classes is None or not np.isfinite(found.outputs).all():
        return ()
    scores, present, ranked = found.probabilities, found.present, found.ranking
    defined = np.flatnonzero(~np.isnan(ranked["auroc"]))
    worst = defined[np.argsort(ranked["average_precision"][defined], kind="stable")][:MOST_CURVES]
    curves = []
    for column in worst:
        precision, recall, _ = precision_recall_curve(present[:, column], scores[:, column])
        false_alarms, hits, _ = roc_curve(present[:, column], scores[:, column])
        curves.append(
            RankingCurve(
                names[column],
                int(present[:, column].sum()),
                float(ranked["auroc"][column]),
                float(ranked["average_precision"][column]),
                *_thinned(recall[::-1], precision[::-1]),
                *_thinned(false_alarms, hits),
            )
        )
    return tuple(curves)


def _thinned(x: np.ndarray, y: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return evenly spaced points of a curve, the first and the last among them."""
    kept = np.unique(np.linspace(0, len(x) - 1, min(len(x), MOST_POINTS)).round().astype(int))
    return tuple(x[kept].tolist()), tuple(y[kept].tolist())


def label_thresholds(
    chosen_by: ExampleOutputs, measured: ExampleOutputs, names: Sequence[str]
) -> tuple[LabelThreshold, ...]:
    """Choose for each independent label the threshold of the highest F1, and measure what it is worth.

    Args:
        chosen_by: outputs and targets of the images to choose by: those to validate on, where there are any.
        measured: outputs and targets of the images to measure on.
        names: the names of the labels.
    """
    chosen_scores, scores = chosen_by.probabilities, measured.probabilities
    chosen_there, there = chosen_by.present, measured.present
    thresholds = []
    for column, name in enumerate(names):
        threshold = _best_threshold(chosen_there[:, column], chosen_scores[:, column])
        precision, recall, f1 = _scores_at(threshold, there[:, column], scores[:, column])
        half = _scores_at(0.5, there[:, column], scores[:, column])[2]
        thresholds.append(LabelThreshold(name, threshold, precision, recall, f1, half))
    return tuple(thresholds)


def _best_threshold(present: np.ndarray, scores: np.ndarray) -> float:
    from sklearn.metrics import precision_recall_curve

    if not present.any():
        return float("nan")
    precision, recall, thresholds = precision_recall_curve(present, scores)
    f1 = 2 * precision * recall / np.maximum(precision + recall, np.finfo(float).tiny)
    return float(thresholds[np.argmax(f1[:-1])])  # the last point, of recall 0, has no threshold


def _scores_at(threshold: float, present: np.ndarray, scores: np.ndarray) -> tuple[float, float, float]:
    """Return precision, recall and F1 where a label is said to be there from a threshold on; NaN where undefined."""
    if np.isnan(threshold):
        return (float("nan"),) * 3
    said = scores >= threshold
    right = float((said & present).sum())
    pairs = ((right, said.sum()), (right, present.sum()), (2 * right, said.sum() + present.sum()))
    precision, recall, f1 = (float(part / whole) if whole else float("nan") for part, whole in pairs)
    return precision, recall, f1
