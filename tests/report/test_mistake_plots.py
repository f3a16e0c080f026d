"""Plots of a confusion matrix and of the accuracy of each class."""

import numpy as np

from kresnet.evaluation.evaluation import Evaluation
from kresnet.report.mistake_plots import class_accuracy_plot, confusion_plot
from kresnet.report.plots import RunStyle
from kresnet.report.run_data import gather_run_data
from tests.report.recorded_runs import made

MATRIX = np.array([[8, 2, 0], [0, 10, 0], [5, 0, 5]])
EVALUATION = Evaluation("classes", "model.keras", 30, 1.0, {"accuracy": 23 / 30}, ("cat", "dog", "owl"), MATRIX, ())


def test_the_matrix_is_plotted_as_fractions_of_each_class():
    plot = confusion_plot(EVALUATION, "confusion")
    wrong, right = plot.figure.data
    np.testing.assert_allclose(np.diag(np.array(right.z, float)), [0.8, 1.0, 0.5])
    assert np.nansum(np.array(wrong.z, float)) == 0.2 + 0.5
    assert plot.summary == (
        "7 of 30 images are taken for another class. Most often owl is taken for cat: 5 times, 50.0% of its images."
    )


def test_the_worst_class_comes_first(tmp_path):
    run = gather_run_data(made(tmp_path / "run").path, "run", None)
    plot = class_accuracy_plot([(RunStyle(run, "blue", "circle"), EVALUATION)])
    assert list(plot.figure.data[0].x) == [0.5, 0.8, 1.0]
    assert [row[0] for row in plot.table.rows] == ["owl", "cat", "dog"]
    assert class_accuracy_plot([]) is None
