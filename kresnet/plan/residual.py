"""Blocks that are a chain of weighted layers beside a shortcut, in the order that their settings name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kresnet.plan.attention import append_attention
from kresnet.plan.block_context import BlockContext
from kresnet.plan.dilation import ONE_BY_ONE
from kresnet.plan.records import Record
from kresnet.spec.blocks import ConvBlock, ResidualBlock

#: Appends a weighted layer, given the record that it reads and whether a norm reads its output.
WeightedLayer = Callable[[Record, bool], Record]


def append_residual(
    context: BlockContext[ResidualBlock],
    x: Record,
    layers: Sequence[WeightedLayer],
    *,
    striding: int = 1,
    attended: int | None = None,
) -> Record:
    """Append a residual block after `x`: its branch of weighted layers, its shortcut and their sum.

    Norms, activations, dropout, attention, stochastic depth and the shortcut come from the block's settings.

    Args:
        context: the block.
        x: what the block reads.
        layers: its weighted layers, in order.
        striding: number of the layer that strides, from 1, before which its window is spared by `anti_alias`.
        attended: number of the layer, from 1, behind whose norm and activation the attention stands; the end of the
            branch by default.
    """
    return _ResidualBuilder(context, layers, striding, attended).append(x)


@dataclass(frozen=True, slots=True)
class _ResidualBuilder:
    """Appends the records of one block."""

    context: BlockContext[ResidualBlock]
    layers: Sequence[WeightedLayer]
    striding: int
    attended: int | None

    def append(self, x: Record) -> Record:
        """Append the block's records after `x` and return the last one."""
        builder, block = self.context.builder, self.context.block
        # A projection, and whatever shortcut leaves the stem, reads what the branch reads: the activated input
        # (He et al. 2016, section 4.1 and appendix).
        activated = block.preactivation is not None and (self._projects(x) or self.context.after_stem)
        if activated:
            x = self._preactivate(x, 1)
        out = self._branch(x, activated)
        if isinstance(block, ConvBlock) and self.attended is None:
            out = append_attention(builder, out, block.attention)
        if self._adds(x):
            out = builder.stochastic_depth(out, "stochastic_depth", self.context.drop_rate)
            out = builder.add(out, self._shortcut(x), "add")
        if block.order == "norm_after_add":
            out = builder.norm(out, "norm_after_add", block.norm)
        if block.order in ("post_activation", "norm_after_add"):
            out = builder.activation(out, "activation", block.activation)
        return out

    def _preactivate(self, x: Record, number: int) -> Record:
        """What the pre-activation orders put before weights."""
        block = self.context.block
        if block.order == "full_preactivation":
            x = self.context.builder.norm(x, f"norm{number}", block.norm)
        return self.context.builder.activation(x, f"activation{number}", block.activation)

    def _branch(self, x: Record, activated: bool) -> Record:
        """The residual branch, in the orders of He et al. 2016, Fig. 4."""
        builder, block = self.context.builder, self.context.block
        preactivated, entered = block.preactivation is not None, x
        for number, weights in enumerate(self.layers, 1):
            last = number == len(self.layers)
            if preactivated and not (activated and number == 1):
                x = self._preactivate(x, number)
            if isinstance(block, ConvBlock) and block.anti_alias and number == self.striding + 1:
                x = builder.anti_alias(x, block.anti_alias, self.context.step)
            if last:
                x = builder.dropout(x, "dropout", block.dropout)
            # In full pre-activation the next norm follows, but after the last weights comes the addition.
            x = weights(x, block.norm.kind != "none" and not (last and block.order == "full_preactivation"))
            if not (block.order == "full_preactivation" or (last and block.order == "norm_after_add")):
                zero_gamma = last and block.zero_init_last and self._adds(entered)
                x = builder.norm(x, f"norm{number}", block.norm, zero_gamma=zero_gamma)
            if block.order == "relu_before_add" or not (last or preactivated):
                x = builder.activation(x, f"activation{number}", block.activation)
            if isinstance(block, ConvBlock) and number == self.attended:
                x = append_attention(builder, x, block.attention)
        return x

    def _adds(self, x: Record) -> bool:
        """Whether a shortcut is added to the branch of a block that reads `x`."""
        block = self.context.block
        keeps_shape = self.context.step.stride == 1 and x.shape[-1] == self.context.output_width
        return block.has_shortcut and (block.shortcut != "identity" or keeps_shape)

    def _projects(self, x: Record) -> bool:
        block = self.context.block
        keeps_stride = isinstance(block, ConvBlock) and block.downsample == "subsample"
        strides = self.context.step.stride != 1 and not keeps_stride
        changes = strides or x.shape[-1] != self.context.output_width
        return block.shortcut == "projection_all" or (block.shortcut == "projection" and changes)

    def _shortcut(self, x: Record) -> Record:
        """Options A, B and C of He et al. 2015, section 4.1; the input itself where nothing changes."""
        builder, block, width = self.context.builder, self.context.block, self.context.output_width
        step = self.context.step
        if isinstance(block, ConvBlock) and block.downsample == "average_pool" and step.stride > 1:
            x = builder.average_by_stride(x, "shortcut.pool", step)
            step = ONE_BY_ONE
        if block.shortcut == "identity_pad":
            changes = step.taken != 1 or x.shape[-1] != width
            return builder.identity_pad(x, "shortcut.pad", width, step.taken) if changes else x
        if not self._projects(x) and x.shape[-1] == width:
            return builder.identity_pad(x, "shortcut.subsample", width, step.taken) if step.taken > 1 else x
        normed = block.order != "full_preactivation" and block.norm.kind != "none"
        if block.takes_maps:
            kernel = block.shortcut_kernel if isinstance(block, ConvBlock) and step.stride > 1 else None
            x = builder.conv(x, "shortcut.conv", width, kernel or 1, step=step, norm_follows=normed, role="shortcut")
        else:
            x = builder.dense(x, "shortcut.dense", width, bias=builder.wants_bias(normed), role="shortcut")
        return builder.norm(x, "shortcut.norm", block.norm) if normed else x


__all__ = ["WeightedLayer", "append_residual"]
