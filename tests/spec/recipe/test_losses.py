"""The kinds of losses and their settings."""

from __future__ import annotations

import pytest

from kresnet.spec.recipe.losses import AsymmetricLoss, FocalLoss, SigmoidLoss, SoftmaxLoss, SquaredError
from tests.spec.refusals import refused


def test_targets_of_mixed_images_are_kept_as_they_are_by_default():
    assert SigmoidLoss(kind="sigmoid").target_threshold is None
    assert SigmoidLoss(kind="sigmoid", target_threshold=0.0).target_threshold == 0.0


def test_defaults_are_those_of_the_papers():
    assert (FocalLoss(kind="focal").gamma, FocalLoss(kind="focal").alpha) == (2.0, None)
    loss = AsymmetricLoss(kind="asymmetric")
    assert (loss.gamma_positive, loss.gamma_negative, loss.margin) == (0.0, 4.0, 0.05)


@pytest.mark.parametrize(
    ("model", "settings", "expected"),
    [
        (SigmoidLoss, {"kind": "sigmoid", "target_threshold": 1.0}, ("out_of_range", "target_threshold")),
        (SoftmaxLoss, {"kind": "softmax", "target_threshold": 0.2}, ("unknown_field", "target_threshold")),
        (SquaredError, {"kind": "softmax"}, ("wrong_value", "kind")),
        (SoftmaxLoss, {"kind": "softmax", "logit_adjustment": 0.0}, ("out_of_range", "logit_adjustment")),
        (FocalLoss, {"kind": "focal", "gamma": -1.0}, ("out_of_range", "gamma")),
        (FocalLoss, {"kind": "focal", "alpha": 1.0}, ("out_of_range", "alpha")),
        (AsymmetricLoss, {"kind": "asymmetric", "margin": 1.0}, ("out_of_range", "margin")),
    ],
)
def test_what_is_refused(model, settings, expected):
    assert refused(model, settings) == expected
