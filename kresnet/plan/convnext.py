"""The layers of ConvNeXt's block."""

from __future__ import annotations

from kresnet.plan.block_context import BlockContext
from kresnet.plan.kinds import register_block
from kresnet.plan.records import Record
from kresnet.spec.convnext import ConvNeXtBlock


def append_convnext(context: BlockContext[ConvNeXtBlock], x: Record) -> Record:
    """Append a block after `x`: Liu et al. 2022, Fig. 4, and what strides before it."""
    builder, block, width = context.builder, context.block, context.width
    normed = block.norm.kind != "none"
    if context.step.stride > 1 or x.shape[-1] != width:
        x = builder.norm(x, "downsample.norm", block.norm)
        x = builder.patch_conv(x, "downsample.conv", width, context.step, norm_follows=False)
    out = context.depthwise_conv(x, "depthwise", block.kernel, context.later, norm_follows=normed)
    out = builder.norm(out, "norm", block.norm)
    out = builder.dense(out, "expand", block.inner_width(width), bias=builder.wants_bias(norm_follows=False))
    out = builder.activation(out, "activation", block.activation)
    if block.response_norm:
        out = builder.response_norm(out, "response_norm")
    out = builder.dense(out, "reduce", width, bias=builder.wants_bias(norm_follows=False))
    if block.layer_scale is not None:
        out = builder.layer_scale(out, "layer_scale", block.layer_scale)
    out = builder.stochastic_depth(out, "stochastic_depth", context.drop_rate)
    return builder.add(out, x, "add")


register_block(ConvNeXtBlock, append_convnext, label="ConvNeXt", names={"timm": {"layer_scale/gamma": "gamma"}})

__all__ = ["append_convnext"]
