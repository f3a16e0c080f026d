"""`distill`: its kinds, and what goes with none of them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from kresnet.spec.recipe import Recipe
from kresnet.spec.recipe.distill import FeatureTargets, SoftTargets

BASE = {"name": "r", "data": {"kind": "embedded"}, "epochs": 1, "batch_size": 8, "optimizer": {"kind": "sgd"}}


def test_soft_targets_are_meant_where_no_kind_is_stated():
    recipe = Recipe.model_validate(BASE | {"distill": {"teacher": "run"}})
    assert recipe.distill == SoftTargets(teacher="run", temperature=4.0, weight=0.9)
    feature = Recipe.model_validate(BASE | {"distill": {"teacher": "run", "kind": "feature"}}).distill
    assert feature == FeatureTargets(kind="feature", teacher="run")


@pytest.mark.parametrize(
    "stated",
    [
        {},
        {"teacher": ""},
        {"teacher": "run", "weight": 0},
        {"teacher": "run", "weight": 1.5},
        {"teacher": "run", "temperature": 0},
        {"teacher": "run", "kind": "hard", "temperature": 2},
        {"teacher": "run", "kind": "feature", "stage": 0},
        {"teacher": "run", "kind": "other"},
    ],
)
def test_what_is_refused(stated):
    with pytest.raises(ValidationError):
        Recipe.model_validate(BASE | {"distill": stated})


def test_a_compared_map_is_not_computed_again():
    with pytest.raises(ValidationError, match="compared"):
        Recipe.model_validate(BASE | {"distill": {"teacher": "run", "kind": "feature"}, "rematerialize": [1]})
