"""A copy of the bottleneck made from outside, by the public interface alone."""

from __future__ import annotations

from typing import Literal

from kresnet.extensions import (
    BlockContext,
    ConvBlock,
    Record,
    Width,
    WindowStep,
    append_residual,
)


class OutsideBottleneck(ConvBlock):
    """1x1, 3x3, 1x1 convolutions."""

    kind: Literal["outside_bottleneck"]
    expansion: Width = 4
    """Output channels over the width."""

    def output_width(self, width: int) -> int:
        return width * self.expansion


def append(context: BlockContext[OutsideBottleneck], x: Record) -> Record:
    """Append one block."""
    step = WindowStep(spacing=context.step.spacing) if context.block.anti_alias else context.step
    layers = [
        lambda x, normed: context.conv(x, "conv1", context.width, norm_follows=normed),
        lambda x, normed: context.conv(x, "conv2", context.width, 3, step, norm_follows=normed),
        lambda x, normed: context.conv(x, "conv3", context.output_width, norm_follows=normed),
    ]
    return append_residual(context, x, layers, striding=2)
