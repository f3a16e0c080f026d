"""Metrics of skewed classes and of rankings against scikit-learn, and what they make of classes without examples."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn import metrics as sklearn

from kresnet.plan.objective import Objective
from kresnet.spec.recipe.metrics import metric_named
from kresnet.training.step.metric_forms import ExampleOutputs, class_probabilities
from kresnet.training.step.output_metrics import (
    metrics_of_matrix,
    metrics_of_outputs,
    scores_by_class,
    undefined_remarks,
)

RNG = np.random.default_rng(0)
CLASSES = Objective("softmax", 4)
LABELS = Objective("sigmoid", 4, independent=True)
#: Skewed classes, and outputs that know something of them.
TARGETS = RNG.choice(4, 300, p=[0.6, 0.3, 0.08, 0.02]).astype(np.int32)
OUTPUTS = (RNG.normal(size=(300, 4)) + 1.5 * np.eye(4)[TARGETS]).astype(np.float32)
PRESENT = (RNG.random((300, 4)) < [0.5, 0.2, 0.1, 0.02]).astype(np.float32)
LOGITS = (RNG.normal(size=(300, 4)) + 2 * PRESENT - 1).astype(np.float32)


def table(targets: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    if targets.ndim == 1:
        return sklearn.confusion_matrix(targets, outputs.argmax(-1), labels=range(outputs.shape[1]))
    return sklearn.multilabel_confusion_matrix(targets, outputs > 0)


@pytest.fixture(autouse=True)
def no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def test_metrics_of_classes_are_those_of_scikit_learn():
    predictions, matrix = OUTPUTS.argmax(-1), table(TARGETS, OUTPUTS)
    precision, recall, f1, _ = sklearn.precision_recall_fscore_support(TARGETS, predictions, average="macro")
    found = metrics_of_matrix(matrix, [metric_named("quadratic_kappa"), metric_named("matthews_correlation")])
    assert found == pytest.approx({
        "balanced_accuracy": sklearn.balanced_accuracy_score(TARGETS, predictions),
        "macro_precision": precision, "macro_recall": recall, "macro_f1": f1,
        "quadratic_kappa": sklearn.cohen_kappa_score(TARGETS, predictions, weights="quadratic"),
        "matthews_correlation": sklearn.matthews_corrcoef(TARGETS, predictions),
    })  # fmt: skip
    scores = class_probabilities(OUTPUTS, independent=False)
    one_hot = np.eye(4)[TARGETS]
    assert metrics_of_outputs(CLASSES, ExampleOutputs(OUTPUTS, TARGETS)) == pytest.approx({
        "auroc_macro": sklearn.roc_auc_score(TARGETS, scores, multi_class="ovr", average="macro"),
        "auroc_micro": sklearn.roc_auc_score(TARGETS, scores, multi_class="ovr", average="micro"),
        "average_precision_macro": sklearn.average_precision_score(one_hot, scores, average="macro"),
        "average_precision_micro": sklearn.average_precision_score(one_hot, scores, average="micro"),
        "negative_log_likelihood": sklearn.log_loss(TARGETS, scores),
    })  # fmt: skip


def test_metrics_of_labels_are_those_of_scikit_learn():
    predictions = LOGITS > 0
    precision, recall, f1, _ = sklearn.precision_recall_fscore_support(PRESENT, predictions, average="macro")
    balanced = np.mean([sklearn.balanced_accuracy_score(PRESENT[:, n], predictions[:, n]) for n in range(4)])
    assert metrics_of_matrix(table(PRESENT, LOGITS)) == pytest.approx(
        {"balanced_accuracy": balanced, "macro_precision": precision, "macro_recall": recall, "macro_f1": f1}
    )
    scores = class_probabilities(LOGITS, independent=True)
    assert metrics_of_outputs(LABELS, ExampleOutputs(LOGITS, PRESENT, independent=True)) == pytest.approx({
        "auroc_macro": sklearn.roc_auc_score(PRESENT, scores, average="macro"),
        "auroc_micro": sklearn.roc_auc_score(PRESENT, scores, average="micro"),
        "average_precision_macro": sklearn.average_precision_score(PRESENT, scores, average="macro"),
        "average_precision_micro": sklearn.average_precision_score(PRESENT, scores, average="micro"),
        "negative_log_likelihood": np.mean([sklearn.log_loss(PRESENT[:, n], scores[:, n]) for n in range(4)]),
    })  # fmt: skip


def test_r2_of_values_is_scikit_learns():
    targets = RNG.normal(size=(50, 2, 3)).astype(np.float32)
    outputs = targets + RNG.normal(size=targets.shape).astype(np.float32)
    expected = sklearn.r2_score(targets.reshape(50, 6), outputs.reshape(50, 6))
    assert metrics_of_outputs(Objective("squared_error"), ExampleOutputs(outputs, targets)) == pytest.approx(
        {"r2": expected}
    )


@pytest.mark.parametrize("objective", [CLASSES, LABELS, Objective("squared_error")], ids=lambda each: str(each.classes))
def test_what_is_measured_is_what_the_objective_names(objective):
    targets = PRESENT if objective.independent else TARGETS if objective.classes else LOGITS
    assert (
        tuple(metrics_of_outputs(objective, ExampleOutputs(LOGITS, targets, objective.independent)))
        == objective.output_metrics
    )
    if objective.classes:
        assert set(metrics_of_matrix(table(targets, LOGITS))) == set(objective.matrix_metrics)


def test_a_class_without_examples_is_left_out_of_the_means_and_told():
    some = TARGETS < 3
    targets, outputs = TARGETS[some], OUTPUTS[some]
    matrix = table(targets, outputs)
    assert matrix[:, 3].sum()  # it is predicted all the same
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = sklearn.precision_recall_fscore_support(targets, outputs.argmax(-1), average="macro")
        balanced = sklearn.balanced_accuracy_score(targets, outputs.argmax(-1))
    found = metrics_of_matrix(matrix)
    assert [found[f"macro_{name}"] for name in ("precision", "recall", "f1")] == pytest.approx(expected[:3])
    assert found["balanced_accuracy"] == pytest.approx(balanced)
    gathered = ExampleOutputs(outputs, targets)
    scores = class_probabilities(outputs, independent=False)
    each = [sklearn.roc_auc_score(targets == n, scores[:, n]) for n in range(3)]
    assert metrics_of_outputs(CLASSES, gathered)["auroc_macro"] == pytest.approx(np.mean(each))
    by_class = scores_by_class(CLASSES, matrix, gathered, ("a", "b", "c", "d"))
    assert by_class["d"] == {
        "examples": 0, "precision": 0.0, "recall": None, "f1": 0.0, "auroc": None, "average_precision": None,
    }  # fmt: skip
    assert by_class["a"]["auroc"] == pytest.approx(each[0])
    (remark,) = undefined_remarks(matrix, ("a", "b", "c", "d"))
    assert remark.startswith("Without examples of d, recall, AUROC")


def test_a_label_that_every_example_has_is_told():
    present = np.ones((5, 2), np.float32)
    present[0, 1] = 0
    assert undefined_remarks(table(present, LOGITS[:5, :2]), ("a", "b")) == [
        "Every example has a: an AUROC is undefined there, and left out."
    ]


@pytest.mark.parametrize("objective", [CLASSES, LABELS], ids=["classes", "labels"])
def test_nothing_crashes_where_nothing_is_defined(objective):
    targets = np.zeros((3, 4), np.float32) if objective.independent else np.zeros(3, np.int32)
    found = metrics_of_outputs(objective, ExampleOutputs(LOGITS[:3], targets, objective.independent))
    assert np.isnan(found["auroc_macro"])
    assert np.isnan(found["average_precision_macro"]) == objective.independent
    assert np.isfinite(found["negative_log_likelihood"])
    broken = metrics_of_outputs(objective, ExampleOutputs(np.full((3, 4), np.nan, np.float32), targets))
    assert all(np.isnan(value) for value in broken.values())
    shape, wanted = (
        ((4, 2, 2), [])
        if objective.independent
        else ((4, 4), [metric_named("quadratic_kappa"), metric_named("matthews_correlation")])
    )
    empty = metrics_of_matrix(np.zeros(shape, np.int64), wanted)
    assert all(np.isnan(value) for value in empty.values())


def test_kappa_counts_the_classes_between_that_do_not_occur():
    labels, predictions = np.array([0, 0, 3, 3, 3]), np.array([0, 3, 3, 3, 1])
    matrix = sklearn.confusion_matrix(labels, predictions, labels=range(4))
    expected = sklearn.cohen_kappa_score(labels, predictions, labels=range(4), weights="quadratic")
    found = metrics_of_matrix(matrix, [metric_named("quadratic_kappa")])
    assert found["quadratic_kappa"] == pytest.approx(expected)
