"""Predictions over several views are the means of the views' probabilities, and crops are where they should be."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, softmax

from kresnet.evaluation.averaged_predictor import AveragedPredictor
from tests.evaluation.stub_predictors import StubPredictor

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 1), np.uint8)


def halves(images):
    """Logits that tell the left half of an image from the right one."""
    return np.stack([images[:, :, :4].mean((1, 2, 3)), images[:, :, 4:].mean((1, 2, 3))], axis=1) / 20


@pytest.mark.parametrize(
    ("probabilities", "activation", "temperatures"),
    [("softmax", lambda logits: softmax(logits / 2, axis=1), (2.0,)), ("sigmoid", lambda z: expit(z / [1, 3]), (1, 3))],
    ids=["classes", "labels"],
)
def test_flips_are_averaged_as_calibrated_probabilities(probabilities, activation, temperatures):
    stub = StubPredictor(halves, probabilities=probabilities, temperatures=temperatures)
    averaged = AveragedPredictor(stub, "flip")
    expected = (activation(halves(IMAGES)) + activation(halves(IMAGES[:, :, ::-1]))) / 2
    np.testing.assert_allclose(averaged.probabilities(IMAGES), expected, rtol=1e-4)
    assert averaged.temperatures is None
    np.testing.assert_array_equal(stub.seen[1], IMAGES[:, :, ::-1])


def test_values_are_averaged_themselves():
    averaged = AveragedPredictor(StubPredictor(halves, probabilities=None), "flip")
    np.testing.assert_allclose(averaged.outputs(IMAGES), (halves(IMAGES) + halves(IMAGES)[:, ::-1]) / 2, rtol=1e-6)


def test_five_crops_are_the_corners_and_the_centre():
    stub = StubPredictor(halves)
    larger = np.random.default_rng(1).integers(0, 256, (2, 10, 12, 1), np.uint8)
    AveragedPredictor(stub, "five_crop").outputs(larger)
    corners = [larger[:, :8, :8], larger[:, :8, 4:], larger[:, 2:, :8], larger[:, 2:, 4:], larger[:, 1:9, 2:10]]
    for seen, expected in zip(stub.seen, corners, strict=True):
        np.testing.assert_array_equal(seen, expected)


def test_images_without_a_margin_are_enlarged_for_five_crops():
    stub = StubPredictor(halves)
    AveragedPredictor(stub, "five_crop").outputs(np.full((2, 8, 8, 1), 77, np.uint8))
    assert len(stub.seen) == 5
    assert all(seen.shape == (2, 8, 8, 1) and (seen == 77).all() for seen in stub.seen)
