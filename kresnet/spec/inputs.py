"""What enters a network, and what its pixels mean."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from kresnet.spec.base import Document, Flag, Number, Positive, Width

#: The lowest and the highest sample of an image of 16 bits.
SIXTEEN_BITS = (0, 65535)

Byte = Annotated[int, Field(strict=True, ge=0, le=255)]
Sample = Annotated[int, Field(strict=True, ge=0, le=65535)]


class Pixels(Document):
    """What a pixel means: bytes 0-255 are mapped linearly to `range`, then normalised by `mean` and `std`."""

    range: tuple[Number, Number] = (0.0, 1.0)
    """The numbers that the byte values 0 and 255 become."""
    mean: tuple[Number, ...] = (0.0,)
    """What is subtracted after scaling: one number, or one a channel."""
    std: tuple[Positive, ...] = (1.0,)
    """What is divided by after the mean is subtracted: one number, or one a channel."""
    channel_order: Literal["rgb", "bgr"] = "rgb"
    """The order in which a colour image's channels reach the first convolution."""


class Stretch(Document):
    """Resize to the input's height and width, whatever the image's own proportions."""

    kind: Literal["stretch"]
    interpolation: Literal["bilinear", "bicubic", "nearest"] = "bilinear"
    """How pixels are interpolated; an antialiasing filter is used when shrinking."""


class CenterCrop(Document):
    """Resize the shorter side, keeping proportions, then cut the centre to the input's height and width.

    Of an input that is not square, the side that is shorter in relation to the input's is the shorter one: the image is
    brought to the smallest size that covers the input, enlarged by `shorter_side` over the input's shorter side.
    """

    kind: Literal["center_crop"]
    shorter_side: Width
    """Length in pixels of the shorter side before the cut; at least the input's shorter side."""
    interpolation: Literal["bilinear", "bicubic", "nearest"] = "bilinear"
    """How pixels are interpolated; an antialiasing filter is used when shrinking."""
    rounding: Literal["down", "half_even"] | None = None
    """Where the cut begins if the pixels left over are odd: half of them rounded `down`, as it is unless stated, or to
    the even neighbour, as torchvision's and timm's `CenterCrop` do."""


Resize = Annotated[Stretch | CenterCrop, Field(discriminator="kind")]


#: What an image's input has where nothing is stated.
_IMAGE_DEFAULTS = {
    "pixels": {},
    "resize": {"kind": "stretch"},
    "background": (255, 255, 255),
    "sample_range": SIXTEEN_BITS,
}


class Input(Document):
    """What enters the network: an image `[height, width, channels]` or a vector `[length]`."""

    shape: tuple[Width, ...] = Field(min_length=1, max_length=3)
    """`[height, width, channels]`, or `[length]` for a vector."""
    any_size: Flag = False
    """Build the graph for any height and width; the plan's figures are for `shape`."""
    pixels: Pixels | None = None
    """What a pixel means; images only."""
    resize: Resize | None = None
    """How an image of another size is brought to `shape`; images only."""
    background: tuple[Byte, Byte, Byte] | None = None
    """Red, green and blue that show through where an image file is transparent, white unless stated; images only."""
    sample_range: tuple[Sample, Sample] | None = None
    """The samples of a 16-bit image file that become the bytes 0 and 255, as `[0, 4095]` of a 12-bit camera's; what
    lies beyond is cut off. All, `[0, 65535]`, unless stated; images only."""
    jpeg_decoding: Literal["full", "scaled"] | None = None
    """How a JPEG that is made smaller is decoded: `full`, as it is unless stated, or `scaled` by the decoder to a half,
    a quarter or an eighth that still has twice the pixels each way that the network takes, which is quicker; images
    only."""

    @model_validator(mode="before")
    @classmethod
    def _image_defaults(cls, document: Any) -> Any:
        if isinstance(document, dict) and isinstance(shape := document.get("shape"), list | tuple) and len(shape) == 3:
            return _IMAGE_DEFAULTS | document
        return document

    @property
    def interpolation(self) -> Literal["bilinear", "bicubic", "nearest"]:
        """How pixels of an image are interpolated when it is resized."""
        return self.resize.interpolation if self.resize else "bilinear"

    @property
    def is_image(self) -> bool:
        """Whether the input is an image, and not a vector."""
        return len(self.shape) == 3
