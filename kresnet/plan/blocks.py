"""One residual (or plain) block: weights in the order that the spec names, beside its shortcut."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kresnet.plan.attention import append_attention
from kresnet.plan.dilation import ONE_BY_ONE, WindowStep
from kresnet.plan.plan_builder import PlanBuilder
from kresnet.plan.records import Record
from kresnet.spec.architecture import Stage
from kresnet.spec.blocks import AntiAlias, BottleneckBlock, ConvBlock, DenseBlock
from kresnet.spec.contradictions import PREACTIVATION, convolution_groups, first_width, output_width

#: A weighted layer: its input and whether a norm follows it -> its output.
WeightedLayer = Callable[[Record, bool], Record]


@dataclass(frozen=True, slots=True)
class BlockBuilder:
    """Appends the records of one block to a plan.

    Attributes:
        builder: builder of the plan, which takes the records.
        stage: the settings that all blocks of the stage share.
        step: of the layer that strides.
        later: step of the layers after that one.
        drop_rate: rate of stochastic depth.
        after_stem: whether this is the network's first block and reads the stem's last convolution.
    """

    builder: PlanBuilder
    stage: Stage
    step: WindowStep
    later: WindowStep
    drop_rate: float
    after_stem: bool = False

    def append(self, x: Record) -> Record:
        """Append the block's records after `x` and return the last one."""
        builder, block = self.builder, self.stage.block
        # A projection, and whatever shortcut leaves the stem, reads what the branch reads: the activated input
        # (He et al. 2016, section 4.1 and appendix).
        activated = block.order in PREACTIVATION and (self._projects(x) or self.after_stem)
        if activated:
            x = self._preactivate(x, 1)
        out = self._branch(x, activated)
        if isinstance(block, ConvBlock):
            out = append_attention(builder, out, block.attention)
        if block.shortcut != "none":
            out = builder.stochastic_depth(out, "stochastic_depth", self.drop_rate)
            out = builder.add(out, self._shortcut(x), "add")
        if block.order == "norm_after_add":
            out = builder.norm(out, "norm_after_add", block.norm)
        if block.order in ("post_activation", "norm_after_add"):
            out = builder.activation(out, "activation", block.activation)
        return out

    def _preactivate(self, x: Record, number: int) -> Record:
        """What the pre-activation orders put before weights."""
        block = self.stage.block
        if block.order == "full_preactivation":
            x = self.builder.norm(x, f"norm{number}", block.norm)
        return self.builder.activation(x, f"activation{number}", block.activation)

    def _branch(self, x: Record, activated: bool) -> Record:
        """The residual branch, in the orders of He et al. 2016, Fig. 4."""
        builder, block, chain = self.builder, self.stage.block, self._weighted_layers()
        for number, weights in enumerate(chain, 1):
            last = number == len(chain)
            if block.order in PREACTIVATION and not (activated and number == 1):
                x = self._preactivate(x, number)
            if self._anti_alias and number == self._striding + 1:
                x = builder.anti_alias(x, self._anti_alias, self.step)
            if last:
                x = builder.dropout(x, "dropout", block.dropout)
            # In full pre-activation the next norm follows, but after the last weights comes the addition.
            x = weights(x, block.norm.kind != "none" and not (last and block.order == "full_preactivation"))
            if block.order == "full_preactivation":
                continue
            if not (last and block.order == "norm_after_add"):
                x = builder.norm(x, f"norm{number}", block.norm, zero_gamma=last and block.zero_init_last)
            if block.order == "relu_before_add" or (not last and block.order not in PREACTIVATION):
                x = builder.activation(x, f"activation{number}", block.activation)
        return x

    @property
    def _anti_alias(self) -> AntiAlias | None:
        """What shrinks the map in place of a stride, if anything does."""
        block = self.stage.block
        return block.anti_alias if isinstance(block, ConvBlock) else None

    @property
    def _striding(self) -> int:
        """Number of the layer that strides, from 1."""
        block = self.stage.block
        return 2 if isinstance(block, BottleneckBlock) and block.stride_on == "conv3x3" else 1

    def _weighted_layers(self) -> list[WeightedLayer]:
        block, width = self.stage.block, self.stage.width
        step, later = self.step, self.later
        if self._anti_alias:
            step = WindowStep(spacing=step.spacing)
        if isinstance(block, DenseBlock):
            return [self._dense("dense1", block.hidden or width), self._dense("dense2", width)]
        if isinstance(block, BottleneckBlock):
            first, second = (step, later) if self._striding == 1 else (ONE_BY_ONE, step)
            return [
                self._conv("conv1", first_width(self.stage), step=first),
                self._conv("conv2", width, 3, second, groups=convolution_groups(self.stage)),
                self._conv("conv3", output_width(self.stage)),
            ]
        return [self._conv("conv1", width, 3, step), self._conv("conv2", width, 3, later)]

    def _conv(
        self, name: str, width: int, kernel: int = 1, step: WindowStep = ONE_BY_ONE, groups: int = 1
    ) -> WeightedLayer:
        conv, dilation = self.builder.conv, self.stage.dilation if kernel > 1 else 1
        return lambda x, norm_follows: conv(
            x, name, width, kernel, step=step, groups=groups, dilation=dilation, norm_follows=norm_follows
        )

    def _dense(self, name: str, units: int) -> WeightedLayer:
        return lambda x, norm_follows: self.builder.dense(x, name, units, bias=self.builder.wants_bias(norm_follows))

    def _projects(self, x: Record) -> bool:
        block = self.stage.block
        keeps_stride = isinstance(block, ConvBlock) and block.downsample == "subsample"
        changes = (self.step.stride != 1 and not keeps_stride) or x.shape[-1] != output_width(self.stage)
        return block.shortcut == "projection_all" or (block.shortcut == "projection" and changes)

    def _shortcut(self, x: Record) -> Record:
        """Options A, B and C of He et al. 2015, section 4.1; the input itself where nothing changes."""
        builder, block, width, step = self.builder, self.stage.block, output_width(self.stage), self.step
        if isinstance(block, ConvBlock) and block.downsample == "average_pool" and step.stride > 1:
            x = builder.average_by_stride(x, "shortcut.pool", step)
            step = ONE_BY_ONE
        if block.shortcut == "identity_pad":
            changes = step.taken != 1 or x.shape[-1] != width
            return builder.identity_pad(x, "shortcut.pad", width, step.taken) if changes else x
        if not self._projects(x) and x.shape[-1] == width:
            return builder.identity_pad(x, "shortcut.subsample", width, step.taken) if step.taken > 1 else x
        normed = block.order != "full_preactivation" and block.norm.kind != "none"
        if isinstance(block, DenseBlock):
            x = builder.dense(x, "shortcut.dense", width, bias=builder.wants_bias(normed), role="shortcut")
        else:
            kernel = block.shortcut_kernel if isinstance(block, ConvBlock) and step.stride > 1 else None
            x = builder.conv(x, "shortcut.conv", width, kernel or 1, step=step, norm_follows=normed, role="shortcut")
        return builder.norm(x, "shortcut.norm", block.norm) if normed else x
