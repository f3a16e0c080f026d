"""Which of timm's networks a plan is, and its weights by timm's names."""

from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors.numpy import load

from kresnet.plan import plan_loaded
from kresnet.spec.inputs import Input
from kresnet.spec.loading import load_spec
from kresnet.weights.convert import load_model
from kresnet.weights.pretrained.timm_architectures import timm_spec
from kresnet.weights.pretrained.timm_match import find_timm_architecture, timm_preprocessing, timm_tensors
from tests.weights import small_hub_model as small


def found(document, *overrides: str, origin=None):
    """The network of timm's that a spec is."""
    loaded = load_spec(document, overrides)
    return find_timm_architecture(loaded.value, plan_loaded(loaded), origin)


def test_an_entry_point_of_timms_is_known_by_what_it_computes():
    document = timm_spec("resnet26d", {"num_classes": 7})
    assert found(document) == ("resnet26d", {"num_classes": 7, "in_chans": 3})
    trained = ("head.dropout=0.1", "stochastic_depth=0.1", "name=mine", "norm.kind=batch", "norm.momentum=0.99")
    assert found(document, *trained) == ("resnet26d", {"num_classes": 7, "in_chans": 3})
    assert found(document, "convolution.padding=same") is None
    assert found(document, "norm.kind=batch", "norm.epsilon=0.001") is None
    assert found("quickstart") is None
    assert found({**document, "head": {"kind": "features", "stages": [4]}}) is None


def test_weights_go_back_to_timms_names_as_they_came(converted):
    loaded = load_spec(converted / "model.yaml")
    plan = plan_loaded(loaded)
    origin = json.loads((converted / "model.json").read_text())
    assert find_timm_architecture(loaded.value, plan) is None
    architecture, arguments = find_timm_architecture(loaded.value, plan, origin)
    assert architecture == "resnet50d"
    assert arguments["channels"] == [4, 4, 8, 8]
    model = load_model(converted / "model.keras", plan)
    values = {f"{layer.name}/{each.name}": np.asarray(each) for layer in model.layers for each in layer.weights}
    written, came = dict(timm_tensors("resnet26d", plan, values)), load(small.weights())
    assert written.keys() == came.keys()
    for name, value in came.items():
        np.testing.assert_array_equal(written[name], value)


@pytest.mark.parametrize(("side", "shorter_side"), [(224, 256), (224, 235), (35, 38), (288, 288), (299, 341)])
def test_timm_makes_the_same_size_of_the_share(side, shorter_side):
    entered = Input.model_validate(
        {"shape": [side, side, 3], "resize": {"kind": "center_crop", "shorter_side": shorter_side},
         "pixels": {"range": [-1.0, 1.0], "mean": [0.0], "std": [0.5]}}
    )  # fmt: skip
    stated = timm_preprocessing(entered)
    assert int(side / stated["crop_pct"]) == shorter_side
    assert stated["mean"] == [0.5] * 3
    assert stated["std"] == [0.25] * 3
    assert stated["input_size"] == [3, side, side]


def test_channels_in_another_order_are_not_timms():
    entered = Input.model_validate({"shape": [8, 8, 3], "pixels": {"channel_order": "bgr"}})
    assert timm_preprocessing(entered) is None
