"""How training images are changed at random: crop, flip, colour, RandAugment, erasing, others, mixing, in turn."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from kresnet.registry import Registry
from kresnet.spec.base import Document, Flag, NonNegative, Positive, Width, contradiction_error
from kresnet.spec.kinds import OpenUnion


def _rising(pair: tuple[float, float]) -> tuple[float, float]:
    if pair[0] > pair[1]:
        raise contradiction_error("", f"The range [{pair[0]:g}, {pair[1]:g}] is empty")
    return pair


Probability = Annotated[float, Field(strict=True, gt=0, le=1)]
AreaFraction = Annotated[float, Field(strict=True, gt=0, le=1)]
AreaRange = Annotated[tuple[AreaFraction, AreaFraction], AfterValidator(_rising)]
AspectRange = Annotated[tuple[Positive, Positive], AfterValidator(_rising)]
SideRange = Annotated[tuple[Width, Width], AfterValidator(_rising)]
Alpha = Annotated[float, Field(strict=True, gt=0, le=100)]


class ResizedCrop(Document):
    """A part of random area and proportions, resized to the input (Szegedy et al. 2014, arXiv:1409.4842, section 6)."""

    kind: Literal["resized"]
    area: AreaRange = (0.08, 1.0)
    """Smallest and largest share of the image's area."""
    aspect: AspectRange = (0.75, 4 / 3)
    """Smallest and largest width over height; its logarithm is drawn evenly."""


class RescaledCrop(Document):
    """The shorter side brought to a random length, then a random cut (Simonyan and Zisserman 2014, arXiv:1409.1556).

    He et al. 2015, section 3.4, take `[256, 480]`.
    """

    kind: Literal["rescaled"]
    shorter_side: SideRange
    """Least and greatest length in pixels of the shorter side, before the cut to the input's size."""


Crop = Annotated[ResizedCrop | RescaledCrop, Field(discriminator="kind")]


class Augmentation(OpenUnion):
    """A random change of images that a package or script registers; kresnet's own are fields of `augment`."""

    kinds: ClassVar[Registry[Any]] = Registry("kresnet.augmentations")


class ColorJitter(Document):
    """Brightness, contrast and saturation, each multiplied by a factor from [1 - x, 1 + x], in this order."""

    brightness: Annotated[float, Field(strict=True, ge=0, le=1)] = 0.4
    """x for the brightness, which blends the image with black."""
    contrast: Annotated[float, Field(strict=True, ge=0, le=1)] = 0.4
    """x for the contrast, which blends the image with its mean grey."""
    saturation: Annotated[float, Field(strict=True, ge=0, le=1)] = 0.4
    """x for the saturation, which blends the image with itself in grey; it leaves grey images as they are."""

    @model_validator(mode="after")
    def _changes_something(self) -> ColorJitter:
        if not (self.brightness or self.contrast or self.saturation):
            raise contradiction_error("", "A colour jitter of nothing changes nothing; remove `color_jitter`")
        return self


class PaperRandAugment(Document):
    """RandAugment as published (Cubuk et al. 2019, arXiv:1909.13719), with torchvision's operations and ranges."""

    kind: Literal["paper"]
    operations: Annotated[int, Field(strict=True, ge=1, le=16)] = 2
    """N, how many operations an image goes through, drawn with replacement."""
    magnitude: Annotated[float, Field(strict=True, ge=0, le=30)] = 9.0
    """M, 0 to 30, of all operations; the paper takes 9 for ResNet-50."""


class TimmRandAugment(Document):
    """RandAugment as timm has it: 15 operations, each skipped at times, `rand-mM-mstdS-inc1` in timm's notation."""

    kind: Literal["timm"]
    operations: Annotated[int, Field(strict=True, ge=1, le=16)] = 2
    """How many operations are drawn for an image, with replacement."""
    magnitude: Annotated[float, Field(strict=True, ge=0, le=10)] = 9.0
    """Mean magnitude, 0 to 10 (Wightman et al. 2021, arXiv:2110.00476, take 6 and 7)."""
    magnitude_std: NonNegative = 0.5
    """Standard deviation of the magnitude, drawn for each operation; the result is kept within 0 to 10."""
    probability: Probability = 0.5
    """Share of the drawn operations that are carried out."""


RandAugment = Annotated[PaperRandAugment | TimmRandAugment, Field(discriminator="kind")]


class Erase(Document):
    """A rectangle of some images replaced (Zhong et al. 2017, arXiv:1708.04896)."""

    probability: Probability = 0.25
    """Share of the images that lose a rectangle."""
    area: AreaRange = (0.02, 1 / 3)
    """Smallest and largest share of the image's area."""
    aspect: AspectRange = (0.3, 10 / 3)
    """Smallest and largest height over width; its logarithm is drawn evenly."""
    fill: Literal["noise", "mean", "black"] = "noise"
    """Random bytes, the mean of `input.pixels`, or zeros."""


class Mixup(Document):
    """Images and labels averaged in pairs, weighted by Beta(alpha, alpha) (Zhang et al. 2017, arXiv:1710.09412)."""

    kind: Literal["mixup"]
    alpha: Alpha = 0.2
    """Parameter of the beta distribution; the larger, the more even the mixture."""
    probability: Probability = 1.0
    """Share of the steps whose batch is mixed."""


class Cutmix(Document):
    """A rectangle of each image taken from its partner, labels by area (Yun et al. 2019, arXiv:1905.04899)."""

    kind: Literal["cutmix"]
    alpha: Alpha = 1.0
    """Parameter of the beta distribution that the rectangle's area is drawn from."""
    probability: Probability = 1.0
    """Share of the steps whose batch is mixed."""


class MixupOrCutmix(Document):
    """In each step one or the other, as timm switches between them."""

    kind: Literal["mixup_or_cutmix"]
    mixup_alpha: Alpha = 0.1
    """`alpha` of mixup (Wightman et al. 2021, arXiv:2110.00476, Table 2)."""
    cutmix_alpha: Alpha = 1.0
    """`alpha` of cutmix."""
    cutmix_probability: Annotated[float, Field(strict=True, gt=0, lt=1)] = 0.5
    """Share of the mixed batches that are mixed by cutmix."""
    probability: Probability = 1.0
    """Share of the steps whose batch is mixed."""


Mix = Annotated[Mixup | Cutmix | MixupOrCutmix, Field(discriminator="kind")]


class Augment(Document):
    """Random changes of training images, in the order of these fields; evaluation images are never changed."""

    crop_padding: Annotated[int, Field(strict=True, ge=0, le=64)] = 0
    """Pad by this many black pixels a side, then cut at random (He et al. 2015, section 4.2, uses 4)."""
    crop: Crop | None = None
    """A random part of the image as it is stored, instead of `input.resize`."""
    flip: Flag = False
    """Mirror half of the images left to right."""
    color_jitter: ColorJitter | None = None
    """Random brightness, contrast and saturation."""
    lighting_std: NonNegative = 0.0
    """Colour noise along the principal components of ImageNet's colours (Krizhevsky et al. 2012, section 4.1: 0.1)."""
    rand_augment: RandAugment | None = None
    """A few random operations on every image."""
    erase: Erase | None = None
    """Random erasing."""
    others: Annotated[tuple[Augmentation, ...], Field(max_length=20)] = ()
    """Changes of kinds that installed packages or scripts register, one after the other."""
    mix: Mix | None = None
    """Mixtures of two images and their labels."""

    @model_validator(mode="after")
    def _one_crop(self) -> Augment:
        if self.crop and self.crop_padding:
            raise contradiction_error("", "`crop_padding` and `crop` are two ways to cut; keep one of them")
        return self
