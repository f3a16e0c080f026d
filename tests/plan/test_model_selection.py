"""Nothing is chosen by test images."""

from __future__ import annotations

import pytest

from kresnet.plan.model_selection import added_selection_problems, selection_problems
from kresnet.spec.recipe import Recipe

RECIPE = {
    "name": "short",
    "data": {"kind": "embedded"},
    "epochs": 9,
    "batch_size": 10,
    "optimizer": {"kind": "sgd"},
    "early_stopping": {"patience_epochs": 2.0},
    "checkpoints": {"keep_best": {}},
}


def test_what_chooses_wants_images_to_validate_on():
    problems = list(selection_problems(Recipe.model_validate(RECIPE)))
    assert [problem.path for problem in problems] == ["recipe.early_stopping", "recipe.checkpoints.keep_best"]
    assert {problem.code for problem in problems} == {"contradiction"}
    assert {problem.remedy for problem in problems} == {"--set recipe.data.validation=0.1"}


@pytest.mark.parametrize("data", [{"validation": 0.1}, {"fold": {"fold": 1, "folds": 2}}])
def test_with_them_it_may(data):
    recipe = Recipe.model_validate(RECIPE | {"data": {"kind": "embedded"} | data})
    assert list(selection_problems(recipe)) == []


def test_a_recipe_that_chooses_nothing_is_tested_epoch_by_epoch():
    recipe = Recipe.model_validate(RECIPE | {"early_stopping": None, "checkpoints": {}})
    assert list(selection_problems(recipe)) == []


def test_what_a_run_was_begun_with_it_keeps_and_nothing_is_added():
    chooses, bare = Recipe.model_validate(RECIPE), Recipe.model_validate(RECIPE | {"checkpoints": {}})
    assert added_selection_problems(chooses, chooses) == []
    assert [problem.path for problem in added_selection_problems(chooses, bare)] == ["recipe.checkpoints.keep_best"]
