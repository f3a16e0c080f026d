"""The loss of a run, from its recipe and from the head of its network; and losses that do not suit a network."""

from __future__ import annotations

from typing import Any

import pytest

from kresnet.plan.objective import Objective, epoch_metrics, objective_problems, resolve_objective
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


def test_settings_of_a_loss_are_those_that_are_stated():
    assert resolve_objective(CLASSIFIER, recipe(loss={"kind": "focal"})).settings == {"gamma": 2.0}
    adjusted = recipe(loss={"kind": "softmax", "logit_adjustment": 1.5})
    assert resolve_objective(CLASSIFIER, adjusted).settings == {"logit_adjustment": 1.5}


def test_metrics_by_epoch_are_those_that_the_recipe_names_beside_the_losss_own():
    wanted = recipe(
        metrics=["auroc_macro", "accuracy"], checkpoints={"keep_best": {"metric": "macro_f1"}},
        early_stopping={"metric": "quadratic_kappa", "patience_epochs": 1.0},
    )  # fmt: skip
    assert [str(each) for each in epoch_metrics(CLASSIFIER, wanted)] == ["macro_f1", "auroc_macro", "quadratic_kappa"]
    assert epoch_metrics(CLASSIFIER, recipe()) == ()


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
        (CLASSIFIER, {"loss": {"kind": "focal"}}, []),
        (LABELS, {"loss": {"kind": "focal", "alpha": 0.25}}, []),
        (LABELS, {"loss": {"kind": "asymmetric"}, "class_weights": "balanced"}, []),
        (CLASSIFIER, {"loss": {"kind": "asymmetric"}}, [("contradiction", "recipe.loss.kind")]),
        (CLASSIFIER, {"loss": {"kind": "focal", "alpha": 0.25}}, [("no_effect", "recipe.loss.alpha")]),
        (HEADLESS, {"loss": {"kind": "focal"}}, [("contradiction", "recipe.loss.kind")]),
        (CLASSIFIER, {"loss": {"kind": "focal"}, "augment": {"mix": {"kind": "mixup"}}, "label_smoothing": 0.1},
         [("contradiction", "recipe.augment.mix"), ("contradiction", "recipe.label_smoothing")]),
        (HEADLESS, {"class_weights": "balanced", "sampling": "balanced"},
         [("contradiction", "recipe.class_weights"), ("contradiction", "recipe.sampling")]),
        (LABELS, {"sampling": "balanced"}, [("contradiction", "recipe.sampling")]),
        (CLASSIFIER, {"class_weights": "balanced", "augment": {"mix": {"kind": "cutmix"}}, "label_smoothing": 0.1}, []),
        (CLASSIFIER, {"class_weights": "balanced", "augment": {"mix": {"kind": "cutmix"}},
                      "loss": {"kind": "sigmoid", "target_threshold": 0.2}},
         [("contradiction", "recipe.class_weights")]),
        (CLASSIFIER, {"class_weights": "balanced", "sampling": "balanced"}, [("contradiction", "recipe.sampling")]),
        (CLASSIFIER, {"sampling": "balanced", "loss": {"kind": "softmax", "logit_adjustment": 1.0}},
         [("contradiction", "recipe.loss.logit_adjustment")]),
    ],
)  # fmt: skip
def test_losses_that_do_not_suit_a_network(network, changes, expected):
    assert problems(network, **changes) == expected
