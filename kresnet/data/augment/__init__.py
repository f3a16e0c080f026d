"""Random changes of training images: whole batches of bytes, by the dice of `kresnet.data.counter_rng`."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from kresnet.data.augment.color import Jitter, Lighting
from kresnet.data.augment.crops import make_cut
from kresnet.data.augment.erase import RandomErasing
from kresnet.data.augment.rand_augment import RandomOperations
from kresnet.data.augment.shift import ShiftAndFlip
from kresnet.data.counter_rng import CounterRng
from kresnet.spec.inputs import Input
from kresnet.spec.recipe import Augment


class BatchTransform(Protocol):
    """One augmentation: what it draws in NumPy, and what it does with it in the graph."""

    def draw(self, dice: CounterRng) -> tuple[np.ndarray, ...]:
        """What to do with each example: arrays (B, ...), functions of the dice alone."""

    def apply(self, images: tf.Tensor, *drawn: Any) -> tf.Tensor:
        """Graph code: images uint8 (B, H, W, C) and what was drawn for them, to images of the same kind."""


class Augmentation:
    """A recipe's `augment`, for one network's input; mixing, which needs the step's whole batch, comes after it.

    Attributes:
        cut: the random part that is read of each image; None to read it whole.
        changes: what then happens to it, in this order: shift and flip, colour, RandAugment, erasing.
    """

    def __init__(self, settings: Augment, input: Input) -> None:
        """Take the recipe's settings and the spec's input.

        Raises:
            KresnetError: `contradiction`, for settings that do not suit the input.
        """
        self.cut = make_cut(settings.crop, input) if settings.crop else None
        self.changes: list[BatchTransform] = []
        if settings.crop_padding or settings.flip:
            self.changes.append(ShiftAndFlip(settings.crop_padding, settings.flip))
        if settings.color_jitter:
            self.changes.append(Jitter(settings.color_jitter))
        if settings.lighting_std:
            self.changes.append(Lighting(settings.lighting_std, input))
        if settings.rand_augment:
            self.changes.append(RandomOperations(settings.rand_augment, input))
        if settings.erase:
            self.changes.append(RandomErasing(settings.erase, input))

    def draw(self, dice: CounterRng) -> list[tuple[np.ndarray, ...]]:
        """What the cut, if any, and each change need for the examples of the dice."""
        cut = [(self.cut.draw(dice),)] if self.cut else []
        return cut + [change.draw(dice) for change in self.changes]
