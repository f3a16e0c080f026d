"""Strides that became dilation: what `output_stride` makes of the strides of a network (Chen et al. 2017).

A dilated network is the strided one that computes at more pixels. At every pixel that both have it gives the same
numbers with the same weights, except through what averages over a whole map: squeeze-excite, group norm and the head.
"""

from __future__ import annotations

from dataclasses import dataclass

from kresnet.spec.architecture import Spec, Stage
from kresnet.spec.stems import NoStem


@dataclass(frozen=True, slots=True)
class WindowStep:
    """How the windows of one layer lie on its map.

    Attributes:
        stride: pixels from window to window, in the strided network's map.
        spacing: pixels of this map from one pixel of the strided network's map to the next; 1 without dilation.
        dilated: whether the layer keeps every pixel, and leaves its stride to the dilation of what follows.
    """

    stride: int = 1
    spacing: int = 1
    dilated: bool = False

    @property
    def taken(self) -> int:
        """Stride that the layer itself takes, which is 1 where it is dilated."""
        return 1 if self.dilated else self.stride


#: The step of what neither strides nor sees a dilated map's spacing.
ONE_BY_ONE = WindowStep()


@dataclass(frozen=True, slots=True)
class DilatedStage:
    """A stage under `output_stride`.

    Attributes:
        settings: settings of the stage in the spec.
        step: step of the layer that strides, in the block that strides.
        spacing: pixels from one pixel of the strided network's map to the next, after that block.
    """

    settings: Stage
    step: WindowStep
    spacing: int

    @property
    def striding(self) -> int:
        """Number of the block that strides, from 1."""
        return self.settings.blocks if self.settings.block.last_block_strides else 1

    def block_steps(self, number: int) -> tuple[WindowStep, WindowStep]:
        """Return how the layer that strides in block `number` (from 1) does, and how the layers after it step."""
        if number == self.striding:
            return self.step, WindowStep(spacing=self.spacing)
        same = WindowStep(spacing=self.step.spacing if number < self.striding else self.spacing)
        return same, same


def dilated_stages(spec: Spec) -> list[DilatedStage]:
    """Return the stages under `output_stride`: a stride beyond it becomes dilation of what follows."""
    stages, spacing, reached = [], 1, 1
    if not isinstance(spec.stem, NoStem):
        reached = spec.stem.stride * (spec.stem.pool.stride if spec.stem.pool else 1)
    for stage in spec.stages:
        dilated = bool(spec.output_stride) and reached * stage.stride > (spec.output_stride or 0)
        step = WindowStep(stage.stride, spacing, dilated)
        spacing *= stage.stride if dilated else 1
        reached *= step.taken
        stages.append(DilatedStage(stage, step, spacing))
    return stages
