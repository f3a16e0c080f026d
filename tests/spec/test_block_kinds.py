"""What a block is where its spec says no more, and which values it refuses."""

from __future__ import annotations

import pytest

from kresnet.spec.block_kinds import BasicBlock, BottleneckBlock, DenseBlock
from kresnet.spec.blocks import BlockPlace
from kresnet.spec.norms import BatchNorm
from tests.spec.refusals import refused

PLACE = BlockPlace(stage=1, width=16, incoming=16, padding="same")


def test_a_bottleneck_is_that_of_the_first_paper_with_the_stride_of_pytorch():
    block = BottleneckBlock(kind="bottleneck")
    assert (block.expansion, block.stride_on, block.stride_in) == (4, "conv3x3", "first_block")
    assert (block.order, block.shortcut, block.activation) == ("post_activation", "projection", "relu")
    assert (block.groups, block.width_per_group, block.attention, block.dropout) == (None, None, None, 0.0)
    assert (block.reduce_first, block.shortcut_kernel, block.anti_alias) == (None, None, None)
    assert block.norm == BatchNorm(kind="batch", momentum=0.9, epsilon=1e-5, synchronized=False)


def test_only_convolutions_stride_and_attend():
    own = set(BasicBlock.model_fields) - set(DenseBlock.model_fields)
    assert own == {"stride_in", "downsample", "shortcut_kernel", "anti_alias", "attention"}
    assert set(BottleneckBlock.model_fields) - set(BasicBlock.model_fields) == {
        "expansion", "reduce_first", "stride_on", "groups", "width_per_group", "attention_at",
    }  # fmt: skip
    assert DenseBlock(kind="dense").hidden is None


def test_a_whole_expansion_is_an_integer_and_others_are_fractions():
    written = [BottleneckBlock(kind="bottleneck", expansion=value).yaml() for value in (4, 4.0, 0.25)]
    assert [text.partition("expansion: ")[2].partition("\n")[0] for text in written] == ["4", "4", "0.25"]


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
        (DenseBlock, {"kind": "dense", "attention": None}, ("unknown_field", "attention")),
        (BottleneckBlock, {"kind": "bottleneck", "expansion": 0}, ("out_of_range", "expansion")),
        (BottleneckBlock, {"kind": "bottleneck", "expansion": "4"}, ("wrong_type", "expansion")),
        (BasicBlock, {"kind": "basic", "anti_alias": "max"}, ("wrong_value", "anti_alias")),
        (BasicBlock, {"kind": "basic", "attention": {"kind": "cbam"}}, ("wrong_value", "attention")),
    ],
)
def test_what_is_refused(model, settings, expected):
    assert refused(model, settings) == expected


@pytest.mark.parametrize(
    ("block", "width", "expected"),
    [
        (BottleneckBlock(kind="bottleneck"), 16, (64, 16, 1)),
        (BottleneckBlock(kind="bottleneck", expansion=2, groups=8), 16, (32, 16, 8)),
        (BottleneckBlock(kind="bottleneck", width_per_group=4), 16, (64, 16, 4)),
        (BottleneckBlock(kind="bottleneck", expansion=1.25, reduce_first=2), 8, (10, 4, 1)),
    ],
)
def test_the_widths_and_the_groups_of_a_bottleneck(block, width, expected):
    assert (block.output_width(width), block.first_width(width), block.convolution_groups(width)) == expected


def test_basic_and_dense_blocks_are_as_wide_as_their_stage():
    assert BasicBlock(kind="basic").output_width(16) == DenseBlock(kind="dense").output_width(16) == 16
    assert DenseBlock(kind="dense", hidden=12).normed_widths(PLACE) == {12, 16}


@pytest.mark.parametrize(
    ("block", "output", "multiple"),
    [
        (BasicBlock(kind="basic"), 1, 1),
        (BasicBlock(kind="basic", norm={"kind": "group", "groups": 6}), 4, 12),
        (BottleneckBlock(kind="bottleneck", attention={"kind": "squeeze_excite", "reduction": 16}), 1, 4),
        (BottleneckBlock(kind="bottleneck", expansion=1.5, groups=4), 1, 4),
        (BottleneckBlock(kind="bottleneck", expansion=0.25, groups=2, reduce_first=3), 5, 60),
    ],
)
def test_what_must_divide_the_width_of_a_stage(block, output, multiple):
    assert block.width_multiple(output) == multiple
