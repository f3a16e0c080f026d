"""The loss of a run, from its recipe and from the head of its network; and losses that do not suit a network."""

from __future__ import annotations

from typing import Any

import pytest

from kresnet.plan.objective import Objective, objective_problems, resolve_objective
from kresnet.spec.recipe import Recipe
from tests.plan.networks import plan

CLASSIFIER, LABELS = plan(), plan(head={"multi_label": True})
HEADLESS = plan(head={"kind": "none"})


def recipe(**changes: Any) -> Recipe:
    base = {"name": "short", "data": {"kind": "embedded"}, "epochs": 1, "batch_size": 8, "optimizer": {"kind": "sgd"}}
    return Recipe.model_validate(base | changes)


def problems(network, **changes: Any) -> list[tuple[str, str]]:
    return [(problem.code, problem.path) for problem in objective_problems(network, recipe(**changes))]


def test_without_a_recipe_the_head_suggests_the_loss():
    assert resolve_objective(CLASSIFIER) == Objective("softmax", 10)
    assert resolve_objective(LABELS) == Objective("sigmoid", 10, independent=True)
    assert resolve_objective(HEADLESS) == Objective("squared_error")


def test_a_recipe_may_choose_another_loss_and_smooth_labels():
    wanted = recipe(loss={"kind": "sigmoid", "target_threshold": 0.2}, label_smoothing=0.1)
    assert resolve_objective(CLASSIFIER, wanted) == Objective("sigmoid", 10, False, 0.1, 0.2)
    assert resolve_objective(CLASSIFIER, recipe()) == Objective("softmax", 10)


@pytest.mark.parametrize(
    ("objective", "metrics"),
    [
        (Objective("squared_error"), ("loss", "absolute_error")),
        (Objective("sigmoid", 10, independent=True), ("loss", "accuracy", "exact_match")),
        (Objective("softmax", 5), ("loss", "accuracy")),
        (Objective("softmax", 6), ("loss", "accuracy", "top_5_accuracy")),
    ],
)
def test_the_five_best_of_five_classes_are_no_metric(objective, metrics):
    assert objective.metrics == metrics


@pytest.mark.parametrize(
    ("network", "changes", "expected"),
    [
        (CLASSIFIER, {}, []),
        (CLASSIFIER, {"loss": {"kind": "sigmoid"}}, []),
        (CLASSIFIER, {"loss": {"kind": "squared_error"}}, [("contradiction", "recipe.loss.kind")]),
        (HEADLESS, {"loss": {"kind": "squared_error"}}, []),
        (HEADLESS, {"loss": {"kind": "softmax"}}, [("contradiction", "recipe.loss.kind")]),
        (HEADLESS, {"label_smoothing": 0.1}, [("no_effect", "recipe.label_smoothing")]),
        (LABELS, {"loss": {"kind": "softmax"}}, [("contradiction", "recipe.loss.kind")]),
        (CLASSIFIER, {"loss": {"kind": "sigmoid", "target_threshold": 0.0}},
         [("no_effect", "recipe.loss.target_threshold")]),
        (CLASSIFIER, {"loss": {"kind": "sigmoid", "target_threshold": 0.0}, "augment": {"mix": {"kind": "mixup"}}},
         []),
    ],
)  # fmt: skip
def test_losses_that_do_not_suit_a_network(network, changes, expected):
    assert problems(network, **changes) == expected
