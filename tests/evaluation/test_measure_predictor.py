"""What is measured is what scikit-learn makes of a predictor's answers; images are corrupted by their place."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score

from kresnet.data.corruptions import corrupt
from kresnet.data.sources.array_source import ArraySource
from kresnet.data.splits import Split
from kresnet.evaluation.measure_predictor import measure_corruptions, measure_predictor, measurement_as_dict
from kresnet.evaluation.reliability import calibration_error
from kresnet.plan.objective import Objective
from kresnet.spec.inputs import Input
from tests.evaluation.stub_predictors import StubPredictor

RNG = np.random.default_rng(2)
INPUT = Input(shape=(8, 8, 1))
IMAGES = RNG.integers(0, 256, (25, 8, 8, 1), np.uint8) // 3 + RNG.integers(0, 150, (25, 1, 1, 1)).astype(np.uint8)
CLASSES = (IMAGES.mean((1, 2, 3)) + RNG.normal(0, 30, 25) > 110).astype(np.int64)
OBJECTIVE = Objective("softmax", 2)


def brightness(images):
    light = (images.mean((1, 2, 3)) - 110) / 10
    return np.stack([np.zeros_like(light), light], axis=1)


@pytest.fixture
def split():
    return Split("test", ArraySource(IMAGES, CLASSES, INPUT), INPUT)


@pytest.mark.parametrize("temperatures", [None, (4.0,)])
def test_metrics_are_those_of_all_answers_calibrated_where_they_judge_probabilities(split, temperatures):
    predictor = StubPredictor(brightness, temperatures=temperatures)
    result = measurement_as_dict(predictor, OBJECTIVE, measure_predictor(predictor, OBJECTIVE, split, 10))
    logits = brightness(IMAGES.astype(float))
    probabilities = softmax(logits / (temperatures or (1.0,))[0], axis=1)
    assert result["accuracy"] == pytest.approx(accuracy_score(CLASSES, logits.argmax(1)))
    assert result["loss"] == pytest.approx(log_loss(CLASSES, softmax(logits, axis=1)), rel=1e-4)
    assert result["negative_log_likelihood"] == pytest.approx(log_loss(CLASSES, probabilities), rel=1e-4)
    assert result["auroc_macro"] == pytest.approx(roc_auc_score(CLASSES, logits[:, 1]))
    assert result["calibration_error"] == pytest.approx(calibration_error(probabilities, CLASSES), rel=1e-4)
    assert result["temperatures"] == (list(temperatures) if temperatures else None)
    assert sum(each["count"] for each in result["reliability"]) == result["images"] == 25
    assert sum(map(sum, result["tally"])) == 25


def test_an_answer_that_is_no_number_has_no_calibration(split):
    predictor = StubPredictor(lambda images: np.full((len(images), 2), np.nan))
    result = measurement_as_dict(predictor, OBJECTIVE, measure_predictor(predictor, OBJECTIVE, split, 10))
    assert np.isnan(result["calibration_error"])
    assert result["reliability"] == []


def test_values_are_measured_without_probabilities():
    targets = RNG.normal(size=(25, 3)).astype(np.float32)
    split = Split("test", ArraySource(IMAGES, targets, INPUT), INPUT, resident_bytes=0)
    predictor = StubPredictor(lambda images: np.zeros((len(images), 3)), probabilities=None, names=())
    objective = Objective("squared_error")
    result = measurement_as_dict(predictor, objective, measure_predictor(predictor, objective, split, 10))
    assert result["absolute_error"] == pytest.approx(np.abs(targets).mean(), rel=1e-5)
    assert "calibration_error" not in result


def test_each_kind_and_severity_is_measured_on_its_own_images(split):
    predictor, told = StubPredictor(brightness), []
    chosen = {"gaussian_noise": (2, 5), "brightness": (3,)}
    found = measure_corruptions(predictor, OBJECTIVE, split, 10, chosen, told.append)
    errors = {}
    for kind, severities in chosen.items():
        for severity in severities:
            images = np.stack([corrupt(image, kind, severity, place) for place, image in enumerate(IMAGES)])
            errors[kind, severity] = 1 - accuracy_score(CLASSES, brightness(images.astype(float)).argmax(1))
    noise = [errors["gaussian_noise", severity] for severity in (2, 5)]
    assert found["kinds"]["gaussian_noise"]["errors"] == {"2": pytest.approx(noise[0]), "5": pytest.approx(noise[1])}
    assert found["kinds"]["gaussian_noise"]["mean"] == found["families"]["noise"] == pytest.approx(np.mean(noise))
    assert found["families"]["weather"] == pytest.approx(errors["brightness", 3])
    assert found["mean"] == pytest.approx((np.mean(noise) + errors["brightness", 3]) / 2)
    assert (found["metric"], found["strengths"], len(told)) == ("1 - accuracy", "CIFAR-C", 2)
    assert errors["brightness", 3] > 1 - accuracy_score(CLASSES, brightness(IMAGES.astype(float)).argmax(1))
