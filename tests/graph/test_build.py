"""The built model is what the plan says, for every shipped spec: whole, or the deep ones with fewer blocks a stage."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import keras
import numpy as np
import pytest

from kresnet.graph import build_model, verify_model
from kresnet.graph.layers import FusedBatchNorm
from kresnet.spec.loading import load_spec
from tests.golden.regenerate import FIGURES, plan_of

#: What names of one design differ in: numbers, but of versions of MobileNet and EfficientNet, and sizes in words.
DESIGN = "|".join(
    [r"_\d{3,4}\b", r"(?<!net_v)\d+", r"(?<=net_v3)_(large|small)"]
    + [rf"(?<={name})_\w+" for name in ("convnext", "convnextv2", "efficientnet_v2")]
)
TINY = ["stages.0.blocks=1", "stages.1.blocks=1", "stages.2.blocks=1"]


@pytest.fixture(autouse=True)
def _clear():
    yield
    keras.backend.clear_session()


def networks() -> Iterator[object]:
    """Names of shipped specs, and whether to build them short: a deep network repeats the blocks of its short form.

    Of those of one design `make test` builds the smallest, and whole only what has few layers.
    """
    shipped = json.loads(FIGURES.read_text())
    smallest: dict[str, str] = {}
    for name in sorted(shipped, key=lambda each: shipped[each]["trainable"]):
        smallest.setdefault(re.sub(DESIGN, "", name), name)
    for name, figures in shipped.items():
        deep, larger = figures["weighted_layers"] > 20, name not in smallest.values()
        if deep:
            yield pytest.param(name, True, id=f"{name}, short", marks=[pytest.mark.slow] if larger else [])
        if figures["weighted_layers"] <= 200:
            yield pytest.param(name, False, id=name, marks=[pytest.mark.slow] if deep or larger else [])


@pytest.mark.parametrize(("name", "short"), networks())
def test_the_model_is_what_the_plan_says(name, short):
    stages = load_spec(name).value.stages if short else ()
    fewest = [min(stage.blocks, max(2, stage.block.listed_blocks)) for stage in stages]
    plan = plan_of(name, *(f"stages.{stage}.blocks={blocks}" for stage, blocks in enumerate(fewest)))
    model = build_model(plan)  # which verifies names, shapes and weights of each layer
    assert model.count_params() == plan.trainable + plan.non_trainable
    assert sum(weight.shape.num_elements() for weight in model.trainable_weights) == plan.trainable
    assert {layer.name for layer in model.layers} == {record.name for record in plan.records}
    weighted = [layer.name for layer in model.layers if layer.weights]
    assert sorted(weighted) == sorted(record.name for record in plan.records if record.parameters)


def test_a_chain_is_in_the_order_of_the_plan():
    plan = plan_of("cifar_plain20")
    assert [layer.name for layer in build_model(plan).layers] == [record.name for record in plan.records]


def test_outputs_of_a_backbone_are_maps_of_any_size():
    model = build_model(plan_of("resnet50_backbone", "output_stride=16", *TINY, "stages.3.blocks=2"))
    maps = model(np.zeros((1, 64, 96, 3), "float32"))
    assert {name: tuple(value.shape) for name, value in maps.items()} == {
        "stage1": (1, 16, 24, 256),
        "stage2": (1, 8, 12, 512),
        "stage3": (1, 4, 6, 1024),
        "stage4": (1, 4, 6, 2048),
    }


def test_dilation_keeps_what_a_convolution_sees():
    """Dilated stages give, at every other pixel, what strided ones give (Chen et al. 2017, section 3.1)."""
    common = [*TINY, "stages.3.blocks=2", "convolution.padding=symmetric"]
    strided = build_model(plan_of("resnet50_backbone", *common))
    dilated = build_model(plan_of("resnet50_backbone", *common, "output_stride=16"))
    dilated.set_weights(strided.get_weights())
    image = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3)).astype("float32")
    np.testing.assert_allclose(dilated(image)["stage4"][:, ::2, ::2], strided(image)["stage4"], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_what_leaves_the_network_is_float32(precision):
    plan = plan_of("cifar_resnet20", *TINY)
    model = build_model(plan, precision=precision)
    assert model(np.zeros((2, 32, 32, 3), "float32")).dtype == "float32"
    assert {weight.dtype for weight in model.weights if "seed" not in weight.path} == {"float32"}
    conv = model.get_layer("stage1.block1.conv1")
    assert conv.compute_dtype == precision


def test_the_seed_decides_the_initial_weights():
    plan = plan_of("cifar_resnet20", *TINY)
    first, same, other = (build_model(plan, seed=seed).get_weights() for seed in (0, 0, 1))
    assert all(np.array_equal(a, b) for a, b in zip(first, same, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_another_layer_leaves_the_initial_weights_of_the_others_alone():
    short = build_model(plan_of("cifar_resnet20", *TINY))
    long = build_model(plan_of("cifar_resnet20"))
    for layer in short.layers:
        for ours, theirs in zip(layer.get_weights(), long.get_layer(layer.name).get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_the_last_gamma_starts_at_zero_on_request():
    model = build_model(plan_of("cifar_resnet20", *TINY, "block.zero_init_last=true", "block.shortcut=projection"))
    zero = {layer.name for layer in model.layers if isinstance(layer, FusedBatchNorm) and not np.any(layer.gamma)}
    assert zero == {f"stage{stage}.block1.norm2" for stage in (1, 2, 3)}


SAVED = {
    "cifar_resnet20": TINY,
    "cifar_preact110": [*TINY, "stochastic_depth=0.2"],
    "se_resnet50": [*TINY, "stages.3.blocks=1", "convolution.padding=symmetric", "input.shape=[32,32,3]"],
    "residual_mlp": [],
}


@pytest.mark.parametrize("name", SAVED)
def test_a_saved_model_loads_with_safe_mode_and_computes_the_same(name, tmp_path):
    plan = plan_of(name, *SAVED[name])
    model = build_model(plan)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True, compile=False)
    verify_model(loaded, plan)
    x = np.random.default_rng(0).uniform(0, 255, (2, *plan.input_shape)).astype("float32")
    np.testing.assert_array_equal(model(x), loaded(x))
