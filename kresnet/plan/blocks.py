"""One residual (or plain) block: weights in the order that the spec names, beside its shortcut."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kresnet.plan.plan_builder import PlanBuilder
from kresnet.plan.records import Record
from kresnet.spec.architecture import Stage
from kresnet.spec.blocks import BottleneckBlock, DenseBlock
from kresnet.spec.contradictions import PREACTIVATION, convolution_groups, output_width

#: A weighted layer: its input and whether a norm follows it -> its output.
WeightedLayer = Callable[[Record, bool], Record]


@dataclass(frozen=True, slots=True)
class BlockBuilder:
    """Appends the records of one block to a plan.

    Attributes:
        builder: builder of the plan, which takes the records.
        stage: the settings that all blocks of the stage share.
        stride: stride of this block.
        dilations: dilation of the block's first 3x3 convolution, and of its later ones.
        drop_rate: rate of stochastic depth.
        after_stem: whether this is the network's first block and reads the stem's last convolution.
    """

    builder: PlanBuilder
    stage: Stage
    stride: int
    dilations: tuple[int, int]
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
        out = self._squeeze_excite(self._branch(x, activated))
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

    def _weighted_layers(self) -> list[WeightedLayer]:
        block, width = self.stage.block, self.stage.width
        first, later = self.dilations
        if isinstance(block, DenseBlock):
            return [self._dense("dense1", block.hidden or width), self._dense("dense2", width)]
        if isinstance(block, BottleneckBlock):
            strides = (self.stride, 1) if block.stride_on == "conv1x1" else (1, self.stride)
            return [
                self._conv("conv1", width, stride=strides[0]),
                self._conv("conv2", width, 3, strides[1], groups=convolution_groups(self.stage), dilation=first),
                self._conv("conv3", output_width(self.stage)),
            ]
        return [
            self._conv("conv1", width, 3, self.stride, dilation=first),
            self._conv("conv2", width, 3, dilation=later),
        ]

    def _conv(self, name: str, width: int, kernel: int = 1, stride: int = 1, **rest: Any) -> WeightedLayer:
        conv = self.builder.conv
        return lambda x, norm_follows: conv(x, name, width, kernel, stride, norm_follows=norm_follows, **rest)

    def _dense(self, name: str, units: int) -> WeightedLayer:
        return lambda x, norm_follows: self.builder.dense(x, name, units, bias=self.builder.wants_bias(norm_follows))

    def _projects(self, x: Record) -> bool:
        block = self.stage.block
        keeps_stride = not isinstance(block, DenseBlock) and block.downsample == "subsample"
        changes = (self.stride != 1 and not keeps_stride) or x.shape[-1] != output_width(self.stage)
        return block.shortcut == "projection_all" or (block.shortcut == "projection" and changes)

    def _shortcut(self, x: Record) -> Record:
        """Options A, B and C of He et al. 2015, section 4.1; the input itself where nothing changes."""
        builder, block, width, stride = self.builder, self.stage.block, output_width(self.stage), self.stride
        if not isinstance(block, DenseBlock) and block.downsample == "average_pool" and stride > 1:
            x = builder.pool(x, "shortcut.pool", "average", stride, stride, same=True)
            stride = 1
        if block.shortcut == "identity_pad":
            changes = stride != 1 or x.shape[-1] != width
            return builder.identity_pad(x, "shortcut.pad", width, stride) if changes else x
        if not self._projects(x) and x.shape[-1] == width:
            return builder.identity_pad(x, "shortcut.subsample", width, stride) if stride > 1 else x
        normed = block.order != "full_preactivation" and block.norm.kind != "none"
        if isinstance(block, DenseBlock):
            x = builder.dense(x, "shortcut.dense", width, bias=builder.wants_bias(normed), role="shortcut")
        else:
            x = builder.conv(x, "shortcut.conv", width, 1, stride, norm_follows=normed, role="shortcut")
        return builder.norm(x, "shortcut.norm", block.norm) if normed else x

    def _squeeze_excite(self, x: Record) -> Record:
        """Hu et al. 2018, Fig. 3: pool, reduce, expand, scale."""
        block = self.stage.block
        if isinstance(block, DenseBlock) or (excite := block.squeeze_excite) is None:
            return x
        builder, channels = self.builder, x.shape[-1]
        gate = builder.global_pool(x, "squeeze_excite.pool", "average", keep_map=True)
        gate = builder.dense(gate, "squeeze_excite.reduce", channels // excite.reduction, role="squeeze_excite")
        gate = builder.activation(gate, "squeeze_excite.activation", excite.activation)
        gate = builder.dense(gate, "squeeze_excite.expand", channels, role="squeeze_excite")
        gate = builder.activation(gate, "squeeze_excite.gate", excite.gate)
        return builder.multiply(x, gate, "squeeze_excite.scale")
