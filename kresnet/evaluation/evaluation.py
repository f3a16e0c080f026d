"""What a trained network makes of its test images: how often it is wrong, how, and where it was surest of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from kresnet.evaluation.per_class import class_accuracies
from kresnet.files import replace_non_finite

#: Mistakes that are shown, the surest first.
MOST_MISTAKES = 24
#: Pairs of classes that are told, the most often confused first.
MOST_PAIRS = 12


@dataclass(frozen=True, slots=True)
class Mistake:
    """An example that the network gets wrong.

    Attributes:
        position: in the test split, from 0.
        name: what the example is called where the data lie.
        truth, said: what is right and what the network says, in words.
        confidence: the probability of what it says; of independent labels, how far the worst one's is from the truth;
            of values, the mean of |output - target|.
        picture: the image as a `data:` URI; None for a vector.
    """

    position: int
    name: str
    truth: str
    said: str
    confidence: float
    picture: str | None

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready, without the picture."""
        values = {name: getattr(self, name) for name in ("position", "name", "truth", "said", "confidence")}
        return replace_non_finite(values)


@dataclass(frozen=True)
class Evaluation:
    """The outcome of one look at all test images, in float32.

    Attributes:
        kind: `classes`, `labels` (independent ones) or `values`.
        model: the file whose weights were used.
        images: how many were looked at.
        seconds: it took.
        metrics: by name.
        class_names: a name for every class or label; empty for values.
        tally: int64, as the loss's `tally` has it; None for values.
        mistakes: the surest first.
    """

    kind: Literal["classes", "labels", "values"]
    model: str
    images: int
    seconds: float
    metrics: Mapping[str, float]
    class_names: tuple[str, ...]
    tally: np.ndarray | None
    mistakes: tuple[Mistake, ...]

    @property
    def accuracies(self) -> list[tuple[str, float, int]]:
        """Classes or labels that have images, worst first: name, accuracy, number of images."""
        if self.tally is None:
            return []
        accuracies, counts = class_accuracies(self.tally), self.tally.reshape(len(self.tally), -1).sum(1)
        order = np.argsort(accuracies, kind="stable")  # NaN last
        return [(self.class_names[n], float(accuracies[n]), int(counts[n])) for n in order if counts[n]]

    @property
    def pairs(self) -> list[tuple[str, str, int, float]]:
        """Classes confused most: the label, what it is taken for, how often, and the share of the label's images."""
        if self.kind != "classes" or self.tally is None:
            return []
        wrong = self.tally * (1 - np.eye(len(self.tally), dtype=np.int64))
        order = np.argsort(-wrong, axis=None, kind="stable")[:MOST_PAIRS]
        places = [divmod(int(n), len(self.tally)) for n in order]
        return [
            (self.class_names[i], self.class_names[j], int(wrong[i, j]), float(wrong[i, j] / self.tally[i].sum()))
            for i, j in places
            if wrong[i, j]
        ]

    def as_dict(self) -> dict[str, Any]:
        plain = ("kind", "model", "images", "seconds", "metrics")
        values = {name: getattr(self, name) for name in plain}
        return replace_non_finite(values) | {
            "class_names": list(self.class_names),
            "tally": None if self.tally is None else self.tally.tolist(),
            "mistakes": [mistake.as_dict() for mistake in self.mistakes],
        }


@dataclass(frozen=True, slots=True)
class NotEvaluated:
    """Why nothing can be said about the test images, and what to type."""

    reason: str
    remedy: str = ""

    def as_dict(self) -> dict[str, Any]:
        return {"reason": self.reason, "remedy": self.remedy}
