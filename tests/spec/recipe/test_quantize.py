"""Training for integers: its start, and what it does not go with."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from kresnet.spec.recipe import Recipe

BASE: dict[str, Any] = {
    "name": "short", "data": {"kind": "embedded"}, "epochs": 4, "batch_size": 8,
    "optimizer": {"kind": "sgd", "learning_rate": 0.1},
}  # fmt: skip


@pytest.mark.parametrize("start", [{}, {"start_epochs": 2.0}, {"start_steps": 5}, {"bits": 8, "start_examples": 64}])
def test_the_start_is_a_duration(start: dict[str, Any]) -> None:
    assert Recipe.model_validate(BASE | {"quantize": start}).quantize is not None


@pytest.mark.parametrize(
    "settings",
    [
        {"quantize": {"start_epochs": 1.0, "start_steps": 3}},
        {"quantize": {"bits": 4}},
        {"quantize": {}, "precision": "bfloat16"},
        {"quantize": {}, "rematerialize": [1]},
        {"quantize": {}, "xla": "on"},
        {"quantize": {}, "gradients_every_steps": 5},
        {"quantize": {}, "bn_check_every_steps": 5},
    ],
)
def test_what_does_not_go_together_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Recipe.model_validate(BASE | settings)
