"""What is compared: updates relative to their size, losses, and every bit."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from kresnet.diagnostics.device_check.small_training import (
    TrainingOutcome,
    begin_training,
    differing_variables,
    judge_outcomes,
    loss_difference,
    update_difference,
)

ZERO = {"weights": np.zeros(4, np.float32), "seed": np.zeros(2, np.int64)}
ONE = TrainingOutcome((1.0, 2.0), ZERO, {**ZERO, "weights": np.float32([3, 0, 4, 0])}, ZERO)


def test_an_update_is_compared_relative_to_its_norm():
    other = replace(ONE, second={**ZERO, "weights": np.float32([3, 0, 4, 0.05])})
    assert update_difference(ONE, other) == pytest.approx(0.01)
    assert update_difference(ONE, replace(ONE, first={**ZERO, "weights": np.ones(4, np.float32)})) == math.inf


@pytest.mark.parametrize(("losses", "passes"), [((1.0, 2.0), True), ((1.0, 2.2), False), ((1.0, math.nan), False)])
def test_losses_are_compared_one_by_one_and_none_may_be_nan(losses, passes):
    other = replace(ONE, losses=losses)
    result = judge_outcomes("name", ONE, other, 0.01, "remedy")
    assert (result.verdict == "passed") is passes
    assert (result.remedy == "remedy") is not passes
    if not math.isnan(losses[1]):
        assert loss_difference(ONE, other) == pytest.approx(losses[1] / 2 - 1)


def test_bits_are_compared_not_values():
    assert differing_variables(ZERO, {**ZERO, "weights": np.float32([0, -0.0, 0, 0])}) == ["weights"]


def test_training_is_that_of_fit_on_the_images_that_ship(monkeypatch):
    training = begin_training(3)
    outcome = training.finish(3)
    assert training.run.steps.epoch_steps > 3
    assert update_difference(outcome, outcome) == 0
    assert outcome.losses[2] < outcome.losses[0] < 4
