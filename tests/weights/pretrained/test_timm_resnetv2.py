"""timm's pre-activation networks as specs; BiT's shipped ones are timm's."""

from __future__ import annotations

import pytest

from kresnet.plan import plan_loaded
from kresnet.spec.loading import load_spec
from kresnet.weights.pretrained.timm_architectures import timm_facts
from kresnet.weights.pretrained.timm_match import find_timm_architecture
from kresnet.weights.pretrained.timm_resnetv2 import TimmResNetV2
from tests.weights.pretrained.test_timm_architectures import planned, refusal

BIT = sorted(name for name in timm_facts()["architectures"] if name.endswith("_bit"))


def test_the_defaults_are_timms():
    ours = TimmResNetV2.model_validate({"layers": [1]}).document()
    assert ours.pop("conv_layer") == {"name": "std_conv", "eps": 1e-6}  # of a class in timm, here of its text
    assert ours.pop("norm_layer") == "groupnormact"
    theirs = timm_facts()["defaults"]["resnetv2"]
    for name, value in ours.items():
        assert name == "layers" or theirs[name] == value, name


@pytest.mark.parametrize("name", BIT)
def test_a_shipped_network_is_timms(name):
    loaded = load_spec(name)
    assert find_timm_architecture(loaded.value, plan_loaded(loaded)) == (name, {"num_classes": 1000, "in_chans": 3})


def test_kernels_are_standardised_but_that_of_the_head():
    plan = planned("resnetv2_50x3_bit")
    assert {r.settings.get("standardized") for r in plan.records if r.kind == "conv"} == {1e-8}
    assert plan.by_name["stage4.block1.conv2"].shape == (7, 7, 3 * 512)


@pytest.mark.parametrize(
    ("model_args", "expected"),
    [
        ({"layers": [3, 4]}, ("contradiction", "channels")),
        ({"stem_type": "same"}, ("wrong_value", "stem_type")),
        ({"conv_layer": "scaled_std_conv"}, ("wrong_value", "conv_layer.name")),
        ({"preact": False}, ("wrong_value", "preact")),
    ],
)
def test_what_no_spec_can_say_is_refused(model_args, expected):
    assert refusal("resnetv2_50", **model_args) == expected
