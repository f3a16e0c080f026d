"""What may be done about a step that is not finite, and how often."""

from __future__ import annotations

import pytest

from kresnet.spec.recipe.non_finite import Rollback, Skip, Stop
from tests.spec.refusals import refused


def test_a_run_does_not_skip_or_go_back_for_ever():
    assert Skip(kind="skip").at_most_in_a_row == 10
    assert (Rollback(kind="rollback").at_most, Rollback(kind="rollback").learning_rate_factor) == (3, 0.1)


@pytest.mark.parametrize(
    ("model", "settings", "expected"),
    [
        (Stop, {"kind": "stop", "at_most": 1}, ("unknown_field", "at_most")),
        (Skip, {"kind": "skip", "at_most_in_a_row": 0}, ("out_of_range", "at_most_in_a_row")),
        (Rollback, {"kind": "rollback", "at_most": 1001}, ("out_of_range", "at_most")),
        (Rollback, {"kind": "rollback", "learning_rate_factor": 1.0}, ("out_of_range", "learning_rate_factor")),
    ],
)
def test_what_is_refused(model, settings, expected):
    assert refused(model, settings) == expected
