"""timm's ConvNeXts as specs; the shipped ones are timm's."""

from __future__ import annotations

import pytest

from kresnet.plan import plan_loaded
from kresnet.spec.library import shipped_names
from kresnet.spec.loading import load_spec
from kresnet.weights.pretrained.timm_architectures import timm_facts
from kresnet.weights.pretrained.timm_convnext import TimmConvNeXt
from kresnet.weights.pretrained.timm_match import find_timm_architecture, timm_ends
from tests.weights.pretrained.test_timm_architectures import planned, refusal

SHIPPED = [name for name in shipped_names() if name.startswith("convnext")]


def test_the_defaults_are_timms():
    theirs = timm_facts()["defaults"]["convnext"]
    assert TimmConvNeXt.model_validate({}).document() == theirs | {"kernel_sizes": [7] * 4}


def test_every_size_of_the_papers_ships():
    sizes = ["atto", "femto", "pico", "nano", "tiny", "small", "base", "large"]
    assert {f"{name}_{size}" for name in ("convnext", "convnextv2") for size in sizes} <= set(SHIPPED)
    assert {"convnext_xlarge", "convnextv2_huge"} <= set(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_network_is_timms(name):
    loaded = load_spec(name)
    plan = plan_loaded(loaded)
    assert plan.trainable == timm_facts()["architectures"][name]["parameters"]
    assert find_timm_architecture(loaded.value, plan) == (name, {"num_classes": 1000, "in_chans": 3})


def test_ends_are_called_as_in_timms_configurations():
    assert timm_ends("convnext_tiny", planned("convnext_tiny")) == ("stem.0", "head.fc")
    assert timm_ends("resnet50d", planned("resnet50d")) == ("conv1.0", "fc")


def test_a_network_without_classes_has_no_norm_behind_its_last_stage():
    assert planned("convnext_atto", num_classes=0).records[-1].name == "stage4.block2.add"


@pytest.mark.parametrize(
    ("model_args", "expected"),
    [
        ({"head_norm_first": True}, ("wrong_value", "head_norm_first")),
        ({"stem_type": "overlap"}, ("wrong_value", "stem_type")),
        ({"norm_layer": "rmsnorm2d"}, ("wrong_value", "norm_layer")),
        ({"output_stride": 8}, ("wrong_value", "output_stride")),
        ({"conv_bias": False}, ("contradiction", "conv_bias")),
    ],
)
def test_what_no_spec_can_say_is_refused(model_args, expected):
    assert refusal("convnext_tiny", **model_args) == expected
