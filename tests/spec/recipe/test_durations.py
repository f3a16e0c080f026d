"""Durations in steps, and the rule that each is stated in one unit."""

from __future__ import annotations

import pytest

from kresnet.spec.recipe.averaging import Ema
from kresnet.spec.recipe.durations import duration_in_steps, require_one_unit, stated_duration
from kresnet.spec.recipe.stopping import EarlyStopping
from tests.spec.refusals import refusal_of


@pytest.mark.parametrize(
    ("unit", "value", "steps"),
    [
        ("epochs", 3.0, 270),
        ("epochs", 0.5, 45),
        ("epochs", 0.001, 1),
        ("steps", 17, 17),
        ("examples", 1_280, 10),
        ("examples", 1, 1),
        ("examples", 1_400, 11),
    ],
)
def test_a_duration_in_steps(unit, value, steps):
    """An epoch of 90 steps, 128 images each; to the nearest step, at least one."""
    assert duration_in_steps(unit, value, epoch_steps=90, batch_size=128) == steps


def test_the_stated_unit():
    assert stated_duration(Ema(start_examples=7), "start_") == ("examples", 7)
    assert stated_duration(Ema(), "start_") is None


def test_a_duration_in_two_units_says_which_to_keep():
    problem = refusal_of(EarlyStopping, {"patience_epochs": 2.0, "patience_examples": 500})
    assert (problem.code, problem.path) == ("contradiction", "patience_examples")
    assert problem.remedy == "keep one, and set the other to null: patience_epochs: null"


def test_a_missing_duration_is_an_error_unless_it_is_optional():
    require_one_unit(Ema(), "start_", optional=True)
    with pytest.raises(ValueError, match="state `start_epochs`, `start_steps` or `start_examples`"):
        require_one_unit(Ema(), "start_")


@pytest.mark.parametrize(("field", "value"), [("start_epochs", -1.0), ("start_epochs", 1e6), ("start_steps", 10**16)])
def test_durations_have_bounds(field, value):
    assert refusal_of(Ema, {field: value}).code == "out_of_range"
