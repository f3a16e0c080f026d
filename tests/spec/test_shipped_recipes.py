"""The shipped recipes say what their papers say, number by number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kresnet.errors import KresnetError
from kresnet.plan import Plan, make_plan
from kresnet.plan.resolved_recipe import ResolvedRecipe, resolve_recipe
from kresnet.spec import library
from kresnet.spec.loading import load_recipe, load_spec

#: Training images of the data sets (10 classes of 5,000; ILSVRC 2012).
IMAGES = {"cifar10": 50_000, "imagenet2012": 1_281_167, "fashion_mnist": 60_000, "embedded": 9_000}
RECIPES = sorted(path.stem for path in library.shipped_directory("recipes").glob("*.yaml"))
#: Of no paper.
OWN = {"quickstart", "quick_study", "fashion_mnist", "cifar_fast", "search_fashion"}
SPECS = sorted(path.stem for path in library.shipped_directory("specs").glob("*.yaml"))


def resolved(name: str, plan: Plan, *overrides: str) -> ResolvedRecipe:
    recipe = load_recipe(name, overrides)
    images = IMAGES[getattr(recipe.value.data, "name", recipe.value.data.kind).split(":")[0]]
    return resolve_recipe(recipe.value, plan, images // recipe.value.batch_size, recipe.source.values)


def plan_of(name: str) -> Plan:
    loaded = load_spec(name)
    return make_plan(loaded.value, loaded.source.values)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return plan_of("resnet50")


@pytest.mark.parametrize("name", RECIPES)
def test_a_shipped_recipe_has_no_setting_without_effect(name, plan):
    assert resolved(name, plan).about["name"] == name


@pytest.mark.parametrize("name", RECIPES)
def test_a_shipped_recipe_names_its_source_unless_it_is_kresnets_own(name):
    assert name in OWN or "arXiv:" in load_recipe(name).value.source


@pytest.mark.parametrize("name", SPECS)
def test_the_recipe_that_a_spec_names_suits_it(name):
    spec = load_spec(name).value
    if spec.recipe is None:
        assert spec.head.kind != "classifier" or spec.input.shape[0] not in (32, 224)
        return
    recipe = load_recipe(spec.recipe).value
    classes = {"cifar10": 10, "imagenet2012": 1000}.get(getattr(recipe.data, "name", ""), 10)
    assert spec.head.classes == classes
    assert resolved(spec.recipe, plan_of(name)).total_steps


SGD = {"kind": "sgd", "momentum": 0.9, "nesterov": False, "weight_decay": 1e-4}
CIFAR = {"crop_padding": 4, "flip": True}
#: Shares of the learning rate, and what stands in the paper, read off it once and written here by hand.
PAPERS: dict[str, dict[str, Any]] = {
    # "weight decay of 0.0001 and momentum of 0.9 … mini-batch size of 128 … learning rate of 0.1, divide it by 10 at
    # 32k and 48k iterations, and terminate training at 64k iterations … 4 pixels are padded on each side"
    "cifar_he2015": {
        "total_steps": 64_000, "batch_size": 128, "peak": 0.1, "optimizer": SGD, "augment": CIFAR,
        "at": (32_000, 48_000), "factor": 0.1, "warmup": None,
    },
    # "n = 18 … 0.01 to warm up the training until the training error is below 80% (about 400 iterations)"
    "cifar_he2015_110": {
        "total_steps": 64_000, "batch_size": 128, "peak": 0.1, "optimizer": SGD, "augment": CIFAR,
        "at": (32_000, 48_000), "factor": 0.1, "warmup": (400, 0.1, "constant"),
    },
    # "a smaller learning rate of 0.01 at the beginning 400 iterations and go back to 0.1 after that"
    "cifar_he2016_preact": {
        "total_steps": 64_000, "batch_size": 128, "peak": 0.1, "optimizer": SGD, "augment": CIFAR,
        "at": (32_000, 48_000), "factor": 0.1, "warmup": (400, 0.1, "constant"),
    },
    # "SGD with Nesterov momentum … initial learning rate 0.1, weight decay 0.0005, dampening 0, momentum 0.9 and
    # minibatch size 128 … dropped by 0.2 at 60, 120 and 160 epochs and we train for total 200 epochs"
    "wide_resnet": {
        "total_steps": 200 * 390, "batch_size": 128, "peak": 0.1,
        "optimizer": SGD | {"nesterov": True, "weight_decay": 5e-4}, "augment": CIFAR,
        "at": (60 * 390, 120 * 390, 160 * 390), "factor": 0.2, "warmup": None,
    },
    # "mini-batch size of 256 … rate starts from 0.1 … up to 60 × 10^4 iterations … weight decay of 0.0001 and a
    # momentum of 0.9 … shorter side randomly sampled in [256, 480]"; the moments are ours
    "imagenet_he2015": {
        "total_steps": 600_000, "batch_size": 256, "peak": 0.1, "optimizer": SGD,
        "augment": {"crop": {"kind": "rescaled", "shorter_side": [256, 480]}, "flip": True, "lighting_std": 0.1},
        "at": (300_000, 450_000), "factor": 0.1, "warmup": None,
    },
    # "η = 0.1 · kn/256 … weight decay λ of 0.0001 … Nesterov momentum with m of 0.9 … all models are trained for 90
    # epochs … 1/10 reduction at the 30-th, 60-th and 80-th epoch"
    "imagenet_90_epochs": {
        "total_steps": 90 * 5004, "batch_size": 256, "peak": 0.1, "optimizer": SGD | {"nesterov": True},
        "augment": {"crop": {"kind": "resized", "area": [0.08, 1.0], "aspect": [0.75, 4 / 3]}, "flip": True},
        "at": (30 * 5004, 60 * 5004, 80 * 5004), "factor": 0.1, "warmup": None,
    },
    # "kn = 8k … η = 3.2 … start from a learning rate of η and increment it by a constant amount at each iteration such
    # that it reaches kη after 5 epochs"
    "imagenet_90_epochs_8192": {
        "total_steps": 90 * 156, "batch_size": 8192, "peak": 3.2, "optimizer": SGD | {"nesterov": True},
        "augment": {"crop": {"kind": "resized", "area": [0.08, 1.0], "aspect": [0.75, 4 / 3]}, "flip": True},
        "at": (30 * 156, 60 * 156, 80 * 156), "factor": 0.1, "warmup": (5 * 156, 0.1 / 3.2, "linear"),
    },
    # "an initial learning rate of 0.03, and momentum 0.9 … image cropping technique from [53] and random horizontal
    # mirroring … for 90 epochs and decay the learning rate by a factor of 10 at 30, 60 and 80 epochs … global batch
    # size of 4096 … linear learning rate warm-up for 5000 optimization steps and multiply the learning rate by
    # batch_size/256 … weight decay of 0.0001"; section 4.2: "momentum without any modifications"; [53] is Inception
    "imagenet_bit": {
        "total_steps": 90 * 312, "batch_size": 4096, "peak": 0.03 * 16, "optimizer": SGD,
        "augment": {"crop": {"kind": "resized", "area": [0.08, 1.0], "aspect": [0.75, 4 / 3]}, "flip": True},
        "at": (30 * 312, 60 * 312, 80 * 312), "factor": 0.1, "warmup": (5000, 0.0, "linear"),
    },
    # "we set lr = 0.1 and wd = 5 · 10^-5 … adjust lr using the linear scaling rule and apply 5 epoch gradual warmup";
    # pycls, MODEL_ZOO.md: "SGD with momentum of 0.9, a half-period cosine schedule, and train for 100 epochs … computed
    # as (batch-size / 128) * reference-lr … aspect ratio, flipping, PCA", and the defaults of its config.py: NESTEROV
    # True, WARMUP_FACTOR 0.1, PCA_STD 0.1
    "imagenet_regnet": {
        "total_steps": 100 * 1251, "batch_size": 1024, "peak": 0.8,
        "optimizer": SGD | {"nesterov": True, "weight_decay": 5e-5},
        "augment": {
            "crop": {"kind": "resized", "area": [0.08, 1.0], "aspect": [0.75, 4 / 3]}, "flip": True,
            "lighting_std": 0.1,
        },
        "at": None, "factor": None, "warmup": (5 * 1251, 0.1, "linear"),
    },
    # Table 5, "ImageNet-1K": "AdamW … 4e-3 … 0.05 … 4096 … 300 … cosine decay … 20 … linear … (9, 0.5) … 0.8 … 1.0 …
    # 0.25 … 0.1 … 0.9999"; main.py of the authors: min_lr 1e-6, opt_eps 1e-8
    "imagenet_convnext": {
        "total_steps": 300 * 312, "batch_size": 4096, "peak": 4e-3,
        "optimizer": {"kind": "adamw", "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8, "weight_decay": 0.05},
        "augment": {
            "crop": {"kind": "resized", "area": [0.08, 1.0], "aspect": [0.75, 4 / 3]}, "flip": True,
            "rand_augment": {
                "kind": "timm", "operations": 2, "magnitude": 9.0, "magnitude_std": 0.5, "probability": 0.5,
            },
            "erase": {"probability": 0.25, "area": [0.02, 1 / 3], "aspect": [0.3, 10 / 3], "fill": "noise"},
            "mix": {
                "kind": "mixup_or_cutmix", "mixup_alpha": 0.8, "cutmix_alpha": 1.0, "cutmix_probability": 0.5,
                "probability": 1.0,
            },
        },
        "at": None, "factor": None, "warmup": (20 * 312, 0.0, "linear"),
        "objective": ("softmax", 0.1, None), "ema": {"decay": 0.9999, "warmup": False, "start": 0},
    },
    # TRAINING.md of the authors, "Fine-tune from ImageNet-22K pre-training":
    # "--batch_size 32 … --lr 5e-5 --update_freq 2
    # --warmup_epochs 0 --epochs 30 --weight_decay 1e-8 --layer_decay 0.8 … --cutmix 0 --mixup 0", 8 GPUs
    "imagenet_convnext_finetune": {
        "total_steps": 30 * 2502, "batch_size": 512, "peak": 5e-5, "layer_decay": 0.8,
        "optimizer": {"kind": "adamw", "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8, "weight_decay": 1e-8},
        "augment": {
            "crop": {"kind": "resized", "area": [0.08, 1.0], "aspect": [0.75, 4 / 3]}, "flip": True,
            "rand_augment": {
                "kind": "timm", "operations": 2, "magnitude": 9.0, "magnitude_std": 0.5, "probability": 0.5,
            },
            "erase": {"probability": 0.25, "area": [0.02, 1 / 3], "aspect": [0.3, 10 / 3], "fill": "noise"},
        },
        "at": None, "factor": None, "warmup": None, "objective": ("softmax", 0.1, None),
    },
    # "RMSProp optimizer with decay 0.9 and momentum 0.9; … weight decay 1e-5; initial learning rate 0.256 that decays
    # by 0.97 every 2.4 epochs"; main.py of the authors: base_learning_rate 0.016 of 256 images, warm-up of 5 epochs,
    # 350 epochs, label smoothing 0.1, moving average 0.9999, RMSProp's epsilon 0.001
    "efficientnet": {
        "total_steps": 350 * 312, "batch_size": 4096, "peak": 0.256,
        "optimizer": {"kind": "rmsprop", "rho": 0.9, "momentum": 0.9, "epsilon": 1e-3, "weight_decay": 1e-5},
        "augment": {
            "crop": {"kind": "resized", "area": [0.08, 1.0], "aspect": [0.75, 4 / 3]}, "flip": True,
            "rand_augment": {
                "kind": "timm", "operations": 2, "magnitude": 9.0, "magnitude_std": 0.5, "probability": 0.5,
            },
        },
        "at": tuple(749 * number for number in range(1, 146)), "factor": 0.97, "warmup": (5 * 312, 0.0, "linear"),
        "objective": ("softmax", 0.1, None), "ema": {"decay": 0.9999, "warmup": True, "start": 0},
    },
    # slim's README: "learning_rate=0.045*NUM_GPUS … label_smoothing=0.1 … moving_average_decay=0.9999 … batch_size=96 …
    # num_clones=NUM_GPUS … learning_rate_decay_factor=0.98 … num_epochs_per_decay=2.5/NUM_GPUS … NUM_GPUS of 8"; the
    # paper: "RMSPropOptimizer with both decay and momentum set to 0.9 … standard weight decay is set to 0.00004";
    # slim's default opt_epsilon is 1
    "mobilenet_v2": {
        "total_steps": 285 * 1668, "batch_size": 768, "peak": 0.36,
        "optimizer": {"kind": "rmsprop", "rho": 0.9, "momentum": 0.9, "epsilon": 1.0, "weight_decay": 4e-5},
        "augment": {"crop": {"kind": "resized", "area": [0.08, 1.0], "aspect": [0.75, 4 / 3]}, "flip": True},
        "at": tuple(4170 * number for number in range(1, 114)), "factor": 0.98, "warmup": None,
        "objective": ("softmax", 0.1, None), "ema": {"decay": 0.9999, "warmup": True, "start": 0},
    },
    # Table 2, column A3
    "imagenet_rsb_a3": {
        "total_steps": 100 * 625, "batch_size": 2048, "peak": 8e-3,
        "optimizer": {"kind": "lamb", "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-6, "weight_decay": 0.02},
        "augment": {
            "crop": {"kind": "resized", "area": [0.08, 1.0], "aspect": [0.75, 4 / 3]}, "flip": True,
            "rand_augment": {
                "kind": "timm", "operations": 2, "magnitude": 6.0, "magnitude_std": 0.5, "probability": 0.5,
            },
            "mix": {
                "kind": "mixup_or_cutmix", "mixup_alpha": 0.1, "cutmix_alpha": 1.0, "cutmix_probability": 0.5,
                "probability": 1.0,
            },
        },
        "at": None, "factor": None, "warmup": (5 * 625, 0.0, "linear"), "objective": ("sigmoid", 0.0, 0.2),
    },
}  # fmt: skip


@pytest.mark.parametrize("name", PAPERS)
def test_a_recipe_has_the_numbers_of_its_paper(name, plan):
    found, paper = resolved(name, plan), PAPERS[name]
    assert (found.total_steps, found.batch_size) == (paper["total_steps"], paper["batch_size"])
    assert found.learning_rate.peak == pytest.approx(paper["peak"])
    assert found.optimizer == paper["optimizer"]
    augment = {key: value for key, value in found.settings["augment"].items() if value}
    assert augment == paper["augment"]
    assert (found.learning_rate.settings.get("at_steps"), found.learning_rate.settings.get("factor")) == (
        paper["at"],
        paper["factor"],
    )
    warmup = found.learning_rate.warmup
    assert (warmup and (warmup.steps, pytest.approx(warmup.start), warmup.shape)) == paper["warmup"]
    loss = found.objective
    assert (loss.kind, loss.smoothing, loss.threshold) == paper.get("objective", ("softmax", 0.0, None))
    assert found.layer_decay == paper.get("layer_decay")
    assert (found.ema, found.early_stopping) == (paper.get("ema"), None)


@pytest.mark.parametrize(("batch_size", "peak"), [(512, 0.4), (256, 0.2)])
def test_larger_regnets_have_the_learning_rates_of_pycls(batch_size, peak, plan):
    """BATCH_SIZE and BASE_LR of pycls's configs/dds_baselines for RegNetX-3.2GF and RegNetX-32GF."""
    found = resolved("imagenet_regnet", plan, f"batch_size={batch_size}")
    assert found.learning_rate.peak == pytest.approx(peak)


def test_every_recipe_from_a_paper_is_compared_with_it():
    assert set(RECIPES) - OWN == set(PAPERS)


def test_a_length_in_another_unit_takes_the_place_of_the_recipes_by_name():
    with pytest.raises(KresnetError, match="2 units"):
        load_recipe("cifar_he2015", ["epochs=3"])
    changed = load_recipe("cifar_he2015", ["steps=null", "epochs=3", "schedule={kind: constant}"])
    assert (changed.value.epochs, changed.value.steps) == (3, None)


def test_recipes_are_documented():
    page = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in RECIPES)
