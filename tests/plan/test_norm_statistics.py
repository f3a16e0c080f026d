"""What batch norms cannot know: the variance of one value, and statistics that had no time to move."""

from __future__ import annotations

import re

import pytest

from kresnet.plan.norm_statistics import norm_problems, unsettled_statistics_note
from kresnet.spec.architecture import Spec
from kresnet.spec.base import merge
from kresnet.spec.recipe import Recipe
from tests.plan.networks import SMALL, plan

RECIPE = {"name": "short", "data": {"kind": "embedded"}, "optimizer": {"kind": "sgd", "learning_rate": 0.1}}
#: A map of 2x2, then of 1x1.
TO_ONE_PIXEL = {"input": {"shape": [2, 2, 3]}}


def recipe(**settings):
    return Recipe.model_validate(RECIPE | {"epochs": 1, "batch_size": 8} | settings)


@pytest.mark.parametrize(
    ("settings", "replicas", "network", "least"),
    [
        ({"batch_size": 1}, 1, TO_ONE_PIXEL, 2),
        ({"batch_size": 4, "accumulate_steps": 4}, 1, TO_ONE_PIXEL, 8),
        ({"batch_size": 2}, 2, TO_ONE_PIXEL, 4),
        ({"batch_size": 4, "accumulate_steps": 2}, 2, TO_ONE_PIXEL, 8),
        ({"batch_size": 2}, 1, TO_ONE_PIXEL, None),
        ({"batch_size": 1}, 1, {}, None),
        ({"batch_size": 2}, 2, TO_ONE_PIXEL | {"norm": {"kind": "batch", "synchronized": True}}, None),
        ({"batch_size": 1}, 1, TO_ONE_PIXEL | {"norm": {"kind": "layer"}}, None),
    ],
)
def test_one_value_a_channel_has_no_variance(settings, replicas, network, least):
    problems = list(norm_problems(plan(**network), recipe(**settings), replicas=replicas))
    if least is None:
        assert not problems
        return
    (problem,) = problems
    assert (problem.code, problem.path) == ("contradiction", "recipe.batch_size")
    assert "`stage2.block1.norm1` and 4 others" in problem.message
    assert f"--set recipe.batch_size={least}," in problem.remedy
    mended = recipe(**settings | {"batch_size": least})
    assert not list(norm_problems(plan(**network), mended, replicas=replicas))


def test_a_frozen_norm_takes_its_moving_statistics():
    network = plan(**TO_ONE_PIXEL)
    frozen = {record.name for record in network.records if record.name.startswith("stage2")}
    assert not list(norm_problems(network, recipe(batch_size=1), frozen=frozen))


def note(settings, epoch_steps, total_steps, **network):
    spec = Spec.model_validate(merge(SMALL | {"input": {"shape": [16, 16, 3], "pixels": {}}}, network))
    return unsettled_statistics_note(spec, plan(**network), recipe(**settings), epoch_steps, total_steps)


def test_statistics_that_cannot_settle_are_told_with_what_settles_them():
    text = note({"epochs": 4}, 3, 12)
    assert "0.9^12 = 0.28 of their start" in text
    assert "29 updates would leave 5% of it" in text
    epochs = int(re.search(r"--set recipe.epochs=(\d+)", text).group(1))
    assert note({"epochs": epochs}, 3, 3 * epochs) is None
    assert note({"epochs": epochs - 1}, 3, 3 * (epochs - 1)) is not None
    momentum = float(re.search(r"--set 'norm=\{kind: batch, momentum: ([\d.]+)\}'", text).group(1))
    assert note({"epochs": 4}, 3, 12, norm={"kind": "batch", "momentum": momentum}) is None


def test_durations_are_told_in_the_recipes_unit():
    assert "recipe.steps=29;" in note({"epochs": None, "steps": 12}, 3, 12)
    assert "recipe.examples=232;" in note({"epochs": None, "examples": 96}, 3, 12)
    assert note({"epochs": 4, "accumulate_steps": 4}, 3, 12) is None  # four updates of the statistics a step


def test_networks_without_batch_norm_have_nothing_to_settle():
    assert note({}, 1, 1, norm={"kind": "layer"}) is None
    own = [{"blocks": 1, "width": 8, "block": {"norm": {"kind": "batch", "momentum": 0.99}}}]
    assert "0.99^12" in note({}, 3, 12, stages=own)
    assert "norm=" not in note({}, 3, 12, stages=own)
