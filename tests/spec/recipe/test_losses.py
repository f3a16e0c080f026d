"""The kinds of losses, and the one setting that they have among them."""

from __future__ import annotations

import pytest

from kresnet.spec.recipe.losses import SigmoidLoss, SoftmaxLoss, SquaredError
from tests.spec.refusals import refused


def test_targets_of_mixed_images_are_kept_as_they_are_by_default():
    assert SigmoidLoss(kind="sigmoid").target_threshold is None
    assert SigmoidLoss(kind="sigmoid", target_threshold=0.0).target_threshold == 0.0


@pytest.mark.parametrize(
    ("model", "settings", "expected"),
    [
        (SigmoidLoss, {"kind": "sigmoid", "target_threshold": 1.0}, ("out_of_range", "target_threshold")),
        (SoftmaxLoss, {"kind": "softmax", "target_threshold": 0.2}, ("unknown_field", "target_threshold")),
        (SquaredError, {"kind": "softmax"}, ("wrong_value", "kind")),
    ],
)
def test_what_is_refused(model, settings, expected):
    assert refused(model, settings) == expected
