"""Learning rates over time: defaults, durations in one unit, and moments that rise."""

from __future__ import annotations

import pytest

from kresnet.spec.recipe.schedules import Constant, Cosine, MultiStep, OneCycle, Polynomial, Step
from tests.spec.refusals import refused


def test_the_defaults():
    assert (Cosine(kind="cosine").final_fraction, Cosine(kind="cosine").warmup_epochs) == (0.0, None)
    assert Polynomial(kind="polynomial").power == 1.0
    assert Step(kind="step", every_epochs=30.0).factor == MultiStep(kind="multi_step", at_steps=(1,)).factor == 0.1
    cycle = OneCycle(kind="one_cycle")
    assert (cycle.rise_fraction, cycle.initial_fraction, cycle.final_fraction) == (0.3, 1 / 25, 1 / 25 / 1e4)


def test_every_schedule_but_one_cycle_warms_up():
    for schedule in (Constant, Step, MultiStep, Cosine, Polynomial):
        assert {"warmup_epochs", "warmup_from", "warmup_shape"} <= set(schedule.model_fields)
    assert "warmup_epochs" not in OneCycle.model_fields


@pytest.mark.parametrize(
    ("model", "settings", "expected"),
    [
        (Constant, {"kind": "constant", "warmup_steps": 5, "warmup_epochs": 1.0}, ("contradiction", "warmup_steps")),
        (Constant, {"kind": "constant", "warmup_steps": 5, "warmup_shape": "constant"},
         ("contradiction", "warmup_from")),
        (Step, {"kind": "step"}, ("contradiction", "every_epochs")),
        (Step, {"kind": "step", "every_steps": 3, "factor": 1.0}, ("out_of_range", "factor")),
        (MultiStep, {"kind": "multi_step", "at_steps": [3, 3]}, ("contradiction", "at_steps")),
        (MultiStep, {"kind": "multi_step", "at_epochs": [6.0, 3.0]}, ("contradiction", "at_epochs")),
        (MultiStep, {"kind": "multi_step", "at_epochs": []}, ("out_of_range", "at_epochs")),
        (Cosine, {"kind": "cosine", "final_fraction": 1.0}, ("out_of_range", "final_fraction")),
        (Polynomial, {"kind": "polynomial", "power": 0.0}, ("out_of_range", "power")),
        (OneCycle, {"kind": "one_cycle", "rise_fraction": 0.0}, ("out_of_range", "rise_fraction")),
    ],
)  # fmt: skip
def test_what_is_refused(model, settings, expected):
    assert refused(model, settings) == expected
