"""An export answers as the model that it was made of, calibrated where it is, and one that does not is found."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from scipy.special import expit, softmax

from kresnet.errors import KresnetError
from kresnet.export.saved_model import ExportOptions, ExportResult, export_model
from kresnet.export.served_predictor import ServedPredictor
from tests.export.networks import CLASS_NAMES, network, spec_of

IMAGES = np.random.default_rng(3).integers(0, 256, (5, 12, 10, 3), np.uint8)


def test_an_export_answers_as_its_model(exported: ExportResult, model: keras.Model) -> None:
    predictor = ServedPredictor(exported.path)
    logits = np.asarray(model(IMAGES.astype(np.float32), training=False))
    np.testing.assert_allclose(predictor.outputs(IMAGES), logits, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(predictor.probabilities(IMAGES), softmax(logits, axis=1), atol=1e-5)
    assert (predictor.class_names, predictor.temperatures) == (CLASS_NAMES, None)
    assert predictor.spec == spec_of()


def test_calibrated_labels_are_served_and_proved(tmp_path) -> None:
    spec = spec_of(head={"classes": 3, "multi_label": True})
    model, temperatures = network(spec), (0.3, 1.0, 4.0)
    result = export_model(model, spec, CLASS_NAMES, tmp_path, ExportOptions(signatures=()), temperatures=temperatures)
    assert result.report.passed
    predictor = ServedPredictor(result.path)
    logits = predictor.outputs(IMAGES)
    np.testing.assert_allclose(logits, np.asarray(model(IMAGES.astype(np.float32))), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(predictor.probabilities(IMAGES), expit(logits / temperatures), atol=1e-5)
    answer = predictor._run(IMAGES)
    np.testing.assert_array_equal(answer["class_id"], (logits / np.float32(temperatures)).argmax(1))
    predictor.temperatures = (1.0, 1.0, 1.0)  # as if the manifest said others than the graph divides by
    with pytest.raises(KresnetError) as caught:
        predictor.outputs(IMAGES)
    assert caught.value.problems[0].code == "export_mismatch"
