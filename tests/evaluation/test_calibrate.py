"""A calibration says what it was fitted to and what it changes."""

from __future__ import annotations

import numpy as np
import pytest

from kresnet.data.embedded import read_embedded
from kresnet.data.sources.array_source import ArraySource
from kresnet.data.sources.other_data import MeasuredSplit
from kresnet.data.splits import Split
from kresnet.evaluation.calibrate import fit_calibration
from kresnet.evaluation.predictor import KerasPredictor
from kresnet.evaluation.reliability import calibration_metrics
from kresnet.runs.trained_model import trained_model_of_run


def test_a_network_is_fitted_to_the_classes_of_a_split(classifier_run):
    origin = trained_model_of_run(classifier_run)
    images = read_embedded()["test_images"][:200]
    logits = KerasPredictor(origin).outputs(images)
    classes = np.where(np.random.default_rng(0).random(200) < 0.8, logits.argmax(1), 0)
    split = Split("train", ArraySource(images, classes, origin.spec.input), origin.spec.input)
    found = fit_calibration(origin, MeasuredSplit("some", split, "train", ()), classifier_run.resolved.recipe)
    (temperature,) = found.temperatures
    assert temperature != 1
    assert found.weights == origin.provenance["sha256"]
    assert (found.data, found.split, found.images) == ("some", "train", 200)
    assert "trained on these images" in found.notes[0]
    assert found.before == pytest.approx(calibration_metrics(logits, classes), rel=1e-4)
    assert found.after == pytest.approx(calibration_metrics(logits, classes, temperature), rel=1e-4)
    assert found.after["negative_log_likelihood"] < found.before["negative_log_likelihood"]
