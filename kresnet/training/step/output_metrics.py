"""Metrics of all outputs of a split at once: those of skewed classes, and those that rank examples; no TensorFlow.

They are scikit-learn's. What its functions would warn of is decided here beforehand: a number that a split does not
define (the recall of a class without examples, say) is NaN, and a mean over classes is taken over those that have one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kresnet.data.class_names import enumerate_names
from kresnet.plan.objective import Objective


@dataclass(frozen=True, slots=True)
class ExampleOutputs:
    """What a network returned for every example of a split, in the split's order, and what was right.

    Attributes:
        outputs: float32 `(N, ...)`, logits of a classifier.
        targets: int32 `(N,)`, or float32 `(N, ...)` of independent labels or of values.
    """

    outputs: np.ndarray
    targets: np.ndarray


def class_probabilities(outputs: np.ndarray, *, independent: bool) -> np.ndarray:
    """Return the probability of each class or label, float64 `(N, classes)`: distinct logits stay distinct longer."""
    from scipy.special import expit, softmax

    logits = outputs.astype(np.float64)
    return np.asarray(expit(logits) if independent else softmax(logits, axis=-1))


def class_presence(targets: np.ndarray, classes: int) -> np.ndarray:
    """Return which class or labels each example has, bool `(N, classes)`, of either kind of targets."""
    return targets > 0.5 if targets.ndim > 1 else targets[:, np.newaxis] == np.arange(classes)


def metrics_of_matrix(matrix: np.ndarray, wanted: Collection[str] = ()) -> dict[str, float]:
    """Return balanced accuracy and the macro averages, from a confusion matrix as `Loss.confusion_matrix` counts it.

    Macro averages are over the classes that occur, as label or as prediction; a class that is never predicted has the
    precision 0 (scikit-learn's `average="macro"` with `zero_division=0`). Balanced accuracy is the mean recall of the
    classes that have examples (scikit-learn's `balanced_accuracy_score`); of independent labels, the mean over the
    labels of each one's.

    Args:
        matrix: `(classes, classes)`, or `(labels, 2, 2)`; rows are labels, columns predictions.
        wanted: may name `quadratic_kappa`, which only classes have whose numbers are an order.
    """
    precision, recall, f1 = class_scores(matrix)
    _, predicted, present = _counts(matrix)
    occurs = (predicted + present) > 0
    if matrix.ndim == 3:
        recalls = np.divide(
            np.diagonal(matrix, axis1=1, axis2=2), matrix.sum(2), out=np.full((len(matrix), 2), np.nan),
            where=matrix.sum(2) > 0,
        )  # fmt: skip
        balanced = _mean(np.array([_mean(pair) for pair in recalls]))
    else:
        balanced = _mean(recall)
    kappa = {"quadratic_kappa": quadratic_kappa(matrix)} if "quadratic_kappa" in wanted else {}
    return kappa | {
        "balanced_accuracy": balanced,
        "macro_precision": _mean(np.nan_to_num(precision)[occurs]),
        "macro_recall": _mean(np.nan_to_num(recall)[occurs]),
        "macro_f1": _mean(f1[occurs]),
    }


def class_scores(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return precision, recall and F1 of each class or label, float64 `(classes,)`; NaN where there is none.

    Precision is that of the class's predictions, recall that of its examples; F1 is 2 tp / (2 tp + fp + fn).

    Args:
        matrix: as for `metrics_of_matrix`.
    """
    right, predicted, present = _counts(matrix)
    pairs = ((right, predicted), (right, present), (2 * right, predicted + present))
    precision, recall, f1 = (
        np.divide(part, whole, out=np.full(len(matrix), np.nan), where=whole > 0) for part, whole in pairs
    )
    return precision, recall, f1


def _counts(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return how many examples of each class are predicted rightly, are predicted, and are there."""
    if matrix.ndim == 3:
        return matrix[:, 1, 1], matrix[:, :, 1].sum(1), matrix[:, 1, :].sum(1)
    return np.diagonal(matrix), matrix.sum(0), matrix.sum(1)


def _mean(values: np.ndarray) -> float:
    """Return the mean of the values that are numbers; NaN if none is."""
    numbers = values[~np.isnan(values)]
    return float(numbers.mean()) if len(numbers) else float("nan")


def quadratic_kappa(matrix: np.ndarray) -> float:
    """Return Cohen's kappa with quadratic weights, of classes whose numbers are an order; NaN for one class alone.

    Args:
        matrix: `(classes, classes)`, rows are labels, columns predictions.
    """
    from sklearn.metrics import cohen_kappa_score

    labels, predictions = np.nonzero(matrix)
    occurring = np.union1d(labels, predictions)
    if len(occurring) < 2:
        return float("nan")
    every = np.arange(len(matrix))  # the distance of two classes counts those between them that do not occur
    counts = matrix[labels, predictions]
    return float(cohen_kappa_score(labels, predictions, labels=every, weights="quadratic", sample_weight=counts))


def ranking_scores(found: ExampleOutputs, *, independent: bool) -> dict[str, np.ndarray]:
    """Return `auroc` and `average_precision` of each class against the rest, float64 `(classes,)`.

    NaN for the average precision of a class without examples, and for the AUROC of one that none or all have.
    """
    from sklearn.metrics import average_precision_score, roc_auc_score

    classes = found.outputs.shape[-1]
    scores, present = (
        class_probabilities(found.outputs, independent=independent),
        class_presence(found.targets, classes),
    )
    counts = present.sum(0)
    by_name = {}
    for name, function, defined in (
        ("auroc", roc_auc_score, (counts > 0) & (counts < len(present))),
        ("average_precision", average_precision_score, counts > 0),
    ):
        values = np.full(classes, np.nan)
        for column in np.flatnonzero(defined):
            values[column] = function(present[:, column], scores[:, column])
        by_name[name] = values
    return by_name


def metrics_of_outputs(objective: Objective, found: ExampleOutputs) -> dict[str, float]:
    """Return the metrics of `Objective.output_metrics`, by name; NaN throughout where an output is not finite.

    AUROC and average precision (of labels, the macro average precision is the mAP) rank the examples of each class
    against all others, `macro` as the mean over the classes that have examples, `micro` over all pairs of example and
    class together. `negative_log_likelihood` is of the probabilities, in nats; of labels, the mean over them.
    """
    if not np.isfinite(found.outputs).all():
        return dict.fromkeys(objective.output_metrics, float("nan"))
    if objective.classes is None:
        return {"r2": _r2(found)}
    from sklearn.metrics import average_precision_score, roc_auc_score

    scores = class_probabilities(found.outputs, independent=objective.independent)
    present = class_presence(found.targets, objective.classes)
    by_class = ranking_scores(found, independent=objective.independent)
    pairs, pair_scores = present.ravel(), scores.ravel()
    some = bool(pairs.any())
    return {
        "auroc_macro": _mean(by_class["auroc"]),
        "auroc_micro": float(roc_auc_score(pairs, pair_scores)) if some and not pairs.all() else float("nan"),
        "average_precision_macro": _mean(by_class["average_precision"]),
        "average_precision_micro": float(average_precision_score(pairs, pair_scores)) if some else float("nan"),
        "negative_log_likelihood": _negative_log_likelihood(objective, found, present),
    }


def _r2(found: ExampleOutputs) -> float:
    """Return R², the mean over the outputs; NaN for fewer than two examples."""
    from sklearn.metrics import r2_score

    targets, outputs = (values.reshape(len(values), -1).astype(np.float64) for values in (found.targets, found.outputs))
    return float(r2_score(targets, outputs)) if len(targets) > 1 else float("nan")


def _negative_log_likelihood(objective: Objective, found: ExampleOutputs, present: np.ndarray) -> float:
    from scipy.special import log_softmax

    logits = found.outputs.astype(np.float64)
    if objective.independent:
        return float(np.logaddexp(0.0, np.where(present, -logits, logits)).mean())
    return float(-log_softmax(logits, axis=-1)[present].mean())


def undefined_remarks(matrix: np.ndarray | None, names: Sequence[str]) -> list[str]:
    """Return in sentences which classes the means over classes leave out, and why."""
    if matrix is None:
        return []
    _, _, present = _counts(matrix)
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
    _, _, present = _counts(matrix)
    columns: dict[str, np.ndarray] = dict(zip(("precision", "recall", "f1"), class_scores(matrix), strict=True))
    if found is not None and np.isfinite(found.outputs).all():
        columns |= ranking_scores(found, independent=objective.independent)
    return {
        name: {"examples": int(present[n])}
        | {key: None if np.isnan(values[n]) else float(values[n]) for key, values in columns.items()}
        for n, name in enumerate(names)
    }
