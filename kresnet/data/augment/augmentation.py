"""What a recipe's `augment` does to training images: a random crop, then transforms in a fixed order."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
import tensorflow as tf

from kresnet.data.augment.color import RandomColorJitter, RandomLighting
from kresnet.data.augment.crops import make_random_crop
from kresnet.data.augment.erase import RandomErasing
from kresnet.data.augment.rand_augment import RandAugmentTransform
from kresnet.data.augment.shift import ShiftAndFlip
from kresnet.data.counter_rng import CounterRng
from kresnet.spec.inputs import Input
from kresnet.spec.recipe import Augment


class BatchTransform(Protocol):
    """One augmentation, which draws numbers in NumPy and changes images by them in the graph."""

    def draw(self, rng: CounterRng) -> tuple[np.ndarray, ...]:
        """Draw what to do with each example: arrays (B, ...), functions of the random numbers alone."""

    def apply(self, images: tf.Tensor, *drawn: Any) -> tf.Tensor:
        """Return images, uint8 (B, H, W, C), changed by what was drawn for them; graph code."""


class AugmentationDraws(NamedTuple):
    """What an `Augmentation` drew for some examples, arrays of B rows each.

    Attributes:
        crop: what `RandomCrop.draw` returned, float32 (B, n); empty where images are read whole.
        transforms: what `BatchTransform.draw` returned, one entry a transform, in order.
    """

    crop: tuple[np.ndarray, ...]
    transforms: tuple[tuple[np.ndarray, ...], ...]


class Augmentation:
    """A recipe's `augment`, for one network's input; mixing, which needs the step's whole batch, comes after it.

    Attributes:
        crop: the random part that is read of each image; None to read it whole.
        transforms: what then happens to it, in this order: shift and flip, colour, RandAugment, erasing.
    """

    def __init__(self, settings: Augment, input: Input) -> None:
        """Take the recipe's settings and the spec's input.

        Raises:
            KresnetError: `contradiction`, for settings that do not suit the input.
        """
        self.crop = make_random_crop(settings.crop, input) if settings.crop else None
        self.transforms: list[BatchTransform] = []
        if settings.crop_padding or settings.flip:
            self.transforms.append(ShiftAndFlip(settings.crop_padding, settings.flip))
        if settings.color_jitter:
            self.transforms.append(RandomColorJitter(settings.color_jitter))
        if settings.lighting_std:
            self.transforms.append(RandomLighting(settings.lighting_std, input))
        if settings.rand_augment:
            self.transforms.append(RandAugmentTransform(settings.rand_augment, input))
        if settings.erase:
            self.transforms.append(RandomErasing(settings.erase, input))

    def draw(self, rng: CounterRng) -> AugmentationDraws:
        """Draw what the crop, if any, and each transform need for the examples of `rng`."""
        return AugmentationDraws(
            crop=(self.crop.draw(rng),) if self.crop else (),
            transforms=tuple(transform.draw(rng) for transform in self.transforms),
        )
