"""Attention at the end of a residual branch: its records, and the sizes that papers and timm give it."""

from __future__ import annotations

import pytest

from kresnet.plan.attention import channel_kernel, hidden_units
from kresnet.plan.sections import extra_layers, sections
from kresnet.spec.attention import EfficientChannel, SqueezeExcite
from tests.plan.networks import block, plan


def test_squeeze_and_excitation():
    """Hu et al. 2018, section 4: 2C²/r weights, and the biases that timm has too."""
    records = block(plan(block={"attention": {"kind": "squeeze_excite", "reduction": 4}}), 2, 2)
    weights = sum(record.weights for record in records.values() if record.role == "attention")
    assert weights == 2 * 16 * 16 // 4 + 16 // 4 + 16
    assert records["squeeze_excite.gate"].shape == (1, 1, 16)
    assert records["squeeze_excite.scale"].inputs[0] == "stage2.block2.norm2"


def test_efficient_channel_attention():
    """Wang et al. 2020: as many weights as neighbours, and a product of them a channel."""
    network = plan(block={"attention": {"kind": "efficient_channel"}})
    records = block(network, 2, 2)
    own = [record for record in records.values() if record.role == "attention"]
    assert [record.kind for record in own] == [
        "global_pool", "reshape", "channel_conv", "activation", "reshape", "multiply",
    ]  # fmt: skip
    assert (own[2].weights, own[2].macs, own[4].shape) == (3, 16 * 3, (1, 1, 16))
    assert records["efficient_channel.scale"].inputs[0] == "stage2.block2.norm2"
    assert network.weighted_layers == plan().weighted_layers
    described = [text for section in sections(network) if section.block for text in extra_layers(section)]
    assert described == ["efficient channel attention 3"] * 4


@pytest.mark.parametrize(("channels", "kernel"), [(64, 3), (128, 5), (256, 5), (512, 5), (2048, 7), (1, 3)])
def test_the_kernel_grows_with_the_channels(channels, kernel):
    """The kernels of timm's `EcaModule`, and of the authors' ECANet with gamma 2 and b 1."""
    assert channel_kernel(EfficientChannel(kind="efficient_channel"), channels) == kernel
    assert channel_kernel(EfficientChannel(kind="efficient_channel", kernel=9), channels) == 9


@pytest.mark.parametrize(("channels", "units"), [(64, 8), (128, 8), (192, 16), (256, 16), (16, 8)])
def test_hidden_units_are_rounded_to_the_nearest_multiple(channels, units):
    """Timm's `make_divisible(channels / 16, 8, round_limit=0)`."""
    assert hidden_units(SqueezeExcite(kind="squeeze_excite", divisor=8), channels) == units
