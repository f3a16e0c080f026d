"""Kinds of attention that may stand at the end of a residual branch."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from kresnet.registry import Registry
from kresnet.spec.base import Activation, Kernel, Width
from kresnet.spec.kinds import OpenUnion

Gate = Literal["sigmoid", "hard_sigmoid"]


class Attention(OpenUnion):
    """Attention at the end of a residual branch."""

    kinds: ClassVar[Registry[Any]] = Registry("kresnet.attentions")


@Attention.register
class SqueezeExcite(Attention):
    """Channel attention by two dense layers (Hu et al. 2018, arXiv:1709.01507)."""

    kind: Literal["squeeze_excite"]
    reduction: Width = 16
    """Channels over hidden units; must divide the channels, unless `divisor` is stated."""
    divisor: Width | None = None
    """What the hidden units are a multiple of, at least one time (timm's `rd_divisor`, 8 there); rounded to the
    nearest."""
    activation: Activation = "relu"
    """Activation between the two dense layers."""
    gate: Gate = "sigmoid"
    """Activation of the second dense layer, which scales the channels."""


@Attention.register
class EfficientChannel(Attention):
    """Channel attention by a convolution over neighbouring channels (Wang et al. 2020, arXiv:1910.03151, ECA)."""

    kind: Literal["efficient_channel"]
    kernel: Kernel | None = None
    """How many neighbouring channels weigh one, an odd number; unless stated, it grows with the channels as in the
    paper's equation 12."""
    gate: Gate = "sigmoid"
    """Activation of the convolution, which scales the channels."""
