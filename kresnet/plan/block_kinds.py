"""The weighted layers of the kinds of blocks that ship."""

from __future__ import annotations

from dataclasses import replace

from kresnet.plan.block_context import BlockContext
from kresnet.plan.dilation import ONE_BY_ONE, WindowStep
from kresnet.plan.kinds import register_block
from kresnet.plan.records import Record
from kresnet.plan.residual import WeightedLayer, append_residual
from kresnet.spec.block_kinds import BasicBlock, BottleneckBlock, DenseBlock
from kresnet.spec.blocks import ConvBlock


def append_basic(context: BlockContext[BasicBlock], x: Record) -> Record:
    """Append two 3x3 convolutions (He et al. 2015, Fig. 5 left)."""
    layers = [
        conv_layer(context, "conv1", context.width, 3, strided(context)),
        conv_layer(context, "conv2", context.width, 3, context.later),
    ]
    return append_residual(context, x, layers)


def append_bottleneck(context: BlockContext[BottleneckBlock], x: Record) -> Record:
    """Append 1x1, 3x3 and 1x1 convolutions (He et al. 2015, Fig. 5 right)."""
    block, width = context.block, context.width
    striding = 2 if block.stride_on == "conv3x3" else 1
    first, second = (ONE_BY_ONE, strided(context)) if striding == 2 else (strided(context), context.later)
    layers = [
        conv_layer(context, "conv1", block.first_width(width), step=first),
        conv_layer(context, "conv2", width, 3, second, groups=block.convolution_groups(width)),
        conv_layer(context, "conv3", context.output_width),
    ]
    attended = 2 if block.attention_at == "conv3x3" else None
    return append_residual(context, x, layers, striding=striding, attended=attended)


def append_dense(context: BlockContext[DenseBlock], x: Record) -> Record:
    """Append two dense layers."""
    hidden = context.block.hidden or context.width
    return append_residual(context, x, [_dense(context, "dense1", hidden), _dense(context, "dense2", context.width)])


def strided(context: BlockContext[ConvBlock]) -> WindowStep:
    """Return the step of the layer that strides, which keeps its map where anti-aliasing shrinks it."""
    return replace(ONE_BY_ONE, spacing=context.step.spacing) if context.block.anti_alias else context.step


def conv_layer(
    context: BlockContext[ConvBlock],
    name: str,
    width: int,
    kernel: int = 1,
    step: WindowStep = ONE_BY_ONE,
    groups: int = 1,
) -> WeightedLayer:
    """Return what appends a convolution; arguments as of `BlockContext.conv`."""
    return lambda x, norm_follows: context.conv(x, name, width, kernel, step, groups=groups, norm_follows=norm_follows)


def _dense(context: BlockContext[DenseBlock], name: str, units: int) -> WeightedLayer:
    builder = context.builder
    return lambda x, norm_follows: builder.dense(x, name, units, bias=builder.wants_bias(norm_follows))


register_block(BasicBlock, append_basic)
register_block(BottleneckBlock, append_bottleneck)
register_block(DenseBlock, append_dense, label="")  # its layers say so

__all__ = ["append_basic", "append_bottleneck", "append_dense", "conv_layer", "strided"]
