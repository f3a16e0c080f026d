"""What a run is chosen by: nothing may be chosen by the images that are then reported."""

from __future__ import annotations

from collections.abc import Iterator

from kresnet.errors import Problem
from kresnet.spec.recipe import Recipe


def selection_problems(recipe: Recipe) -> Iterator[Problem]:
    """Yield a problem for each setting that chooses an epoch, of a recipe without images to validate on."""
    if recipe.data.validation is not None or recipe.data.fold is not None:
        return
    choices = (
        ("early_stopping", recipe.early_stopping, "`early_stopping` ends a run"),
        ("checkpoints.keep_best", recipe.checkpoints.keep_best, "`keep_best` keeps an epoch's network"),
    )
    for path, stated, words in choices:
        if stated is not None:
            yield Problem(
                "contradiction",
                f"{words} by the test images, and what is then measured on them is too good.",
                path=f"recipe.{path}",
                expected="images to validate on",
                remedy="--set recipe.data.validation=0.1",
            )


def added_selection_problems(recipe: Recipe, begun: Recipe) -> list[Problem]:
    """Return the problems of a run's recipe that were none of those that the run was begun with.

    Args:
        recipe: what the run's directory says now.
        begun: the recipe that it was begun with; earlier versions began runs that choose by test images.
    """
    before = {problem.path for problem in selection_problems(begun)}
    return [problem for problem in selection_problems(recipe) if problem.path not in before]


__all__ = ["added_selection_problems", "selection_problems"]
