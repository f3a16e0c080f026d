"""The arguments that timm's `ResNet` takes."""

from __future__ import annotations

import pytest

from kresnet.weights.pretrained.timm_architectures import timm_facts
from kresnet.weights.pretrained.timm_arguments import ACTIVATIONS, TimmConfiguration, TimmResNet
from tests.spec.refusals import refused

SMALLEST = {"block": "BasicBlock", "layers": [1, 1, 1, 1]}


def test_the_defaults_are_timms():
    ours = TimmResNet.model_validate(SMALLEST).document()
    theirs = timm_facts()["defaults"]["resnet"]
    for name, value in theirs.items():
        assert ours[name] == value, name
    assert set(ours) - set(theirs) == {"block", "layers", "pruned"}


def test_a_name_stands_for_a_layer_and_a_block_for_all_stages():
    network = TimmResNet.model_validate(SMALLEST | {"block_args": {"attn_layer": "se"}})
    assert network.block_args.attn_layer.document() == {"name": "se", "rd_ratio": 1 / 16, "rd_divisor": 8}
    assert network.blocks == ("BasicBlock",) * 4


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_every_activation_is_accepted(activation):
    assert TimmResNet.model_validate(SMALLEST | {"act_layer": activation}).act_layer == activation


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"act_layer": "leaky_relu"}, ("wrong_value", "act_layer")),  # a slope of 0.01 in timm, of 0.2 in Keras
        ({"drop_block_rate": 0.1}, ("out_of_range", "drop_block_rate")),
        ({"pruned": True}, ("wrong_value", "pruned")),
        ({"block_args": {"attn_layer": "cbam"}}, ("wrong_value", "block_args.attn_layer.name")),
        ({"layers": [1, "2"]}, ("wrong_type", "layers.1")),
        ({"stem_type": "deep_narrow"}, ("wrong_value", "stem_type")),
    ],
)
def test_what_no_spec_can_say_is_refused_by_name(settings, expected):
    assert refused(TimmResNet, SMALLEST | settings) == expected


def test_a_configuration_is_imagenets_where_it_is_silent():
    silent = TimmConfiguration()
    assert (silent.input_size, silent.crop_pct, silent.interpolation) == ((3, 224, 224), 0.875, "bilinear")
