"""Sums of the loss and its metrics over a batch and over a data set, for training, `evaluate` and reports alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from kresnet.spec.implementations import implementation
from kresnet.training.step.batch_metrics import example_values, metric_sums
from kresnet.training.step.losses import LossFunction
from kresnet.training.step.metric_forms import ExampleMetric, SumMetric


def sum_batch(loss: LossFunction, outputs: Any, targets: Any, weights: Any) -> dict[str, Any]:
    """Sum the loss and all that is measured over the examples of a batch; graph code.

    Args:
        loss: says what is measured.
        outputs: float32, what the network returns for the batch.
        targets: what the loss takes for targets.
        weights: float32 `(n,)`: 0 for padding, else 1.

    Returns:
        Weighted sums by the metric's name, and `weight`, the sum of the weights, float32 scalars; of a `SumMetric` its
        sums as `METRIC/SUM`; and `confusion_matrix`, float32, where the loss has one.
    """
    values = {"loss": loss.example_losses(outputs, targets, training=False)} | loss.example_metrics(outputs, targets)
    sums: dict[str, Any] = {}
    for metric in loss.measured:
        match implementation(metric):
            case ExampleMetric():
                values[metric.name] = example_values(metric, loss.targets, outputs, targets)
            case SumMetric():
                sums |= metric_sums(metric, loss.targets, outputs, targets, weights)
    sums |= {name: tf.reduce_sum(value * weights) for name, value in values.items()}
    matrix = loss.confusion_matrix(outputs, targets, weights)
    return sums | {"weight": tf.reduce_sum(weights)} | ({} if matrix is None else {"confusion_matrix": matrix})


class MetricSums:
    """Adds the sums of batches up in float64; they stay on the device until a mean is asked for."""

    def __init__(self) -> None:
        self._sums: dict[str, Any] = {}
        self._examples: list[tuple[np.ndarray, np.ndarray]] = []

    def add(self, batch: Mapping[str, Any]) -> None:
        """Add what `sum_batch` returned."""
        for name, value in batch.items():
            value = tf.cast(value, tf.float64)
            self._sums[name] = self._sums[name] + value if name in self._sums else value

    def keep(self, outputs: np.ndarray, targets: np.ndarray) -> None:
        """Keep outputs and targets of a batch's examples, without padding, for metrics of all of them at once."""
        self._examples.append((outputs, targets))

    def outputs(self) -> np.ndarray:
        """Return the outputs that were kept, in order, float32 `(n, ...)`."""
        return np.concatenate([outputs for outputs, _ in self._examples])

    def targets(self) -> np.ndarray:
        """Return the targets that were kept, in order."""
        return np.concatenate([targets for _, targets in self._examples])

    def means(self) -> dict[str, float]:
        """Return the mean of the loss and of every other metric over the examples added so far."""
        weight = float(self._sums["weight"])
        others = {"weight", "confusion_matrix"} | {name for name in self._sums if "/" in name}
        return {name: float(total) / weight for name, total in self._sums.items() if name not in others}

    def sums_of(self, metric: str) -> dict[str, np.ndarray]:
        """Return the sums of a `SumMetric` over the examples added so far, float64 by their names."""
        start = f"{metric}/"
        return {name[len(start) :]: total.numpy() for name, total in self._sums.items() if name.startswith(start)}

    def confusion_matrix(self) -> np.ndarray | None:
        """Return the confusion matrix of the examples added so far, int64; None for a loss without classes."""
        matrix = self._sums.get("confusion_matrix")
        return None if matrix is None else matrix.numpy().astype(np.int64)
