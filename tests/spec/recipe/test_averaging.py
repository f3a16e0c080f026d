"""The running average of the weights starts at once, or at one stated moment."""

from __future__ import annotations

import pytest

from kresnet.spec.recipe.averaging import Ema
from tests.spec.refusals import refused


def test_the_average_starts_at_once_and_warms_up():
    assert Ema().document() == {
        "decay": 0.9999, "warmup": True, "start_epochs": None, "start_steps": None, "start_examples": None,
    }  # fmt: skip
    assert Ema(start_steps=0).start_steps is None, "to start after no step is to start at once"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"decay": 1.0}, ("out_of_range", "decay")),
        ({"decay": 0.0}, ("out_of_range", "decay")),
        ({"start_epochs": 1.0, "start_steps": 5}, ("contradiction", "start_steps")),
        ({"start_steps": 1.5}, ("wrong_type", "start_steps")),
    ],
)
def test_what_is_refused(settings, expected):
    assert refused(Ema, settings) == expected
