"""Rules that give the stages of a network by a few numbers."""

from __future__ import annotations

from collections.abc import Mapping
from math import log
from typing import Annotated, Any

from pydantic import Field, StrictFloat, ValidationError

from kresnet.spec.base import Document, Fraction, NonNegative, Width
from kresnet.spec.rounding import round_to_multiple

#: What widths are multiples of before groups are regarded.
_QUANTUM = 8


class RegNetWidths(Document):
    """Radosavovic et al. 2020, arXiv:2003.13678, section 3.3: widths that lie near a line, each stage of one width.

    Block `j` of `depth` has the width `w0 + wa * j`, which is rounded to `w0 * wm ** k` for the nearest whole `k`, then
    to a multiple of 8; blocks of one width are a stage, which strides by 2. The 3x3 convolution is `1 / expansion`
    times as wide as its block, in groups of `group_width` channels or of all, to a multiple of which it is rounded.
    """

    w0: Width
    """Width that the line begins with; a multiple of 8."""
    wa: NonNegative
    """Width by which the line rises from block to block."""
    wm: Annotated[StrictFloat, Field(gt=1)]
    """Factor from stage to stage."""
    depth: Annotated[int, Field(strict=True, ge=1, le=2000)]
    """Number of blocks."""
    group_width: Width
    """Channels in a group of the 3x3 convolution."""
    least_share: Fraction = 0.0
    """The least share of a width that rounding to groups may leave, 0.9 in torchvision; it is rounded up then."""

    def stages(self, expansion: float, *, grouped: bool = True) -> list[dict[str, Any]]:
        """Return the stages, as a spec states them.

        Args:
            expansion: output channels of a block over those of its 3x3 convolution.
            grouped: whether that convolution can have groups.
        """
        widths: dict[int, int] = {}
        for block in range(self.depth):
            power = round(log((self.w0 + self.wa * block) / self.w0) / log(self.wm))
            width = round(self.w0 * self.wm**power / _QUANTUM) * _QUANTUM
            widths[width] = widths.get(width, 0) + 1
        return [self._stage(width, blocks, expansion, grouped) for width, blocks in sorted(widths.items())]

    def _stage(self, width: int, blocks: int, expansion: float, grouped: bool) -> dict[str, Any]:
        inside = max(int(width / expansion), 1)
        group = min(self.group_width, inside)
        rounded = round(inside / group) * group
        if self.least_share:
            rounded = round_to_multiple(inside, group, self.least_share)
        stage = {"blocks": blocks, "width": rounded, "stride": 2}
        return stage | ({"block": {"width_per_group": group}} if grouped and group < rounded else {})


class Widths(Document):
    """A rule that gives the stages of a network."""

    regnet: RegNetWidths
    """RegNet's rule."""


def expand_widths(document: Mapping[str, Any], block: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """Return the stages that the rule of a spec document gives; None where it has no rule, or none that is valid.

    Args:
        document: the document, in which `stages` and `widths` are not both stated.
        block: its block, with what the network hands down to it.
    """
    if document.get("widths") is None or document.get("stages") is not None:
        return None
    try:
        widths = Widths.model_validate(document["widths"])
    except ValidationError:
        return None
    grouped = block.get("kind") == "bottleneck"  # the one kind whose width is that of its 3x3 convolution
    expansion = block.get("expansion", 4) if grouped else 1
    valid = isinstance(expansion, int | float) and not isinstance(expansion, bool) and expansion > 0
    return widths.regnet.stages(expansion, grouped=grouped) if valid else None


__all__ = ["RegNetWidths", "Widths", "expand_widths"]
