"""Metrics of all outputs of a split at once: those of skewed classes, and those that rank examples; no TensorFlow.

They are scikit-learn's. What its functions would warn of is decided here beforehand: a number that a split does not
define (the recall of a class without examples, say) is NaN, and a mean over classes is taken over those that have one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kresnet.data.class_names import enumerate_names
from kresnet.plan.objective import Objective
from kresnet.spec.implementations import implement, implementation
from kresnet.spec.recipe.metrics import (
    AurocMacroMetric,
    AurocMicroMetric,
    AveragePrecisionMacroMetric,
    AveragePrecisionMicroMetric,
    Metric,
    NegativeLogLikelihoodMetric,
    R2Metric,
    metric_named,
)
from kresnet.training.step.confusion_scores import OF_MATRIX, class_counts, class_scores, defined_mean
from kresnet.training.step.metric_forms import ExampleOutputs, MatrixMetric, OutputMetric, SumMetric

if TYPE_CHECKING:
    from kresnet.training.step.metric_sums import MetricSums


def metrics_of_matrix(matrix: np.ndarray, wanted: Collection[Metric] = ()) -> dict[str, float]:
    """Return balanced accuracy, the macro averages, and what else is wanted, from a confusion matrix.

    Macro averages are over the classes that occur, as label or as prediction; a class that is never predicted has the
    precision 0 (scikit-learn's `average="macro"` with `zero_division=0`). Balanced accuracy is the mean recall of the
    classes that have examples (scikit-learn's `balanced_accuracy_score`); of independent labels, the mean over the
    labels of each one's.

    Args:
        matrix: `(classes, classes)`, or `(labels, 2, 2)`; rows are labels, columns predictions.
        wanted: metrics, of which those of the form `MatrixMetric` are measured as well.
    """
    forms = {metric.name: (metric, implementation(metric)) for metric in (*map(metric_named, OF_MATRIX), *wanted)}
    return {
        name: form.function(metric, matrix) for name, (metric, form) in forms.items() if isinstance(form, MatrixMetric)
    }


def metrics_of_outputs(
    objective: Objective, found: ExampleOutputs, wanted: Collection[Metric] = ()
) -> dict[str, float]:
    """Return the metrics of `Objective.output_metrics` and others that are wanted, of the form `OutputMetric`, by name.

    NaN throughout where an output is not finite. AUROC and average precision (of labels, the macro average precision is
    the mAP) rank the examples of each class against all others, `macro` as the mean over the classes that have
    examples, `micro` over all pairs of example and class together.
    """
    finite = bool(np.isfinite(found.outputs).all())
    metrics = {metric.name: metric for metric in (*map(metric_named, objective.output_metrics), *wanted)}
    forms = {name: implementation(metric) for name, metric in metrics.items()}
    return {
        name: form.function(metrics[name], found) if finite else float("nan")
        for name, form in forms.items()
        if isinstance(form, OutputMetric)
    }


def metrics_of_sums(sums: MetricSums, wanted: Collection[Metric]) -> dict[str, float]:
    """Return those of the wanted metrics that are of the form `SumMetric`, by name.

    Args:
        sums: the sums over all examples.
        wanted: the metrics.
    """
    forms = ((metric, implementation(metric)) for metric in wanted)
    return {m.name: float(form.result(m, sums.sums_of(m.name))) for m, form in forms if isinstance(form, SumMetric)}


def undefined_remarks(matrix: np.ndarray | None, names: Sequence[str]) -> list[str]:
    """Return in sentences which classes the means over classes leave out, and why."""
    if matrix is None:
        return []
    _, _, present = class_counts(matrix)
    total = np.broadcast_to(matrix.sum((1, 2)) if matrix.ndim == 3 else matrix.sum(), present.shape)
    remarks = []
    if missing := [name for name, count in zip(names, present, strict=True) if count == 0]:
        remarks.append(
            f"Without examples of {enumerate_names(missing)}, recall, AUROC and average precision of "
            f"{'it are' if len(missing) == 1 else 'these are'} undefined, and left out of the means over classes."
        )
    if everywhere := [name for name, count, of in zip(names, present, total, strict=True) if count == of > 0]:
        remarks.append(f"Every example has {enumerate_names(everywhere)}: an AUROC is undefined there, and left out.")
    return remarks


def scores_by_class(
    objective: Objective, matrix: np.ndarray, found: ExampleOutputs | None, names: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Return for each class or label, by its name, `examples`, `precision`, `recall`, `f1`; None where undefined.

    With outputs, `auroc` and `average_precision` as well.
    """
    _, _, present = class_counts(matrix)
    columns: dict[str, np.ndarray] = dict(zip(("precision", "recall", "f1"), class_scores(matrix), strict=True))
    if found is not None and np.isfinite(found.outputs).all():
        columns |= found.ranking
    return {
        name: {"examples": int(present[n])}
        | {key: None if np.isnan(values[n]) else float(values[n]) for key, values in columns.items()}
        for n, name in enumerate(names)
    }


def _mean_over_classes(settings: Metric, found: ExampleOutputs) -> float:
    return defined_mean(found.ranking[settings.kind.removesuffix("_macro")])


def _auroc_micro(settings: Metric, found: ExampleOutputs) -> float:
    from sklearn.metrics import roc_auc_score

    pairs = found.present.ravel()
    return float(roc_auc_score(pairs, found.probabilities.ravel())) if pairs.any() and not pairs.all() else float("nan")


def _average_precision_micro(settings: Metric, found: ExampleOutputs) -> float:
    from sklearn.metrics import average_precision_score

    pairs = found.present.ravel()
    return float(average_precision_score(pairs, found.probabilities.ravel())) if pairs.any() else float("nan")


def _negative_log_likelihood(settings: Metric, found: ExampleOutputs) -> float:
    from scipy.special import log_softmax

    logits = found.outputs.astype(np.float64)
    if found.independent:
        return float(np.logaddexp(0.0, np.where(found.present, -logits, logits)).mean())
    return float(-log_softmax(logits, axis=-1)[found.present].mean())


def _r2(settings: Metric, found: ExampleOutputs) -> float:
    """The mean over the outputs; NaN for fewer than two examples."""
    from sklearn.metrics import r2_score

    targets, outputs = (values.reshape(len(values), -1).astype(np.float64) for values in (found.targets, found.outputs))
    return float(r2_score(targets, outputs)) if len(targets) > 1 else float("nan")


for _settings, _function in (
    (AurocMacroMetric, _mean_over_classes),
    (AveragePrecisionMacroMetric, _mean_over_classes),
    (AurocMicroMetric, _auroc_micro),
    (AveragePrecisionMicroMetric, _average_precision_micro),
    (NegativeLogLikelihoodMetric, _negative_log_likelihood),
    (R2Metric, _r2),
):
    implement(_settings, OutputMetric(_function))
