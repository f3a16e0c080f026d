"""Metrics of a batch: numbers that each example has, and sums over the examples; graph code."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from kresnet.spec.implementations import implement, implementation
from kresnet.spec.recipe.metrics import (
    AbsoluteErrorMetric,
    AccuracyMetric,
    ExactMatchMetric,
    Metric,
    RootMeanSquaredErrorMetric,
    Top5AccuracyMetric,
    TopKAccuracyMetric,
)
from kresnet.training.step.metric_forms import ExampleMetric, SumMetric


def example_values(metric: Metric, kind: str, outputs: Any, targets: Any) -> Any:
    """Return the number that each example has, float32 `(n,)`, of a metric of the form `ExampleMetric`.

    Args:
        metric: the metric.
        kind: what the targets are: `classes`, `labels` or `values`.
        outputs: float32, what the network returned.
        targets: of its images; the class of a mixture of images is its largest.
    """
    form: ExampleMetric = implementation(metric)
    return tf.ensure_shape(form.function(metric, outputs, metric_targets(kind, outputs, targets)), outputs.shape[:1])


def metric_sums(metric: Metric, kind: str, outputs: Any, targets: Any, weights: Any) -> dict[str, Any]:
    """Return the sums over a batch of a metric of the form `SumMetric`, by the metric's name and their own.

    Args:
        metric: the metric.
        kind: as for `example_values`.
        outputs: as for `example_values`.
        targets: as for `example_values`.
        weights: float32 `(n,)`, 0 for padding and else 1.
    """
    form: SumMetric = implementation(metric)
    sums = form.sums(metric, outputs, metric_targets(kind, outputs, targets), weights)
    return {f"{metric.name}/{name}": tf.cast(value, tf.float32) for name, value in sums.items()}


def metric_targets(kind: str, outputs: Any, targets: Any) -> Any:
    """Return targets as functions of metrics take them, see `ExampleMetric`."""
    if kind == "classes":  # int64: a GPU compares it, and would leave int32 to the host
        return tf.cast(targets, tf.int64) if targets.ndim == 1 else tf.argmax(targets, -1)
    return one_hot_targets(targets, outputs.shape[-1]) if kind == "labels" else tf.cast(targets, tf.float32)


def one_hot_targets(targets: Any, classes: int) -> Any:
    """Return targets as float32 `(n, classes)`."""
    return tf.one_hot(targets, classes) if targets.ndim == 1 else targets


def mean_of_example(values: Any) -> Any:
    """Return the mean over all axes but the first."""
    return tf.reduce_mean(values, axis=list(range(1, values.ndim)))


def _accuracy(settings: Metric, outputs: Any, targets: Any) -> Any:
    if targets.ndim == 1:
        return tf.cast(tf.argmax(outputs, axis=-1) == targets, tf.float32)
    return tf.reduce_mean(_right_labels(outputs, targets), -1)


def _right_labels(outputs: Any, targets: Any) -> Any:
    """Return which labels are predicted rightly, at probability one half, float32 `(n, labels)`."""
    return tf.cast((outputs > 0.0) == (targets > 0.5), tf.float32)


def _top_k(settings: Metric, outputs: Any, targets: Any) -> Any:
    k = settings.k if isinstance(settings, TopKAccuracyMetric) else 5
    return tf.cast(tf.math.in_top_k(targets, outputs, k), tf.float32)


def _exact_match(settings: Metric, outputs: Any, targets: Any) -> Any:
    return tf.reduce_min(_right_labels(outputs, targets), -1)


def _absolute_error(settings: Metric, outputs: Any, targets: Any) -> Any:
    return mean_of_example(tf.abs(outputs - targets))


def _squares(settings: Metric, outputs: Any, targets: Any, weights: Any) -> dict[str, Any]:
    squares = mean_of_example(tf.square(outputs - targets))
    return {"squares": tf.reduce_sum(squares * weights), "examples": tf.reduce_sum(weights)}


implement(AccuracyMetric, ExampleMetric(_accuracy))
implement(Top5AccuracyMetric, ExampleMetric(_top_k))
implement(TopKAccuracyMetric, ExampleMetric(_top_k))
implement(ExactMatchMetric, ExampleMetric(_exact_match))
implement(AbsoluteErrorMetric, ExampleMetric(_absolute_error))
implement(
    RootMeanSquaredErrorMetric,
    SumMetric(_squares, lambda settings, sums: float((sums["squares"] / sums["examples"]) ** 0.5)),
)

__all__ = ["example_values", "mean_of_example", "metric_sums", "metric_targets", "one_hot_targets"]
