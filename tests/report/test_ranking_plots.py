"""Curves, scores by class and thresholds on the page."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kresnet.evaluation.curves import label_thresholds, ranking_curves
from kresnet.evaluation.evaluation import Evaluation
from kresnet.plan.objective import Objective
from kresnet.report.ranking_plots import class_scores_table, ranking_plots, thresholds_table
from kresnet.training.step.metric_forms import ExampleOutputs
from kresnet.training.step.output_metrics import scores_by_class

NAMES = ("<b>", "c")
TARGETS = np.array([[1, 0], [0, 0], [1, 1], [0, 1]], np.float32)
FOUND = ExampleOutputs(np.array([[2, -1], [1, -2], [3, 1], [-1, -1.5]], np.float32), TARGETS)
OBJECTIVE = Objective("sigmoid", 2, independent=True)
MATRIX = np.array([[[1, 1], [0, 2]], [[2, 0], [1, 1]]])


@pytest.fixture
def evaluation() -> Evaluation:
    return Evaluation(
        "labels", "model.keras", 4, 1.0, {}, NAMES, MATRIX, (),
        scores=scores_by_class(OBJECTIVE, MATRIX, FOUND, NAMES),
        curves=ranking_curves(OBJECTIVE, FOUND, NAMES),
        thresholds=label_thresholds(FOUND, FOUND, NAMES),
        thresholds_from="validation",
    )  # fmt: skip


def test_both_curves_are_drawn_for_every_label(evaluation):
    precision_recall, roc = ranking_plots(evaluation, "0")
    assert (precision_recall.id, roc.id) == ("precision-recall-0", "roc-0")
    for plot in (precision_recall, roc):
        assert {trace.name for trace in plot.figure.data} == {"&lt;b&gt;", "c"}
        assert {row[0] for row in plot.table.rows} == set(NAMES)
    curve = evaluation.curves[0]
    assert f"{curve.average_precision:.4f}" in precision_recall.summary
    assert list(roc.figure.data[0].x) == list(curve.false_alarms)


def test_the_tables_say_what_was_chosen_by_which_images(evaluation):
    table = thresholds_table(evaluation)
    assert "F1 on validation images, measured on test images" in table.caption
    assert [row[0] for row in table.rows] == [*NAMES, "mean"]
    assert "too good" in thresholds_table(replace(evaluation, thresholds_from="test")).caption
    scores = class_scores_table(evaluation)
    assert scores.head[0] == "label"
    assert scores.rows[0][:4] == ("<b>", "2", "0.6667", "1.0000")


def test_values_have_none_of_it(evaluation):
    values = replace(evaluation, kind="values", curves=(), scores={}, thresholds=())
    assert list(ranking_plots(values, "0")) == []
    assert class_scores_table(values) is None
    assert thresholds_table(values) is None
