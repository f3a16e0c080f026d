"""When a run is saved, and which of two epochs is the better one."""

from __future__ import annotations

import pytest

from kresnet.spec.recipe.checkpoints import Best, Checkpoints
from tests.spec.refusals import refused


@pytest.mark.parametrize(
    ("metric", "better"),
    [("accuracy", 0.9), ("top_5_accuracy", 0.9), ("exact_match", 0.9), ("loss", 0.1), ("absolute_error", 0.1)],
)
def test_errors_are_the_better_the_smaller_and_accuracies_the_larger(metric, better):
    best = Best(metric=metric)
    assert best.is_better(better, 0.5)
    assert not best.is_better(0.5, better)
    assert not best.is_better(0.5, 0.5), "of two alike the earlier stays"


def test_two_checkpoints_stay_and_no_best_network_by_default():
    assert Checkpoints().document() == {
        "save_every_steps": None, "save_every_minutes": None, "keep_last": 2, "keep_best": None,
    }  # fmt: skip
    assert Checkpoints(keep_best={}).keep_best == Best(metric="accuracy")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"keep_last": 0}, ("out_of_range", "keep_last")),
        ({"save_every_steps": 0}, ("out_of_range", "save_every_steps")),
        ({"save_every_minutes": 0.0}, ("out_of_range", "save_every_minutes")),
        ({"keep_best": {"metric": "top_1"}}, ("wrong_value", "keep_best.metric")),
    ],
)
def test_what_is_refused(settings, expected):
    assert refused(Checkpoints, settings) == expected
