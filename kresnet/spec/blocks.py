"""What stages are made of: what any kind of block says of itself, and the settings that residual blocks share.

The kinds themselves are in `kresnet.spec.block_kinds`, and how their layers are appended to a plan in
`kresnet.plan.block_kinds`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from math import lcm
from typing import Any, ClassVar, Literal

from pydantic import Field

from kresnet.errors import Problem
from kresnet.registry import Registry
from kresnet.spec.attention import Attention
from kresnet.spec.base import Activation, Flag, Fraction, Kernel
from kresnet.spec.kinds import OpenUnion
from kresnet.spec.norms import BatchNorm, Norm

Order = Literal[
    "post_activation",
    "norm_after_add",
    "relu_before_add",
    "relu_only_preactivation",
    "full_preactivation",
    "no_activation_after_add",
]
Shortcut = Literal["none", "identity", "identity_pad", "projection", "projection_all"]
AntiAlias = Literal["average", "blur"]


@dataclass(frozen=True, slots=True)
class BlockPlace:
    """Where a block stands, for the rules of arithmetic that its settings must keep.

    Attributes:
        stage: number of its stage, from 1.
        width: width of the stage.
        incoming: number of channels that enter the stage.
        padding: how the network's windows are padded, `same` or `symmetric`.
        blocks: number of its blocks.
    """

    stage: int
    width: int
    incoming: int
    padding: str
    blocks: int = 1


@dataclass(frozen=True, slots=True)
class Preactivation:
    """What blocks begin with before their first weights: the layer before them leaves it to them.

    Attributes:
        norm: the norm; None for the activation alone.
        activation: the activation.
    """

    norm: Norm | None
    activation: str


class Block(OpenUnion):
    """What stages are made of.

    A kind of block is a subclass: its settings, and what the network around it must know of them. The settings `norm`
    and `activation` are by default those of the network in kinds that have them.
    """

    kinds: ClassVar[Registry[Any]] = Registry("kresnet.blocks")
    #: Whether it takes maps `(H, W, C)`, or vectors `(C,)`.
    takes_maps: ClassVar[bool] = True
    #: Names of its settings that are widths, and grow with the network (`kresnet scale`).
    width_settings: ClassVar[tuple[str, ...]] = ()

    def output_width(self, width: int) -> int:
        """Return the number of output channels of blocks in a stage of this width."""
        return width

    @property
    def preactivation(self) -> Preactivation | None:
        """What the block begins with before its first weights; None where it begins with weights."""
        return None

    @property
    def read_multiple(self) -> int:
        """What the number of channels that the block reads must be a multiple of."""
        begins_with = self.preactivation
        return begins_with.norm.channel_multiple if begins_with and begins_with.norm else 1

    @property
    def has_shortcut(self) -> bool:
        """Whether anything is added to its branch, so that stochastic depth can drop the branch."""
        return True

    @property
    def last_block_strides(self) -> bool:
        """Whether the last block of a stage takes its stride, rather than the first."""
        return False

    @property
    def listed_blocks(self) -> int:
        """For how many blocks of a stage its settings have a value of their own."""
        return 0

    def width_multiple(self, output: int) -> int:
        """Return what the width of a stage must be a multiple of.

        Args:
            output: what the number of output channels must be a multiple of, for what reads them.
        """
        return output

    def contradictions(self, place: BlockPlace) -> Iterator[Problem]:
        """Yield what the settings say against each other or their place, with paths within the block's settings."""
        yield from ()


class ResidualBlock(Block):
    """What blocks share that are a chain of weighted layers beside a shortcut."""

    order: Order = "post_activation"
    """Order of norm, activation and weights (He et al. 2016, arXiv:1603.05027, Fig. 4)."""
    shortcut: Shortcut = "projection"
    """`none` (a plain network); `identity`, where the block keeps its input's shape, and none elsewhere (MobileNetV2);
    or options A, B and C of He et al. 2015, section 4.1."""
    activation: Activation = "relu"
    """Activation of the block; the network's by default."""
    norm: Norm = Field(default_factory=lambda: BatchNorm(kind="batch"))
    """Norm of the block; the network's by default."""
    zero_init_last: Flag = False
    """Start the last gamma before the addition at zero, so that the block starts as the identity."""
    dropout: Fraction = 0.0
    """Rate of dropout before the last weights of the block (Zagoruyko and Komodakis 2016, arXiv:1605.07146)."""

    def normed_widths(self, place: BlockPlace) -> set[int]:
        """Return the numbers of channels that norms of the branch and the shortcut normalise."""
        return {place.width, self.output_width(place.width)}

    @property
    def preactivation(self) -> Preactivation | None:
        match self.order:
            case "full_preactivation":
                return Preactivation(self.norm, self.activation)
            case "relu_only_preactivation":
                return Preactivation(None, self.activation)
        return None

    @property
    def has_shortcut(self) -> bool:
        return self.shortcut != "none"

    def width_multiple(self, output: int) -> int:
        return lcm(output, self.norm.channel_multiple)

    def contradictions(self, place: BlockPlace) -> Iterator[Problem]:
        where = f"stage {place.stage}"
        for channels in sorted(self.normed_widths(place)):
            yield from within("norm", self.norm.contradictions(channels, where))
        if self.norm.kind == "none" and self.order == "full_preactivation":
            yield contradiction("order", "Without norm, full_preactivation is relu_only_preactivation.",
                                remedy="order: relu_only_preactivation")  # fmt: skip
        if self.zero_init_last and (reason := self._no_last_gamma()):
            yield contradiction("zero_init_last", f"zero_init_last cannot be used: {reason}.")
        outgoing = self.output_width(place.width)
        if self.shortcut == "identity_pad" and outgoing < place.incoming:
            message = f"identity_pad would have to drop channels: {place.incoming} enter {where}, {outgoing} leave it."
            yield contradiction("shortcut", message, remedy="shortcut: projection")
        if self.order == "full_preactivation":
            yield from within("norm", self.norm.contradictions(place.incoming, f"{where}'s input"))

    def _no_last_gamma(self) -> str:
        """Why no gamma that could start at zero stands last before the addition; empty if one does."""
        if self.norm.kind == "none":
            return "there is no norm whose gamma could start at zero"
        if self.shortcut == "none":
            return "without a shortcut the block would output zero"
        if self.order in ("full_preactivation", "norm_after_add"):
            return f"in order {self.order} no norm stands last before the addition"
        if self.order == "relu_before_add":
            return "an activation follows that norm, and would pass no gradient"
        return ""


class ConvBlock(ResidualBlock):
    """What residual blocks of convolutions share."""

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
    """Attention at the end of the residual branch, or where the block says."""

    def attended_widths(self, place: BlockPlace) -> set[int]:
        """Return the numbers of channels that the attention weighs."""
        return {self.output_width(place.width)}

    @property
    def last_block_strides(self) -> bool:
        return self.stride_in == "last_block"

    def width_multiple(self, output: int) -> int:
        return super().width_multiple(lcm(output, self.attention.channel_multiple if self.attention else 1))

    def contradictions(self, place: BlockPlace) -> Iterator[Problem]:
        yield from super().contradictions(place)
        if self.shortcut_kernel and self.shortcut_kernel % 2 == 0 and place.padding == "symmetric":
            message = f"A window of {self.shortcut_kernel} cannot be padded symmetrically."
            yield contradiction("shortcut_kernel", message, expected="an odd number", found=str(self.shortcut_kernel))
        if attention := self.attention:
            for channels in sorted(self.attended_widths(place)):
                yield from within("attention", attention.contradictions(channels))


def contradiction(path: str, message: str, **details: Any) -> Problem:
    """Return the problem of settings that are valid one by one, at a path within the settings that tell it."""
    return Problem("contradiction", message, path=path, **details)


def within(path: str, problems: Iterable[Problem]) -> Iterator[Problem]:
    """Yield problems with their paths below `path`."""
    return (replace(problem, path=f"{path}.{problem.path}" if problem.path else path) for problem in problems)


__all__ = ["AntiAlias", "Block", "BlockPlace", "ConvBlock", "Order", "Preactivation", "ResidualBlock", "Shortcut",
           "contradiction", "within"]  # fmt: skip
