"""What stages are made of: norms, activations, and the kinds of blocks."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, PlainSerializer, StrictFloat

from kresnet.registry import Registry
from kresnet.spec.attention import Attention
from kresnet.spec.base import Activation, Flag, Fraction, Kernel, Momentum, Positive, Width
from kresnet.spec.kinds import OpenUnion

Order = Literal[
    "post_activation",
    "norm_after_add",
    "relu_before_add",
    "relu_only_preactivation",
    "full_preactivation",
    "no_activation_after_add",
]
Shortcut = Literal["none", "identity_pad", "projection", "projection_all"]
AntiAlias = Literal["average", "blur"]


def _whole(number: float) -> float:
    """The integer that a number is, where it is one."""
    return int(number) if number == int(number) else number


Expansion = Annotated[StrictFloat, Field(gt=0, le=64), AfterValidator(_whole), PlainSerializer(_whole, Any)]


class Norm(OpenUnion):
    """Normalisation of activations."""

    kinds: ClassVar[Registry[Any]] = Registry("kresnet.norms")


@Norm.register
class BatchNorm(Norm):
    """Batch normalisation (Ioffe and Szegedy 2015, arXiv:1502.03167)."""

    kind: Literal["batch"]
    momentum: Momentum = 0.9
    """Share of the old moving statistics kept at each step (PyTorch's momentum is one minus this)."""
    epsilon: Positive = 1e-5
    """Added to the variance before the square root."""
    synchronized: Flag = False
    """Use the statistics of the global batch rather than of each replica."""


@Norm.register
class GroupNorm(Norm):
    """Group normalisation (Wu and He 2018, arXiv:1803.08494)."""

    kind: Literal["group"]
    groups: Width = 32
    """Groups of channels; must divide every normalised width."""
    epsilon: Positive = 1e-5
    """Added to the variance before the square root."""


@Norm.register
class LayerNorm(Norm):
    """Layer normalisation over the channels of each position (Ba et al. 2016, arXiv:1607.06450)."""

    kind: Literal["layer"]
    epsilon: Positive = 1e-5
    """Added to the variance before the square root."""


@Norm.register
class NoNorm(Norm):
    """No normalisation."""

    kind: Literal["none"]


class Block(OpenUnion):
    """What stages are made of."""

    kinds: ClassVar[Registry[Any]] = Registry("kresnet.blocks")
    order: Order = "post_activation"
    """Order of norm, activation and weights (He et al. 2016, arXiv:1603.05027, Fig. 4)."""
    shortcut: Shortcut = "projection"
    """`none` (a plain network), or options A, B and C of He et al. 2015, section 4.1."""
    activation: Activation = "relu"
    """Activation of the block; the network's by default."""
    norm: Norm = Field(default_factory=lambda: BatchNorm(kind="batch"))
    """Norm of the block; the network's by default."""
    zero_init_last: Flag = False
    """Start the last gamma before the addition at zero, so that the block starts as the identity."""
    dropout: Fraction = 0.0
    """Rate of dropout before the last weights of the block (Zagoruyko and Komodakis 2016, arXiv:1605.07146)."""


class ConvBlock(Block):
    stride_in: Literal["first_block", "last_block"] = "first_block"
    """Which block of a stage strides: the first (He et al. 2015), or the last (keras.applications' version 2)."""
    downsample: Literal["conv", "average_pool", "subsample"] = "conv"
    """How a shortcut shrinks the map: by its own stride; by an average pool before it (ResNet-D); or, where the
    channels stay, by taking every `stride`-th pixel without weights (keras.applications' version 2)."""
    shortcut_kernel: Kernel | None = None
    """Kernel of a shortcut's convolution that strides, 1 unless stated (3 in SENet-154); others are 1x1."""
    anti_alias: AntiAlias | None = None
    """What shrinks the map of the residual branch in place of the stride of a 3x3 convolution, behind its activation:
    the average of as many pixels as the stride, or a `blur` by [1, 2, 1] / 4 each way (Zhang 2019, arXiv:1904.11486).
    """
    attention: Attention | None = None
    """Attention at the end of the residual branch."""


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


@Block.register
class DenseBlock(Block):
    """Two dense layers, for vectors: width of the stage, through `hidden` units."""

    kind: Literal["dense"]
    hidden: Width | None = None
    """Units of the first layer; the stage's width by default."""
