"""Every kind of state that a recipe can ask for comes back: recipe by recipe, whole and interrupted."""

import pytest

from kresnet.runs.run_directory import RunDirectory
from kresnet.spec.architecture import Spec
from kresnet.spec.recipe import Recipe
from tests.training.interrupted_runs import assert_same_run, train_interrupted, train_uninterrupted

SPEC = Spec.model_validate(
    {
        "name": "tiny",
        "input": {"shape": [28, 28, 1], "pixels": {}},
        "stem": {"kind": "conv", "width": 4, "kernel": 3, "stride": 4},
        "block": {"kind": "basic", "dropout": 0.1},
        "stages": [{"blocks": 2, "width": 4, "stride": 2}],
        "stochastic_depth": 0.1,
        "head": {"classes": 10},
    }
)
STEPS = 18

RECIPES = {
    "one cycle, average, mixup, early stopping": {
        "optimizer": {"kind": "sgd", "learning_rate": 0.1, "nesterov": True},
        "schedule": {"kind": "one_cycle"},
        "ema": {"decay": 0.9},
        "early_stopping": {"metric": "loss", "patience_steps": 10},
        "augment": {"crop": {"kind": "resized"}, "flip": True, "mix": {"kind": "mixup"}},
    },
    "adamw, warm-up, cosine, erasing, clipping, rates by layer": {
        "optimizer": {"kind": "adamw"},
        "layer_decay": 0.7,
        "schedule": {"kind": "cosine", "warmup_epochs": 0.3},
        "gradient_clip_norm": 0.5,
        "label_smoothing": 0.1,
        "augment": {"crop_padding": 2, "erase": {}},
    },
    "lamb, polynomial, cutmix, accumulated, rematerialised": {
        "optimizer": {"kind": "lamb"},
        "schedule": {"kind": "polynomial", "power": 2.0},
        "accumulate_steps": 2,
        "rematerialize": [1],
        "augment": {"mix": {"kind": "cutmix"}},
    },
    "lars, multi-step, float16 with a loss scale": {
        "optimizer": {"kind": "lars"},
        "schedule": {"kind": "multi_step", "at_steps": [7, 13]},
        "precision": "float16",
    },
    "balanced sampling, focal loss, metrics of all outputs": {
        "optimizer": {"kind": "sgd", "learning_rate": 0.1},
        "sampling": "balanced",
        "loss": {"kind": "focal"},
        "metrics": ["auroc_macro", "quadratic_kappa"],
        "augment": {"crop_padding": 2, "flip": True},
    },
    "rounded for integers from step 7, average": {
        "optimizer": {"kind": "sgd", "learning_rate": 0.1},
        "ema": {"decay": 0.9},
        "quantize": {"start_steps": 7},
        "augment": {"flip": True},
    },
    "class weights, cutmix, accumulated": {
        "optimizer": {"kind": "sgd", "learning_rate": 0.1},
        "class_weights": {"Bag": 3.0, "Coat": 0.5},
        "accumulate_steps": 2,
        "label_smoothing": 0.1,
        "augment": {"mix": {"kind": "cutmix"}},
    },
    "rmsprop, step, adaptive clipping, probed": {
        "optimizer": {"kind": "rmsprop"},
        "schedule": {"kind": "step", "every_steps": 5},
        "gradient_clip_adaptive": 0.02,
        "gradients_every_steps": 4,
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("settings", RECIPES.values(), ids=RECIPES)
def test_an_interrupted_run_ends_with_the_bits_of_an_uninterrupted_one(settings, tmp_path):
    recipe = Recipe.model_validate(
        {
            "name": "short",
            "data": {"kind": "embedded", "validation": 0.1 if "early_stopping" in settings else None},
            "epochs": 1,
            "batch_size": 450 if "early_stopping" in settings else 500,
            "deterministic": True,
            "checkpoints": {"save_every_steps": 5},
        }
        | settings
    )
    whole, many = RunDirectory(tmp_path / "whole"), RunDirectory(tmp_path / "many")
    train_uninterrupted(whole, SPEC, recipe)
    assert train_interrupted(many, SPEC, recipe, STEPS) == 5  # saved after 5, 10, 15 and 18 steps
    assert_same_run(whole, many)
