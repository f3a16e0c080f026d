"""A predictor answers as the model does, the first batch and later ones, and divides by its temperatures."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import expit, softmax

from kresnet.data.embedded import read_embedded
from kresnet.evaluation.predictor import KerasPredictor, class_probabilities
from kresnet.runs.calibration import Calibration
from kresnet.runs.trained_model import open_trained_model


def test_every_batch_is_answered_alike_and_calibrated(classifier_run):
    origin = open_trained_model(classifier_run.path)
    images = read_embedded()["test_images"][:5]
    plain = KerasPredictor(origin)
    logits = plain.outputs(images)
    np.testing.assert_allclose(plain.outputs(images), logits, rtol=1e-5)
    np.testing.assert_allclose(plain.probabilities(images), softmax(logits, axis=1), rtol=1e-5)
    calibration = Calibration((2.5,), origin.provenance["sha256"], "", "", 1, {}, {})
    mended = KerasPredictor(replace(origin, calibration=calibration), plain.model)
    np.testing.assert_allclose(mended.outputs(images), logits, rtol=1e-5)
    np.testing.assert_allclose(mended.probabilities(images), softmax(logits / 2.5, axis=1), rtol=1e-5)


def test_independent_labels_have_probabilities_and_temperatures_of_their_own():
    logits = np.array([[0.0, 2.0, -1.0]], np.float32)
    plan = SimpleNamespace(probabilities="sigmoid")
    np.testing.assert_allclose(class_probabilities(plan, logits), expit(logits), rtol=1e-6)
    found = class_probabilities(plan, logits, (1.0, 4.0, 0.5))
    assert found[0].tolist() == pytest.approx(expit([0.0, 0.5, -2.0]).tolist())
