"""When a run ends early: a metric, a patience in one unit, and how much better is better."""

from __future__ import annotations

import pytest

from kresnet.spec.recipe.stopping import EarlyStopping
from tests.spec.refusals import refused


def test_the_loss_is_watched_and_any_improvement_counts():
    stopping = EarlyStopping(patience_epochs=3.0)
    assert (stopping.metric.name, stopping.min_delta) == ("loss", 0.0)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, ("contradiction", "patience_epochs")),
        ({"patience_epochs": 0.0}, ("contradiction", "patience_epochs")),
        ({"patience_epochs": 3.0, "patience_steps": 7}, ("contradiction", "patience_steps")),
        ({"patience_steps": 7, "min_delta": -0.1}, ("out_of_range", "min_delta")),
        ({"patience_steps": 7, "metric": "error"}, ("wrong_value", "metric")),
    ],
)
def test_what_is_refused(settings, expected):
    assert refused(EarlyStopping, settings) == expected
