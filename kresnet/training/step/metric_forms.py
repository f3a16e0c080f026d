"""In which forms a metric can be computed, so that it adds up over batches, replicas and workers; no TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np


def class_probabilities(outputs: np.ndarray, *, independent: bool) -> np.ndarray:
    """Return the probability of each class or label, float64 `(N, classes)`: distinct logits stay distinct longer."""
    from scipy.special import expit, softmax

    logits = outputs.astype(np.float64)
    return np.asarray(expit(logits) if independent else softmax(logits, axis=-1))


@dataclass(frozen=True)
class ExampleOutputs:
    """What a network returned for every example of a split, in the split's order, and what was right.

    Attributes:
        outputs: float32 `(N, ...)`, logits of a classifier.
        targets: int32 `(N,)`, or float32 `(N, ...)` of independent labels or of values.
        independent: whether labels are independent of each other.
    """

    outputs: np.ndarray
    targets: np.ndarray
    independent: bool = False

    @cached_property
    def probabilities(self) -> np.ndarray:
        """The probability of each class or label, float64 `(N, classes)`."""
        return class_probabilities(self.outputs, independent=self.independent)

    @cached_property
    def present(self) -> np.ndarray:
        """Which class or labels each example has, bool `(N, classes)`."""
        if self.targets.ndim > 1:
            return np.asarray(self.targets > 0.5)
        return np.asarray(self.targets[:, np.newaxis] == np.arange(self.outputs.shape[-1]))

    @cached_property
    def ranking(self) -> dict[str, np.ndarray]:
        """`auroc` and `average_precision` of each class against the rest, float64 `(classes,)`.

        NaN for the average precision of a class without examples, and for the AUROC of one that none or all have.
        """
        from sklearn.metrics import average_precision_score, roc_auc_score

        counts = self.present.sum(0)
        by_name = {}
        for name, function, defined in (
            ("auroc", roc_auc_score, (counts > 0) & (counts < len(self.present))),
            ("average_precision", average_precision_score, counts > 0),
        ):
            values = np.full(len(counts), np.nan)
            for column in np.flatnonzero(defined):
                values[column] = function(self.present[:, column], self.probabilities[:, column])
            by_name[name] = values
        return by_name


@dataclass(frozen=True, slots=True)
class ExampleMetric:
    """A metric that is the mean of a number that each example has.

    Attributes:
        function: from settings, float32 outputs `(n, ...)` and targets to float32 `(n,)`; graph code. Targets are int64
            classes `(n,)`, or float32 `(n, labels)` of independent labels, or float32 of the outputs' shape.
    """

    function: Callable[[Any, Any, Any], Any]


@dataclass(frozen=True, slots=True)
class SumMetric:
    """A metric of sums over all examples.

    Attributes:
        sums: from settings, outputs, targets (as of `ExampleMetric`) and weights, float32 `(n,)`, 0 for padding and
            else 1, to float32 tensors of any shape by name, each a weighted sum over the batch; graph code.
        result: from settings and these sums over the whole split, float64 arrays by name, to the metric.
    """

    sums: Callable[[Any, Any, Any, Any], Mapping[str, Any]]
    result: Callable[[Any, Mapping[str, np.ndarray]], float]


@dataclass(frozen=True, slots=True)
class MatrixMetric:
    """A metric that a confusion matrix tells.

    Attributes:
        function: from settings and the matrix, int64 `(classes, classes)`, rows are labels and columns predictions, or
            `(labels, 2, 2)`, to the metric; NaN where it is undefined.
    """

    function: Callable[[Any, np.ndarray], float]


@dataclass(frozen=True, slots=True)
class OutputMetric:
    """A metric that needs the outputs of all examples at once, as a ranking does.

    Attributes:
        function: from settings and `ExampleOutputs` to the metric; NaN where it is undefined. It is asked only where
            all outputs are finite.
    """

    function: Callable[[Any, ExampleOutputs], float]


MetricForm = ExampleMetric | SumMetric | MatrixMetric | OutputMetric

__all__ = [
    "ExampleMetric",
    "ExampleOutputs",
    "MatrixMetric",
    "MetricForm",
    "OutputMetric",
    "SumMetric",
    "class_probabilities",
]
