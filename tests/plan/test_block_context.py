"""What an append function is given, through a block of its own."""

from __future__ import annotations

from kresnet.plan.block_context import BlockContext
from kresnet.plan.dilation import WindowStep
from kresnet.plan.plan_builder import PlanBuilder
from kresnet.spec.architecture import Convolution
from kresnet.spec.block_kinds import BottleneckBlock


def test_windows_have_the_dilation_of_the_stage_and_blocks_their_width():
    builder = PlanBuilder(Convolution())
    x = builder.input((8, 8, 4), {})
    block = BottleneckBlock(kind="bottleneck", expansion=3)
    context = BlockContext(builder, block, width=4, dilation=2, step=WindowStep(2), later=WindowStep(), drop_rate=0.0)
    assert context.output_width == 12
    assert context.conv(x, "conv", 6).settings["dilation"] == 1
    wide = context.conv(x, "wide", 6, 3, groups=2, norm_follows=False)
    assert (wide.settings["dilation"], wide.settings["groups"], wide.shape) == (2, 2, (8, 8, 6))
    assert [parameter.name for parameter in wide.parameters] == ["kernel", "bias"]
    depthwise = context.depthwise_conv(x, "depthwise", 3)
    assert (depthwise.settings["dilation"], depthwise.weights) == (2, 9 * 4)
    assert context.conv(x, "strided", 6, 1, context.step).shape == (4, 4, 6)
