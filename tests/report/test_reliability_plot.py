"""The reliability diagram shows the bins of the evaluation, and by what the network is calibrated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kresnet.evaluation.evaluation import Evaluation
from kresnet.evaluation.reliability import ReliabilityBin
from kresnet.report.reliability_plot import reliability_plot
from kresnet.runs.calibration import Calibration

BINS = (ReliabilityBin(0.4, 0.6, 10, 0.5, 0.7), ReliabilityBin(0.8, 1.0, 30, 0.9, 0.8))
METRICS = {"calibration_error": 0.125, "adaptive_calibration_error": 0.1, "negative_log_likelihood": 0.5}
EVALUATION = Evaluation("classes", "model.keras", 40, 1.0, METRICS, ("cat", "dog"), np.eye(2), (), BINS)


def test_the_bins_are_drawn_and_told():
    plot = reliability_plot(EVALUATION, "reliability")
    _, counts, accuracy = plot.figure.data
    assert (list(accuracy.x), list(accuracy.y)) == ([0.5, 0.9], [0.7, 0.8])
    assert list(counts.y) == [0.25, 0.75]
    assert plot.table.rows[1] == ("0.80 to 1.00", "30", "0.9000", "0.8000")
    assert plot.summary.startswith("Not calibrated: calibration error 0.1250, adaptive calibration error 0.1000")


def test_a_calibration_is_named():
    calibration = Calibration((1.25,), "", "pictures", "validation", 500, {}, {})
    plot = reliability_plot(replace(EVALUATION, calibration=calibration), "reliability")
    assert plot.summary.startswith("Calibrated by the temperature 1.25, fitted to 500 validation images")


def test_values_have_none():
    assert reliability_plot(replace(EVALUATION, reliability=()), "reliability") is None
