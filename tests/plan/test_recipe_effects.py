"""No key of a recipe is ignored: whatever is changed of one, the resolved recipe changes or the recipe is refused."""

from __future__ import annotations

import ast
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from kresnet.errors import KresnetError
from kresnet.plan import Plan, plan_loaded
from kresnet.plan.resolved_recipe import resolve_recipe
from kresnet.spec.loading import load_spec
from kresnet.spec.recipe import Recipe
from tests.plan.mutations import mutations

EPOCH = 90
BASE: dict[str, Any] = {
    "name": "base",
    "data": {"kind": "folder", "path": "images"},
    "epochs": 10,
    "batch_size": 100,
    "optimizer": {"kind": "sgd", "learning_rate": 0.4},
}
#: Between them they state every kind that a recipe knows, so that each field has its turn.
RECIPES: list[dict[str, Any]] = [
    {"schedule": {"kind": "cosine", "warmup_epochs": 1.0, "warmup_from": 0.1}, "ema": {"start_steps": 5}},
    {"schedule": {"kind": "multi_step", "at_epochs": [4.0, 6.0]}, "early_stopping": {"patience_epochs": 3.0}},
    {"schedule": {"kind": "step", "every_steps": 100}, "checkpoints": {"keep_best": {}, "save_every_steps": 7}},
    {"schedule": {"kind": "polynomial", "warmup_steps": 9}, "loss": {"kind": "sigmoid"}, "label_smoothing": 0.1},
    {"data": {"kind": "folder", "path": "images", "validation": 0.1}, "early_stopping": {"patience_epochs": 3.0}},
    {"data": {"kind": "tfds", "name": "cifar10", "fold": {"fold": 2, "folds": 5}}, "checkpoints": {"keep_best": {}}},
    {"schedule": {"kind": "one_cycle"}, "gradient_clip_norm": 1.0, "bn_check_every_steps": 5},
    {"distill": {"kind": "soft", "teacher": "runs/teacher", "temperature": 2.0}},
    {"distill": {"kind": "hard", "teacher": "runs/teacher"}},
    {"distill": {"kind": "feature", "teacher": "runs/teacher", "stage": 1}},
    {"optimizer": {"kind": "lars", "learning_rate_per": 256}, "gradients_every_steps": 5},
    {"optimizer": {"kind": "lamb"}, "gradient_clip_adaptive": 0.01, "data": {"kind": "tfds", "name": "cifar10"}},
    {"data": {"kind": "table", "path": "a.csv", "labels": "tags", "split": "split", "group": "patient"}, "xla": "off"},
    {"optimizer": {"kind": "adamw"}, "augment": {"crop": {"kind": "resized"}, "mix": {"kind": "mixup_or_cutmix"}}},
    {"optimizer": {"kind": "rmsprop"}, "augment": {"rand_augment": {"kind": "timm"}, "erase": {}, "color_jitter": {}}},
    {"loss": {"kind": "sigmoid", "target_threshold": 0.2}, "augment": {"mix": {"kind": "mixup"}}},
    {"loss": {"kind": "focal"}, "class_weights": "balanced", "metrics": ["macro_f1", "auroc_macro"]},
    {"loss": {"kind": "softmax", "logit_adjustment": 1.0}, "metrics": ["quadratic_kappa"]},
    {"sampling": {"Bag": 0.5}, "metrics": ["auroc_micro", "macro_recall"]},
    {"sampling": "balanced", "metrics": [{"kind": "top_k_accuracy", "k": 4}]},
    {"quantize": {"start_epochs": 2.0}},
    {"class_weights": {"Bag": 0.5}},
]


@pytest.fixture(scope="module")
def plan() -> Plan:
    return plan_loaded(load_spec("quickstart"))


@pytest.mark.parametrize("changes", RECIPES, ids=lambda changes: ", ".join(changes))
def test_no_accepted_field_is_ignored(changes, plan):
    recipe = Recipe.model_validate(BASE | changes)
    base = resolve_recipe(recipe, plan, EPOCH, BASE | changes)
    tried = 0
    for path, document in mutations(recipe):
        try:
            changed = Recipe.model_validate(document)
            if changed.batch_size == "auto":  # which is settled before a recipe is resolved
                continue
            other = resolve_recipe(changed, plan, EPOCH, document)
        except (KresnetError, ValidationError):
            continue
        tried += 1
        same = changed == recipe  # a duration of 0 is none
        assert same or other != base, f"{'.'.join(map(str, path))} is accepted, and changes nothing:\n{document}"
    assert tried > 20


def models(annotation: Any = Recipe) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from models(field.annotation)
    for argument in typing.get_args(annotation):
        yield from models(argument)


def test_every_field_of_every_kind_is_read_by_what_trains():
    """By its attribute, or by the name that the resolved recipe gives it, somewhere outside the models themselves."""
    package = Path(__file__).parents[2] / "kresnet"
    sources = [path for path in package.rglob("*.py") if "spec/recipe" not in path.as_posix()]
    read = set()
    for path in sources:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute):
                read.add(node.attr)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                read.add(node.value)
    durations = {f"{prefix}_{unit}" for prefix in ("warmup", "every", "at", "patience", "start")
                 for unit in ("epochs", "steps", "examples")}  # fmt: skip
    unread = {
        f"{model.__name__}.{field}"
        for model in set(models())
        for field in model.model_fields
        if field not in read and field not in durations
    }
    assert not unread
