"""What a function is given that appends the records of a block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from kresnet.plan.dilation import ONE_BY_ONE, WindowStep
from kresnet.plan.plan_builder import PlanBuilder
from kresnet.plan.records import Record
from kresnet.spec.blocks import Block

Settings = TypeVar("Settings", bound=Block, covariant=True)


@dataclass(frozen=True, slots=True)
class BlockContext(Generic[Settings]):
    """One block of a stage: its settings, its place, and the plan that takes its records.

    Attributes:
        builder: builder of the plan. Its methods append a record each and return it; names are those within the block.
        block: settings of the block.
        width: width of the stage.
        dilation: dilation of the stage's windows.
        step: step of the layer that strides; its stride is 1 in most blocks.
        later: step of the windows after that layer.
        drop_rate: rate of stochastic depth.
        after_stem: whether this is the network's first block and reads the stem's last convolution.
        number: number of the block in its stage, from 1.
    """

    builder: PlanBuilder
    block: Settings
    width: int
    dilation: int
    step: WindowStep
    later: WindowStep
    drop_rate: float
    after_stem: bool = False
    number: int = 1

    @property
    def output_width(self) -> int:
        """Number of output channels of the block."""
        return self.block.output_width(self.width)

    def conv(
        self,
        x: Record,
        name: str,
        width: int,
        kernel: int = 1,
        step: WindowStep = ONE_BY_ONE,
        *,
        groups: int = 1,
        norm_follows: bool = True,
    ) -> Record:
        """Append a convolution with the dilation of the stage.

        Args:
            x: the map `(H, W, C)` that it reads.
            name: its name within the block.
            width: number of output channels.
            kernel: side of its window.
            step: how its windows step; those behind the block's stride step by `later`.
            groups: groups of channels.
            norm_follows: whether a norm reads its output, so that a bias would be redundant.
        """
        dilation = self.dilation if kernel > 1 else 1
        return self.builder.conv(
            x, name, width, kernel, step=step, groups=groups, dilation=dilation, norm_follows=norm_follows
        )

    def depthwise_conv(
        self, x: Record, name: str, kernel: int, step: WindowStep = ONE_BY_ONE, *, norm_follows: bool = True
    ) -> Record:
        """Append a convolution of each channel by itself, with the dilation of the stage; arguments as of `conv`."""
        return self.builder.depthwise_conv(
            x, name, kernel, step=step, dilation=self.dilation, norm_follows=norm_follows
        )


__all__ = ["BlockContext"]
