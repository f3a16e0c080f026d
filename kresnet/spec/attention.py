"""Kinds of attention that may stand at the end of a residual branch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from kresnet.errors import Problem
from kresnet.registry import Registry
from kresnet.spec.base import Activation, Fraction, Kernel, Width
from kresnet.spec.kinds import OpenUnion

Gate = Literal["sigmoid", "hard_sigmoid"]


class Attention(OpenUnion):
    """Attention at the end of a residual branch."""

    kinds: ClassVar[Registry[Any]] = Registry("kresnet.attentions")

    @property
    def channel_multiple(self) -> int:
        """What the number of channels that it weighs must be a multiple of."""
        return 1

    def contradictions(self, channels: int) -> Iterator[Problem]:
        """Yield why so many channels cannot be weighed, with paths within the attention's own settings."""
        yield from ()


@Attention.register
class SqueezeExcite(Attention):
    """Channel attention by two dense layers (Hu et al. 2018, arXiv:1709.01507)."""

    kind: Literal["squeeze_excite"]
    reduction: Width = 16
    """Channels over hidden units; must divide the channels, unless `divisor` is stated."""
    relative_to: Literal["channels", "block_input"] = "channels"
    """Which channels `reduction` divides: those that are scaled, or those that enter the block (RegNet)."""
    divisor: Width | None = None
    """What the hidden units are a multiple of, at least one time (timm's `rd_divisor`, 8 there); rounded to the
    nearest, and with 1 halves to the even one."""
    least_share: Fraction = 0.0
    """The least share of the hidden units that rounding by `divisor` may leave (0.9 in MobileNetV3)."""
    activation: Activation = "relu"
    """Activation between the two dense layers."""
    gate: Gate = "sigmoid"
    """Activation of the second dense layer, which scales the channels."""

    @property
    def channel_multiple(self) -> int:
        return 1 if self.divisor else self.reduction

    def contradictions(self, channels: int) -> Iterator[Problem]:
        if self.relative_to == "channels" and channels % self.channel_multiple:
            message = f"reduction {self.reduction} does not divide the {channels} channels of the block."
            yield Problem("contradiction", message, path="reduction", expected=f"a divisor of {channels}",
                          found=str(self.reduction),
                          remedy="divisor: 8, which rounds the hidden units to eights, as timm does")  # fmt: skip


@Attention.register
class EfficientChannel(Attention):
    """Channel attention by a convolution over neighbouring channels (Wang et al. 2020, arXiv:1910.03151, ECA)."""

    kind: Literal["efficient_channel"]
    kernel: Kernel | None = None
    """How many neighbouring channels weigh one, an odd number; unless stated, it grows with the channels as in the
    paper's equation 12."""
    gate: Gate = "sigmoid"
    """Activation of the convolution, which scales the channels."""

    def contradictions(self, channels: int) -> Iterator[Problem]:
        if self.kernel and self.kernel % 2 == 0:
            message = f"A window of {self.kernel} channels has no middle."
            yield Problem("contradiction", message, path="kernel", expected="an odd number",
                          found=str(self.kernel))  # fmt: skip
