"""What a recipe's `augment` does to training images: a random crop, then transforms in a fixed order."""

from __future__ import annotations

from functools import cached_property
from itertools import groupby
from typing import NamedTuple, Protocol

import numpy as np
import tensorflow as tf

from kresnet.data.augment.color import RandomColorJitter, RandomLighting
from kresnet.data.augment.compiled_batches import TRIED, BatchChange, change_batch, compiled_changes
from kresnet.data.augment.crops import make_random_crop
from kresnet.data.augment.erase import RandomErasing
from kresnet.data.augment.mix import PairMixing
from kresnet.data.augment.rand_augment import RandAugmentTransform
from kresnet.data.augment.shift import ShiftAndFlip
from kresnet.data.counter_rng import CounterRng
from kresnet.spec.base import Document
from kresnet.spec.implementations import implement, implementation
from kresnet.spec.inputs import Input
from kresnet.spec.recipe import Augment, ColorJitter, Erase, PaperRandAugment, TimmRandAugment


class BatchTransform(BatchChange, Protocol):
    """One augmentation, which draws numbers in NumPy for each image, and changes images by them."""

    def draw(self, rng: CounterRng) -> tuple[np.ndarray, ...]:
        """Draw what to do with each example: arrays (B, ...), functions of the random numbers alone."""


class AugmentationDraws(NamedTuple):
    """What an `BatchAugmentation` drew for some examples, arrays of B rows each.

    Attributes:
        crop: what `RandomCrop.draw` returned, float32 (B, n); empty where images are read whole.
        transforms: what `BatchTransform.draw` returned, one entry a transform, in order.
    """

    crop: tuple[np.ndarray, ...]
    transforms: tuple[tuple[np.ndarray, ...], ...]


class BatchAugmentation:
    """A recipe's `augment`, for one network's input.

    Attributes:
        crop: the random part that is read of each image; None to read it whole.
        transforms: what then happens to it, in this order: shift and flip, colour, RandAugment, erasing, others.
        mixing: what happens to pairs of images at the end; None to leave them apart.
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
        lighting = [RandomLighting(settings.lighting_std, input)] if settings.lighting_std else []
        self.transforms += [*self._made(input, settings.color_jitter), *lighting]
        self.transforms += self._made(input, settings.rand_augment, settings.erase)
        self.transforms += self._made(input, *settings.others)
        self.mixing = PairMixing() if settings.mix else None
        self._shape = input.shape

    @staticmethod
    def _made(input: Input, *stated: Document | None) -> list[BatchTransform]:
        """Return what is registered for those of some settings that are stated, each with its place among them."""
        return [implementation(each)(each, input, place) for place, each in enumerate(stated) if each]

    def draw(self, rng: CounterRng) -> AugmentationDraws:
        """Draw what the crop, if any, and each transform need for the examples of `rng`."""
        return AugmentationDraws(
            crop=(self.crop.draw(rng),) if self.crop else (),
            transforms=tuple(transform.draw(rng) for transform in self.transforms),
        )

    def apply(
        self,
        images: tf.Tensor,
        drawn: tuple[tuple[tf.Tensor, ...], ...],
        mixture: tuple[tf.Tensor, ...] = (),
    ) -> tf.Tensor:
        """Return images, uint8 (B, H, W, C), after all transforms, and mixed in pairs; graph code.

        Args:
            images: the batch, as it was read.
            drawn: what was drawn for the transforms, `AugmentationDraws.transforms`.
            mixture: what `draw_mixture` drew; nothing where images are not mixed.
        """
        changes: list[tuple[BatchChange, tuple[tf.Tensor, ...]]] = [*zip(self.transforms, drawn, strict=True)]
        if self.mixing:
            changes.append((self.mixing, mixture))
        for compiled, some in groupby(changes, key=lambda step: step[0] in self._compiled):
            if compiled:
                images = change_batch(images, [*some])
            else:
                for change, numbers in some:
                    images = change.apply(images, *numbers)
        return images

    @cached_property
    def _compiled(self) -> list[BatchChange]:
        """Those of the changes that compiled code makes."""
        rng, (height, width) = CounterRng(0, 0, np.arange(TRIED)), self._shape[:2]
        changes: list[tuple[BatchChange, tuple[np.ndarray, ...]]] = [(each, each.draw(rng)) for each in self.transforms]
        if self.mixing:
            rectangle = np.array([height // 4, width // 4, height // 2, width // 2], np.int32)
            changes.append((self.mixing, (np.array(0.3, np.float32), rectangle)))
        return compiled_changes(changes, self._shape)


implement(ColorJitter, lambda settings, input, place: RandomColorJitter(settings, input))
implement(PaperRandAugment, lambda settings, input, place: RandAugmentTransform(settings, input))
implement(TimmRandAugment, lambda settings, input, place: RandAugmentTransform(settings, input))
implement(Erase, lambda settings, input, place: RandomErasing(settings, input))
