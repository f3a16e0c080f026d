"""Curves and thresholds of classes against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit
from sklearn import metrics as sklearn

from kresnet.evaluation.curves import MOST_CURVES, MOST_POINTS, label_thresholds, ranking_curves
from kresnet.plan.objective import Objective
from kresnet.training.step.metric_forms import ExampleOutputs

RNG = np.random.default_rng(0)
LABELS = Objective("sigmoid", 3, independent=True)


def examples(count: int) -> ExampleOutputs:
    present = (RNG.random((count, 3)) < [0.5, 0.1, 0.3]).astype(np.float32)
    return ExampleOutputs((RNG.normal(size=(count, 3)) + 2 * present - 2).astype(np.float32), present, independent=True)


FOUND, CHOSEN_BY = examples(500), examples(130)


def test_curves_are_scikit_learns_and_the_worst_ranked_come_first():
    curves = ranking_curves(LABELS, FOUND, ("a", "b", "c"))
    assert [curve.average_precision for curve in curves] == sorted(curve.average_precision for curve in curves)
    for curve in curves:
        column = "abc".index(curve.name)
        there, scores = FOUND.targets[:, column], expit(FOUND.outputs[:, column].astype(float))
        assert curve.examples == there.sum()
        assert curve.auroc == pytest.approx(sklearn.roc_auc_score(there, scores))
        assert curve.average_precision == pytest.approx(sklearn.average_precision_score(there, scores))
        assert max(len(curve.recall), len(curve.found)) <= MOST_POINTS
        assert (curve.recall[0], curve.precision[0], curve.recall[-1]) == (0.0, 1.0, 1.0)
        precision, recall, _ = sklearn.precision_recall_curve(there, scores)
        points = set(zip(recall, precision, strict=True))
        assert set(zip(curve.recall, curve.precision, strict=True)) <= points
        false_alarms, hits, _ = sklearn.roc_curve(there, scores)
        assert set(zip(curve.false_alarms, curve.found, strict=True)) <= set(zip(false_alarms, hits, strict=True))


def test_of_many_classes_the_worst_are_kept_and_those_without_examples_are_not():
    targets = np.arange(60, dtype=np.int32) % 20
    found = ExampleOutputs(RNG.normal(size=(60, 25)).astype(np.float32), targets)
    names = tuple(map(str, range(25)))
    curves = ranking_curves(Objective("softmax", 25), found, names)
    assert len(curves) == MOST_CURVES
    assert all(int(curve.name) < 20 for curve in curves)
    broken = ExampleOutputs(np.full((60, 25), np.nan, np.float32), targets)
    assert ranking_curves(Objective("softmax", 25), broken, names) == ()
    values = ExampleOutputs(np.zeros((2, 3), np.float32), np.zeros((2, 3), np.float32))
    assert ranking_curves(Objective("squared_error"), values, ()) == ()


def test_no_other_threshold_has_a_higher_f1_on_the_images_it_was_chosen_by():
    for each, column in zip(label_thresholds(CHOSEN_BY, CHOSEN_BY, ("a", "b", "c")), range(3), strict=True):
        there, scores = CHOSEN_BY.targets[:, column], expit(CHOSEN_BY.outputs[:, column].astype(float))
        every = [sklearn.f1_score(there, scores >= threshold) for threshold in np.unique(scores)]
        assert each.f1 == pytest.approx(max(every))
        assert each.f1 == pytest.approx(sklearn.f1_score(there, scores >= each.threshold))


def test_a_threshold_is_measured_on_other_images_than_it_was_chosen_by():
    chosen = label_thresholds(CHOSEN_BY, FOUND, ("a", "b", "c"))
    for each, column in zip(chosen, range(3), strict=True):
        there, scores = FOUND.targets[:, column], expit(FOUND.outputs[:, column].astype(float))
        expected = sklearn.precision_recall_fscore_support(there, scores >= each.threshold, average="binary")[:3]
        assert (each.precision, each.recall, each.f1) == pytest.approx(expected)
        assert each.f1_at_half == pytest.approx(sklearn.f1_score(there, scores >= 0.5))


def test_a_label_that_nobody_has_there_has_no_threshold():
    nobody = ExampleOutputs(CHOSEN_BY.outputs, CHOSEN_BY.targets * [1, 0, 1], independent=True)
    thresholds = label_thresholds(nobody, FOUND, ("a", "b", "c"))
    assert [np.isnan(each.threshold) for each in thresholds] == [False, True, False]
    assert np.isnan(thresholds[1].f1)
