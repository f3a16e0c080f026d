"""What an unknown setting may be meant as: names one level up and down, and of the document beside."""

from __future__ import annotations

from functools import partial

import pytest

from kresnet.errors import KresnetError, Problem
from kresnet.spec.architecture import Spec
from kresnet.spec.base import PATTERNS
from kresnet.spec.loading import load_recipe, load_spec
from kresnet.spec.nearest_settings import setting_paths
from kresnet.spec.overrides import split_overrides
from kresnet.spec.recipe import Recipe
from kresnet.spec.schema import json_schema


def problem_of(override: str) -> Problem:
    """What is wrong with an override of the quickstart network or its recipe, as the command line takes it."""
    of_spec, of_recipe = split_overrides([override])
    load = partial(load_recipe, "quickstart", of_recipe) if of_recipe else partial(load_spec, "quickstart", of_spec)
    with pytest.raises(KresnetError) as caught:
        load()
    (problem,) = caught.value.problems
    assert problem.code == "unknown_field"
    assert str(problem.place) == f"--set {override}", "the place is what was typed"
    return problem


@pytest.mark.parametrize(
    ("override", "near"),
    [
        ("recipe.save_every_steps=7", "checkpoints.save_every_steps"),  # one level down
        ("recipe.momentum=0.5", "optimizer.momentum"),
        ("shortcut=none", "block.shortcut"),
        ("width=8", "stem.width or stages.*.width or scaling.width or neck.width"),
        ("input.mean=[1]", "input.pixels.mean"),
        ("recipe.optimizer.epochs=7", "epochs"),  # one level up
        ("stages.0.activation=relu", "stages.*.block.activation"),  # one level down
        ("stem.shortcut=none", "block.shortcut or stages.*.block.shortcut"),  # elsewhere
        ("recipe.save_evry_steps=7", "checkpoints.save_every_steps"),  # misspelt and displaced
        ("recipe.optimizer.weight_decya=7", "weight_decay"),  # misspelt in its place
        ("recipe.epoch=7", "epochs"),
        ("recipe.nothing_like_it=7", ""),
    ],
)
def test_a_name_is_looked_for_where_else_the_document_has_it(override: str, near: str) -> None:
    problem = problem_of(override)
    assert (problem.nearest, problem.remedy) == (near, "")


@pytest.mark.parametrize(
    ("override", "near", "remedy"),
    [
        ("epochs=3", "recipe.epochs", "`epochs` is a setting of recipes: override it as recipe.epochs"),
        ("weight_decay=0", "recipe.optimizer.weight_decay",
         "`weight_decay` is a setting of recipes: override it as recipe.optimizer.weight_decay"),
        ("recipe.stem.width=3", "stem", "`stem` is a setting of specs: override it as stem"),
        ("recipe.convolution=8", "convolution", "`convolution` is a setting of specs: override it as convolution"),
        ("lerning_rate=3", "recipe.optimizer.learning_rate",
         "override settings of recipes so: --set recipe.optimizer.learning_rate=VALUE"),
    ],
)  # fmt: skip
def test_a_setting_of_the_other_document_is_named(override: str, near: str, remedy: str) -> None:
    problem = problem_of(override)
    assert (problem.nearest, problem.remedy) == (near, remedy)


def test_a_document_is_told_as_an_override_is(tmp_path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text("extends: quickstart\nname: r\nsave_every_steps: 7\nhead: {classes: 3}\n")
    with pytest.raises(KresnetError) as caught:
        load_recipe(path)
    nearest = {problem.path: problem.nearest for problem in caught.value.problems}
    assert nearest == {"save_every_steps": "checkpoints.save_every_steps", "head": "head"}


def test_every_suggested_path_is_one_of_the_models() -> None:
    assert ("stages", "*", "block", "shortcut") in setting_paths(Spec)
    assert ("checkpoints", "keep_best", "metric") in setting_paths(Recipe)


@pytest.mark.parametrize("document", ["spec", "recipe", "study"])
def test_every_pattern_is_said_in_words(document: str) -> None:
    assert _patterns(json_schema(document)) <= PATTERNS.keys()


def _patterns(node: object) -> set[str]:
    if isinstance(node, dict):
        own = {node["pattern"]} if isinstance(node.get("pattern"), str) else set()
        return own.union(*map(_patterns, node.values()))
    return set().union(*map(_patterns, node)) if isinstance(node, list) else set()
