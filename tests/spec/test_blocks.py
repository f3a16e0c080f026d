"""What a block is where its spec says no more, and which values it refuses."""

from __future__ import annotations

import pytest

from kresnet.spec.blocks import (
    BasicBlock,
    BatchNorm,
    BottleneckBlock,
    DenseBlock,
    GroupNorm,
    LayerNorm,
    NoNorm,
    SqueezeExcite,
)
from tests.spec.refusals import refused


def test_a_bottleneck_is_that_of_the_first_paper_with_the_stride_of_pytorch():
    block = BottleneckBlock(kind="bottleneck")
    assert (block.expansion, block.stride_on, block.stride_in) == (4, "conv3x3", "first_block")
    assert (block.order, block.shortcut, block.activation) == ("post_activation", "projection", "relu")
    assert (block.groups, block.width_per_group, block.squeeze_excite, block.dropout) == (None, None, None, 0.0)
    assert block.norm == BatchNorm(kind="batch", momentum=0.9, epsilon=1e-5, synchronized=False)


def test_only_convolutions_stride_and_attend():
    own = set(BasicBlock.model_fields) - set(DenseBlock.model_fields)
    assert own == {"stride_in", "downsample", "squeeze_excite"}
    assert set(BottleneckBlock.model_fields) - set(BasicBlock.model_fields) == {
        "expansion", "stride_on", "groups", "width_per_group",
    }  # fmt: skip
    assert DenseBlock(kind="dense").hidden is None


def test_norms_have_the_settings_of_their_papers():
    assert GroupNorm(kind="group").groups == 32
    assert set(LayerNorm.model_fields) == {"kind", "epsilon"}
    assert set(NoNorm.model_fields) == {"kind"}
    assert SqueezeExcite().document() == {"reduction": 16, "activation": "relu", "gate": "sigmoid"}


@pytest.mark.parametrize(
    ("model", "settings", "expected"),
    [
        (BasicBlock, {"kind": "basic", "expansion": 4}, ("unknown_field", "expansion")),
        (BasicBlock, {"kind": "basic", "order": "preactivation"}, ("wrong_value", "order")),
        (BasicBlock, {"kind": "basic", "dropout": 1.0}, ("out_of_range", "dropout")),
        (BasicBlock, {"kind": "basic", "norm": {"kind": "batch", "momentum": 1.0}}, ("out_of_range", "norm.momentum")),
        (BasicBlock, {"kind": "basic", "norm": {"kind": "instance"}}, ("wrong_value", "norm")),
        (BottleneckBlock, {"kind": "bottleneck", "expansion": 65}, ("out_of_range", "expansion")),
        (BottleneckBlock, {"kind": "bottleneck", "groups": 0}, ("out_of_range", "groups")),
        (DenseBlock, {"kind": "dense", "squeeze_excite": {}}, ("unknown_field", "squeeze_excite")),
        (GroupNorm, {"kind": "group", "epsilon": 0.0}, ("out_of_range", "epsilon")),
        (SqueezeExcite, {"gate": "tanh"}, ("wrong_value", "gate")),
    ],
)
def test_what_is_refused(model, settings, expected):
    assert refused(model, settings) == expected
