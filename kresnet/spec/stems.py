"""What comes before the first stage."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from kresnet.spec.base import Document, Kernel, Stride, Width


class StemPool(Document):
    """Down-sampling between the stem's convolutions and the first stage."""

    kind: Literal["max", "average", "conv"]
    """`conv` is a strided convolution with norm and activation (Bello et al. 2021, arXiv:2103.07579, ResNet-RS)."""
    size: Kernel = 3
    """Window of the pool, in pixels a side."""
    stride: Stride = 2
    """Stride of the pool, in pixels."""
    fill: Literal["lowest", "zero"] = "lowest"
    """What symmetric padding puts around a map before its maximum: nothing that could win, or zeros (Keras)."""
    anti_alias: Literal["average", "blur"] | None = None
    """What shrinks the map in place of the pool's stride, as `block.anti_alias` does."""


class ConvStem(Document):
    """One convolution, and optionally a pool: 7x7 stride 2 for ImageNet, 3x3 stride 1 for small images."""

    kind: Literal["conv"]
    width: Width = 64
    """Output channels of the convolution."""
    kernel: Kernel = 7
    """Kernel of the convolution, in pixels a side."""
    stride: Stride = 2
    """Stride of the convolution."""
    pool: StemPool | None = None
    """Down-sampling after the convolution."""


class DeepStem(Document):
    """A chain of 3x3 convolutions, the first strided (He et al. 2018, arXiv:1812.01187, ResNet-C).

    Widths that grow, such as `[24, 48, 64]`, make it the tiered stem.
    """

    kind: Literal["deep"]
    widths: tuple[Width, ...] = Field((32, 32, 64), min_length=1, max_length=16)
    """Output channels of each convolution."""
    stride: Stride = 2
    """Stride of the first convolution."""
    pool: StemPool | None = None
    """Down-sampling after the last convolution."""


class PatchStem(Document):
    """One convolution whose windows lie side by side, and a norm without an activation (ConvNeXt)."""

    kind: Literal["patch"]
    width: Width = 96
    """Output channels of the convolution."""
    size: Stride = 4
    """Side of a window, in pixels, and the stride from one to the next."""

    @property
    def stride(self) -> int:
        """Stride of the convolution."""
        return self.size

    @property
    def pool(self) -> None:
        """None: the convolution alone shrinks the map."""


class NoStem(Document):
    """The first stage reads the input itself."""

    kind: Literal["none"]


Stem = Annotated[ConvStem | DeepStem | PatchStem | NoStem, Field(discriminator="kind")]
