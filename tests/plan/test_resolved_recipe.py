"""What a recipe comes to, in steps; and what is refused because it would come to nothing."""

from __future__ import annotations

from typing import Any

import pytest

from kresnet.errors import KresnetError
from kresnet.plan import plan_loaded
from kresnet.plan.resolved_recipe import ResolvedRecipe, WarmUpSteps, resolve_recipe
from kresnet.spec.loading import load_spec
from kresnet.spec.recipe import Recipe

PLAN = plan_loaded(load_spec("quickstart"))
RECIPE: dict[str, Any] = {
    "name": "short",
    "data": {"kind": "embedded"},
    "epochs": 10,
    "batch_size": 100,
    "optimizer": {"kind": "sgd", "learning_rate": 0.4},
}
EPOCH = 90


def resolved(**changes: Any) -> ResolvedRecipe:
    document = {key: value for key, value in (RECIPE | changes).items() if value is not ...}
    return resolve_recipe(Recipe.model_validate(document), PLAN, EPOCH, document)


def refused(**changes: Any) -> tuple[str, str]:
    with pytest.raises(KresnetError) as caught:
        resolved(**changes)
    (problem,) = caught.value.problems
    return problem.code, problem.path


@pytest.mark.parametrize(
    ("length", "steps", "epochs"),
    [
        ({}, 900, 10),
        ({"epochs": ..., "steps": 100}, 100, 1.111),
        ({"epochs": ..., "examples": 18_000}, 180, 2),
        ({"epochs": ..., "examples": 7}, 1, 0.011),
    ],
)
def test_a_run_is_as_long_as_its_epochs_steps_or_examples(length, steps, epochs):
    recipe = resolved(**length)
    assert (recipe.total_steps, recipe.epochs) == (steps, epochs)


@pytest.mark.parametrize(
    ("fields", "steps"),
    [
        ({"warmup_epochs": 0.5}, 45),
        ({"warmup_steps": 7}, 7),
        ({"warmup_examples": 1_000}, 10),
        ({"warmup_examples": 1}, 1),
    ],
)
def test_a_warmup_is_as_long_as_its_epochs_steps_or_examples(fields, steps):
    assert resolved(schedule={"kind": "cosine"} | fields).learning_rate.warmup == WarmUpSteps(steps, 0.0, "linear")


@pytest.mark.parametrize("schedule", [{}, {"warmup_epochs": 0}, {"warmup_steps": 0}])
def test_no_warmup_is_none(schedule):
    assert resolved(schedule={"kind": "cosine"} | schedule).learning_rate.warmup is None


@pytest.mark.parametrize(
    ("schedule", "steps"),
    [
        ({"kind": "step", "every_epochs": 3}, (270, 540, 810)),
        ({"kind": "step", "every_steps": 450}, (450,)),
        ({"kind": "multi_step", "at_epochs": [4, 6.5]}, (360, 585)),
        ({"kind": "multi_step", "at_steps": [100]}, (100,)),
        ({"kind": "multi_step", "at_examples": [10_000, 20_000]}, (100, 200)),
    ],
)
def test_the_learning_rate_falls_at_these_steps(schedule, steps):
    assert resolved(schedule=schedule).learning_rate.settings["at_steps"] == steps


@pytest.mark.parametrize(("per", "peak"), [(None, 0.4), (256, 0.15625), (100, 0.4), (50, 0.8)])
def test_the_learning_rate_is_scaled_to_the_batch(per, peak):
    recipe = resolved(optimizer={"kind": "sgd", "learning_rate": 0.4, "learning_rate_per": per})
    assert recipe.learning_rate.peak == pytest.approx(peak)


@pytest.mark.parametrize(
    ("changes", "code", "path"),
    [
        ({"schedule": {"kind": "cosine", "warmup_steps": 901}}, "contradiction", "recipe.schedule.warmup_steps"),
        ({"schedule": {"kind": "multi_step", "at_epochs": [5, 10]}}, "no_effect", "recipe.schedule.at_epochs"),
        ({"schedule": {"kind": "step", "every_epochs": 10}}, "no_effect", "recipe.schedule.every_epochs"),
        ({"schedule": {"kind": "cosine", "warmup_from": 0.1}}, "no_effect", "recipe.schedule.warmup_from"),
        (
            {"schedule": {"kind": "cosine", "warmup_shape": "constant", "warmup_from": 0.1}},
            "no_effect",
            "recipe.schedule.warmup_shape",
        ),
        (
            {"optimizer": {"kind": "sgd", "momentum": 0.0, "nesterov": True}},
            "no_effect",
            "recipe.optimizer.nesterov",
        ),
    ],
)
def test_what_would_change_nothing_is_refused(changes, code, path):
    assert refused(**changes) == (code, path)
