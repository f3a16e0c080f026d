"""The settings of ConvNeXt's block."""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd, lcm
from typing import Literal

from pydantic import Field

from kresnet.errors import Problem
from kresnet.spec.base import Activation, Flag, Kernel, Positive
from kresnet.spec.block_kinds import Expansion
from kresnet.spec.blocks import Block, BlockPlace, contradiction, within
from kresnet.spec.norms import LayerNorm, Norm


@Block.register
class ConvNeXtBlock(Block):
    """A depthwise convolution, a norm, and two layers on each pixel, the inner one wider (Liu et al. 2022).

    arXiv:2201.03545, Fig. 4; with `response_norm` the block of ConvNeXt V2 (Woo et al. 2023, arXiv:2301.00808, Fig. 5).
    What strides or changes the channels is a norm and a convolution of its own before the block, whose windows lie
    side by side.
    """

    kind: Literal["convnext"]
    kernel: Kernel = 7
    """Kernel of the depthwise convolution, in pixels a side."""
    expansion: Expansion = 4
    """Channels between the two layers over those of the block."""
    activation: Activation = "gelu"
    """Activation between them; the network's by default."""
    norm: Norm = Field(default_factory=lambda: LayerNorm(kind="layer", epsilon=1e-6))
    """Norm of the block, and before what strides; the network's by default."""
    layer_scale: Positive | None = 1e-6
    """Initial value of a factor a channel at the end of the branch (Touvron et al. 2021, arXiv:2103.17239); null for
    none, as in V2."""
    response_norm: Flag = False
    """Weigh the inner channels by their share in the response of the whole map, as V2 does."""

    def inner_width(self, width: int) -> int:
        """Return the number of channels between the two layers of blocks in a stage of this width."""
        return round(width * self.expansion)

    @property
    def read_multiple(self) -> int:
        return self.norm.channel_multiple

    def width_multiple(self, output: int) -> int:
        from fractions import Fraction  # only scaling asks, and every plan would import it

        denominator = Fraction(self.expansion).limit_denominator(1 << 16).denominator
        needed = lcm(output, self.norm.channel_multiple)
        return needed * denominator // gcd(needed, denominator)

    def contradictions(self, place: BlockPlace) -> Iterator[Problem]:
        width = place.width
        yield from within("norm", self.norm.contradictions(width, f"stage {place.stage}"))
        if place.incoming != width:
            yield from within("norm", self.norm.contradictions(place.incoming, f"stage {place.stage}'s input"))
        if abs(width * self.expansion - self.inner_width(width)) > 1e-6 or self.inner_width(width) < 1:
            yield contradiction("expansion", f"{self.expansion} times the width {width} is no whole number.",
                                expected=f"a multiple of 1/{width}", found=str(self.expansion))  # fmt: skip
        if self.kernel % 2 == 0 and place.padding == "symmetric":
            message = f"A window of {self.kernel} cannot be padded symmetrically."
            yield contradiction("kernel", message, expected="an odd number", found=str(self.kernel))


__all__ = ["ConvNeXtBlock"]
