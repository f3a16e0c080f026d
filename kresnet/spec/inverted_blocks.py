"""Blocks that are wider inside than outside, and whose last convolution is linear."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from kresnet.errors import Problem
from kresnet.spec.base import Kernel, Width
from kresnet.spec.block_kinds import Expansion
from kresnet.spec.blocks import Block, BlockPlace, ConvBlock, Order, Shortcut, contradiction
from kresnet.spec.rounding import LEAST_SHARE, round_to_multiple


class ExpandingBlock(ConvBlock):
    """What blocks share that widen what they read, and have a linear end."""

    order: Order = "no_activation_after_add"
    """Order of norm, activation and weights (He et al. 2016, arXiv:1603.05027, Fig. 4)."""
    shortcut: Shortcut = "identity"
    """`none` (a plain network); `identity`, where the block keeps its input's shape, and none elsewhere (MobileNetV2);
    or options A, B and C of He et al. 2015, section 4.1."""
    kernel: Kernel = 3
    """Kernel of the convolution that strides, in pixels a side."""
    expansion: Expansion = 6
    """Channels inside the block over those that enter it; with 1 it has no convolution that expands."""
    expansions: Annotated[tuple[Expansion, ...], Field(min_length=1, max_length=2000)] | None = None
    """Instead of `expansion`: one for each block of the stage, the last for those that follow (MobileNetV3)."""
    divisor: Width = 8
    """What the channels inside are rounded to a multiple of, by no more than a tenth downwards."""

    @property
    def listed_blocks(self) -> int:
        return len(self.expansions or ())

    def expansion_of(self, number: int) -> float:
        """Return the expansion of a block by its number in the stage, from 1."""
        return self.expansions[min(number, len(self.expansions)) - 1] if self.expansions else self.expansion

    def inner_width(self, incoming: int, number: int) -> int:
        """Return the number of channels inside a block of this number, from 1, which so many channels enter."""
        expansion = self.expansion_of(number)
        return incoming if expansion == 1 else round_to_multiple(incoming * expansion, self.divisor, LEAST_SHARE)

    def inner_widths(self, place: BlockPlace) -> set[int]:
        """Return the numbers of channels inside the blocks of a stage."""
        numbers = range(2, min(place.blocks, max(2, self.listed_blocks)) + 1)
        return {self.inner_width(place.incoming, 1)} | {self.inner_width(place.width, each) for each in numbers}

    def normed_widths(self, place: BlockPlace) -> set[int]:
        return super().normed_widths(place) | self.inner_widths(place)

    def attended_widths(self, place: BlockPlace) -> set[int]:
        return self.inner_widths(place)

    def contradictions(self, place: BlockPlace) -> Iterator[Problem]:
        yield from super().contradictions(place)
        if self.listed_blocks > place.blocks:
            listed, expected = str(self.listed_blocks), f"at most {place.blocks}"
            message = f"Stage {place.stage} has {place.blocks} blocks, and {listed} expansions."
            yield contradiction("expansions", message, expected=expected, found=listed)
        if self.kernel % 2 == 0 and place.padding == "symmetric":
            message = f"A window of {self.kernel} cannot be padded symmetrically."
            yield contradiction("kernel", message, expected="an odd number", found=str(self.kernel))


@Block.register
class InvertedBlock(ExpandingBlock):
    """A 1x1 convolution that expands, a depthwise one, and a linear 1x1 (Sandler et al. 2018, arXiv:1801.04381).

    Attention stands behind the depthwise convolution, its norm and its activation (Howard et al. 2019, MobileNetV3).
    """

    kind: Literal["inverted"]


@Block.register
class FusedInvertedBlock(ExpandingBlock):
    """A convolution that expands, and a linear 1x1; one convolution alone where nothing expands (EfficientNetV2)."""

    kind: Literal["fused_inverted"]

    def contradictions(self, place: BlockPlace) -> Iterator[Problem]:
        yield from super().contradictions(place)
        if self.anti_alias and any(self.expansion_of(number) == 1 for number in range(1, place.blocks + 1)):
            message = "Anti-aliasing stands before the 1x1 convolution, which a block that does not expand has not."
            yield contradiction("anti_alias", message, remedy="anti_alias: null")


__all__ = ["ExpandingBlock", "FusedInvertedBlock", "InvertedBlock"]
