"""What evaluating a trained network on its test images found: metrics, accuracy by class, and mistakes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from kresnet.evaluation.curves import LabelThreshold, RankingCurve
from kresnet.evaluation.per_class import class_accuracies
from kresnet.evaluation.reliability import ReliabilityBin
from kresnet.files import replace_non_finite
from kresnet.runs.calibration import Calibration

#: How many mistakes are kept, the most confident first.
MAX_MISTAKES = 24
#: How many pairs of confused classes are kept, the most often confused first.
MAX_PAIRS = 12


@dataclass(frozen=True, slots=True)
class Mistake:
    """An example that the network gets wrong.

    Attributes:
        position: place of the example in the test split, from 0.
        name: what the example is called where the data lie.
        truth: what is right, in words.
        prediction: what the network predicts, in words.
        confidence: the probability of the predicted class; of independent labels, how far the worst one's probability
            is from the truth; of values, the mean of |output - target|.
        picture: the image as a `data:` URI; None for a vector.
    """

    position: int
    name: str
    truth: str
    prediction: str
    confidence: float
    picture: str | None

    def as_dict(self) -> dict[str, Any]:
        """Return the mistake as JSON-ready values, without the picture."""
        values = {
            "position": self.position,
            "name": self.name,
            "truth": self.truth,
            "said": self.prediction,
            "confidence": self.confidence,
        }
        return replace_non_finite(values)


@dataclass(frozen=True)
class Evaluation:
    """What one pass of a network over all test images found, in float32.

    Attributes:
        kind: what the targets are: `classes`, `labels` (independent ones) or `values`.
        model: name of the file whose weights were used.
        images: how many test images there are.
        seconds: how long the pass took.
        metrics: mean of each metric over the images, by its name.
        class_names: a name for every class or label; empty for values.
        confusion_matrix: int64 counts of `Loss.confusion_matrix`; None for values.
        mistakes: the most confident ones, in order.
        reliability: bins of a classifier's reliability diagram, of calibrated probabilities where it is calibrated.
        calibration: the temperatures of the network; None where it is not calibrated.
        pictures: some training images of the first classes or labels, as `data:` URIs.
        scores: for each class or label, by its name, what `scores_by_class` returns; empty for values.
        curves: precision, recall and false alarms of the classes that are ranked worst.
        thresholds: of independent labels; empty for others.
        thresholds_from: the split that they were chosen by: `validation` where there is one, else `test`.
    """

    kind: Literal["classes", "labels", "values"]
    model: str
    images: int
    seconds: float
    metrics: Mapping[str, float]
    class_names: tuple[str, ...]
    confusion_matrix: np.ndarray | None
    mistakes: tuple[Mistake, ...]
    reliability: tuple[ReliabilityBin, ...] = ()
    calibration: Calibration | None = None
    pictures: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    scores: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    curves: tuple[RankingCurve, ...] = ()
    thresholds: tuple[LabelThreshold, ...] = ()
    thresholds_from: str = "test"

    @property
    def accuracies(self) -> list[tuple[str, float, int]]:
        """Name, accuracy and number of images of every class or label that has images, the worst first."""
        if self.confusion_matrix is None:
            return []
        accuracies = class_accuracies(self.confusion_matrix)
        counts = self.confusion_matrix.reshape(len(self.confusion_matrix), -1).sum(1)
        order = np.argsort(accuracies, kind="stable")  # NaN last
        return [(self.class_names[n], float(accuracies[n]), int(counts[n])) for n in order if counts[n]]

    @property
    def confused_pairs(self) -> list[tuple[str, str, int, float]]:
        """Pairs of classes that are confused most: label, predicted class, how often, and which part of the label's."""
        if self.kind != "classes" or self.confusion_matrix is None:
            return []
        matrix = self.confusion_matrix
        wrong = matrix * (1 - np.eye(len(matrix), dtype=np.int64))
        order = np.argsort(-wrong, axis=None, kind="stable")[:MAX_PAIRS]
        places = [divmod(int(n), len(matrix)) for n in order]
        return [
            (self.class_names[i], self.class_names[j], int(wrong[i, j]), float(wrong[i, j] / matrix[i].sum()))
            for i, j in places
            if wrong[i, j]
        ]

    def as_dict(self) -> dict[str, Any]:
        """Return the evaluation as JSON-ready values, without pictures."""
        plain = ("kind", "model", "images", "seconds", "metrics")
        values = {name: getattr(self, name) for name in plain}
        return replace_non_finite(values) | {
            "class_names": list(self.class_names),
            "tally": None if self.confusion_matrix is None else self.confusion_matrix.tolist(),
            "mistakes": [mistake.as_dict() for mistake in self.mistakes],
            "reliability": [each.as_dict() for each in self.reliability],
            "calibration": self.calibration.as_dict() if self.calibration else None,
            "by_class": {name: dict(scores) for name, scores in self.scores.items()},
            "curves": [curve.as_dict() for curve in self.curves],
            "thresholds": replace_non_finite([each.as_dict() for each in self.thresholds]),
            "thresholds_from": self.thresholds_from if self.thresholds else None,
        }


@dataclass(frozen=True, slots=True)
class NotEvaluated:
    """Why the test images were not evaluated, and what to type so that they are."""

    reason: str
    remedy: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the reason and the remedy as JSON-ready values."""
        return {"reason": self.reason, "remedy": self.remedy}
