"""The weighted layers of blocks that are wider inside than outside."""

from __future__ import annotations

from kresnet.plan.block_context import BlockContext
from kresnet.plan.block_kinds import conv_layer, strided
from kresnet.plan.kinds import register_block
from kresnet.plan.records import Record
from kresnet.plan.residual import WeightedLayer, append_residual
from kresnet.spec.inverted_blocks import ExpandingBlock, FusedInvertedBlock, InvertedBlock


def append_inverted(context: BlockContext[InvertedBlock], x: Record) -> Record:
    """Append a 1x1 convolution that expands, a depthwise one and a linear 1x1 (Sandler et al. 2018, Fig. 4)."""
    inner, layers = _inner_width(context, x), list[WeightedLayer]()
    if context.block.expansion_of(context.number) != 1:
        layers.append(conv_layer(context, "conv1", inner))
    name, kernel, step = f"conv{len(layers) + 1}", context.block.kernel, strided(context)
    layers.append(lambda x, norm_follows: context.depthwise_conv(x, name, kernel, step, norm_follows=norm_follows))
    layers.append(conv_layer(context, f"conv{len(layers) + 1}", context.output_width))
    return append_residual(context, x, layers, striding=len(layers) - 1, attended=len(layers) - 1)


def append_fused_inverted(context: BlockContext[FusedInvertedBlock], x: Record) -> Record:
    """Append a convolution that expands and a linear 1x1 (Tan and Le 2021, Fig. 2), or one convolution alone."""
    inner, kernel, step = _inner_width(context, x), context.block.kernel, strided(context)
    if context.block.expansion_of(context.number) == 1:
        layers = [conv_layer(context, "conv1", context.output_width, kernel, step)]
    else:
        expand = conv_layer(context, "conv1", inner, kernel, step)
        layers = [expand, conv_layer(context, "conv2", context.output_width)]
    return append_residual(context, x, layers, attended=1)


def _inner_width(context: BlockContext[ExpandingBlock], x: Record) -> int:
    return context.block.inner_width(x.shape[-1], context.number)


register_block(InvertedBlock, append_inverted)
register_block(FusedInvertedBlock, append_fused_inverted)

__all__ = ["append_fused_inverted", "append_inverted"]
