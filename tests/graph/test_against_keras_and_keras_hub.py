"""Layer for layer beside keras.applications, built here, and keras-hub, from the committed reference."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import pytest

from tests.golden.regenerate import plan_of

#: The deeper ones repeat the blocks of the first.
DEPTHS = [50, *(pytest.param(depth, marks=pytest.mark.slow) for depth in (101, 152))]
HUB = json.loads((Path(__file__).parent / "references" / "keras_hub_resnet.json").read_text())


def kernels(plan, role, *, strides=True):
    """Kernel shape and stride of each convolution, in order."""
    rows = [record for record in plan.records if record.kind == "conv" and record.role == role]
    return [[*row.parameters[0].shape, *([row.settings["stride"]] if strides else [])] for row in rows]


def convolutions(model, *, shortcut):
    return [
        layer
        for layer in model.layers
        if isinstance(layer, keras.layers.Conv2D) and layer.name.endswith("_0_conv") == shortcut
    ]


@pytest.mark.parametrize("depth", DEPTHS)
def test_keras_applications(depth):
    """With a bias everywhere and the stride on the first 1x1, the two are one network."""
    peer = getattr(keras.applications, f"ResNet{depth}")(weights=None)
    plan = plan_of(f"resnet{depth}", "block.stride_on=conv1x1", "convolution.bias=always")
    for role, shortcut in (("main", False), ("shortcut", True)):
        theirs = [[*layer.kernel.shape, layer.strides[0]] for layer in convolutions(peer, shortcut=shortcut)]
        assert kernels(plan, role) == theirs
    assert plan.trainable + plan.non_trainable == peer.count_params()
    assert plan.records[-1].parameters[0].shape == tuple(peer.layers[-1].kernel.shape)
    keras.backend.clear_session()


@pytest.mark.parametrize("depth", DEPTHS)
def test_keras_applications_v2(depth):
    """The same kernels and counts; Keras strides in the last block of a stage, we, as He et al., in the first."""
    peer = getattr(keras.applications, f"ResNet{depth}V2")(weights=None)
    plan = plan_of(f"resnet{depth}_v2")
    for role, shortcut in (("main", False), ("shortcut", True)):
        theirs = [list(layer.kernel.shape) for layer in convolutions(peer, shortcut=shortcut)]
        assert kernels(plan, role, strides=False) == theirs
    assert plan.trainable + plan.non_trainable == peer.count_params()
    biased = {layer.name for layer in peer.layers if isinstance(layer, keras.layers.Conv2D) and layer.use_bias}
    assert len(biased) == sum(record.kind == "conv" and record.settings["bias"] for record in plan.records)
    keras.backend.clear_session()


@pytest.mark.parametrize("name", sorted(set(HUB) - {"keras_hub"}))
def test_keras_hub(name):
    peer = HUB[name]
    overrides = ["convolution.bias=never"] if name.endswith("_v2") else []  # keras-hub gives no convolution a bias
    plan = plan_of(name, *overrides)
    assert kernels(plan, "main") == peer["main"]
    assert kernels(plan, "shortcut") == peer["shortcut"]
    head = plan.by_name["head.logits"].weights
    assert plan.trainable + plan.non_trainable - head == peer["total"]
