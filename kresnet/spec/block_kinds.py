"""The kinds of blocks that ship."""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd, lcm
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, PlainSerializer, StrictFloat

from kresnet.errors import Problem
from kresnet.spec.base import Width
from kresnet.spec.blocks import Block, BlockPlace, ConvBlock, ResidualBlock, contradiction


def _whole(number: float) -> float:
    """The integer that a number is, where it is one."""
    return int(number) if number == int(number) else number


Expansion = Annotated[StrictFloat, Field(gt=0, le=64), AfterValidator(_whole), PlainSerializer(_whole, Any)]


@Block.register
class BasicBlock(ConvBlock):
    """Two 3x3 convolutions."""

    kind: Literal["basic"]


@Block.register
class BottleneckBlock(ConvBlock):
    """1x1, 3x3, 1x1 convolutions; the last widens by `expansion`."""

    kind: Literal["bottleneck"]
    expansion: Expansion = 4
    """Output channels of the block over its `width`; a fraction where the block is wider inside than outside."""
    reduce_first: Width | None = None
    """What the width of the first 1x1 convolution is divided by, 1 unless stated (2 in SENet-154)."""
    stride_on: Literal["conv1x1", "conv3x3"] = "conv3x3"
    """Which convolution strides: the first 1x1 (He et al. 2015) or the 3x3 (as PyTorch's ResNet)."""
    groups: Width | None = None
    """Groups of the 3x3 convolution (Xie et al. 2017, arXiv:1611.05431); 1 by default."""
    width_per_group: Width | None = None
    """Instead of `groups`: channels in each group of the 3x3 convolution."""
    attention_at: Literal["end", "conv3x3"] = "end"
    """Where the attention stands: at the end of the residual branch, or behind the 3x3 convolution, its norm and its
    activation (Radosavovic et al. 2020, RegNetY)."""

    def attended_widths(self, place: BlockPlace) -> set[int]:
        return {place.width} if self.attention_at == "conv3x3" else super().attended_widths(place)

    def output_width(self, width: int) -> int:
        return round(width * self.expansion)

    def first_width(self, width: int) -> int:
        """Return the number of channels of the first convolution of blocks in a stage of this width."""
        return width // (self.reduce_first or 1)

    def convolution_groups(self, width: int) -> int:
        """Return the number of groups of the 3x3 convolution of blocks in a stage of this width."""
        return width // self.width_per_group if self.width_per_group else self.groups or 1

    def normed_widths(self, place: BlockPlace) -> set[int]:
        return super().normed_widths(place) | {self.first_width(place.width)}

    def width_multiple(self, output: int) -> int:
        reduced = self.reduce_first or 1
        groups = lcm((self.groups or 1) * reduced, self.width_per_group or 1)
        from fractions import Fraction  # only scaling asks, and every plan would import it

        expansion = Fraction(self.expansion).limit_denominator(1 << 16)
        needed = super().width_multiple(output) * expansion.denominator
        outside = needed // gcd(needed, expansion.numerator)  # its every multiple times the expansion is one of output
        return lcm(groups, self.norm.channel_multiple * reduced, outside)

    def contradictions(self, place: BlockPlace) -> Iterator[Problem]:
        if self.groups and self.width_per_group:
            yield contradiction("width_per_group", "`groups` and `width_per_group` say the same thing twice.",
                                remedy="keep one of them")  # fmt: skip
        yield from self._width_contradictions(place.width)
        for field in ("groups", "width_per_group"):
            value = getattr(self, field)
            if value and place.width % value:
                yield contradiction(field, f"{field} {value} does not divide the width {place.width}.",
                                    expected=f"a divisor of {place.width}", found=str(value))  # fmt: skip
        yield from super().contradictions(place)

    def _width_contradictions(self, width: int) -> Iterator[Problem]:
        """Whole numbers of channels."""
        output, first, groups = self.output_width(width), self.first_width(width), self.convolution_groups(width)
        if abs(width * self.expansion - output) > 1e-6 or output < 1:
            yield contradiction("expansion", f"{self.expansion} times the width {width} is no whole number.",
                                expected=f"a multiple of 1/{width}", found=str(self.expansion))  # fmt: skip
        if not self.reduce_first:
            return
        if width % self.reduce_first:
            yield contradiction("reduce_first", f"{self.reduce_first} does not divide the width {width}.",
                                expected=f"a divisor of {width}", found=str(self.reduce_first))  # fmt: skip
        elif groups and first % groups:
            message = f"{groups} groups do not divide the {first} channels of the first convolution."
            yield contradiction("reduce_first", message, found=str(self.reduce_first))


@Block.register
class DenseBlock(ResidualBlock):
    """Two dense layers, for vectors: width of the stage, through `hidden` units."""

    takes_maps: ClassVar[bool] = False
    width_settings: ClassVar[tuple[str, ...]] = ("hidden",)

    kind: Literal["dense"]
    hidden: Width | None = None
    """Units of the first layer; the stage's width by default."""

    def normed_widths(self, place: BlockPlace) -> set[int]:
        return super().normed_widths(place) | {self.hidden or place.width}


__all__ = ["BasicBlock", "BottleneckBlock", "DenseBlock", "Expansion"]
