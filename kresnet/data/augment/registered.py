"""Random changes of images that a package or script registers, as one of a recipe's augmentations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import numpy as np
import tensorflow as tf

from kresnet.data.counter_rng import CounterRng, RandomStream
from kresnet.spec.recipe.augment import Augmentation

#: Streams of random numbers of registered changes begin here, one for each place in `augment.others`.
_FIRST_STREAM = 1 << 16


@dataclass(frozen=True, slots=True)
class ExampleRng:
    """Random numbers of the examples of a batch, functions of the run's seed, the epoch and the example alone.

    Attributes:
        rng: the generator of the examples.
        stream: number of the change's own stream.
    """

    rng: CounterRng
    stream: RandomStream

    def uniform(self, count: int) -> np.ndarray:
        """Return numbers in [0, 1), float32 (B, count)."""
        return self.rng.uniform(self.stream, count)

    def normal(self, count: int) -> np.ndarray:
        """Return numbers of mean 0 and variance 1, float32 (B, count)."""
        return self.rng.normal(self.stream, count)

    def integers(self, bound: int, count: int) -> np.ndarray:
        """Return numbers in [0, bound), int32 (B, count); `bound` is at most 2^16."""
        return self.rng.integers(self.stream, bound, count)


#: What draws numbers for each image, from settings and `ExampleRng`; and what changes images by them, graph code.
Draw = Callable[[Any, ExampleRng], tuple[np.ndarray, ...]]
Apply = Callable[..., tf.Tensor]


@dataclass(frozen=True, slots=True)
class RegisteredTransform:
    """A `BatchTransform` of two functions.

    Attributes:
        functions: `draw(settings, rng)`, and `apply(settings, images, *drawn)`.
        settings: what the recipe says.
        place: place among the registered changes, from 0.
    """

    functions: tuple[Draw, Apply]
    settings: Augmentation
    place: int
    compiled: ClassVar[bool] = False

    def draw(self, rng: CounterRng) -> tuple[np.ndarray, ...]:
        """See `BatchTransform.draw`."""
        stream = cast(RandomStream, _FIRST_STREAM + self.place)
        return tuple(np.asarray(each) for each in self.functions[0](self.settings, ExampleRng(rng, stream)))

    def apply(self, images: tf.Tensor, *drawn: tf.Tensor) -> tf.Tensor:
        """See `BatchTransform.apply`; what comes back is cut off at 0 and 255 and has the shape that went in."""
        changed = tf.convert_to_tensor(self.functions[1](self.settings, images, *drawn))
        if changed.dtype != tf.uint8:
            changed = tf.cast(tf.clip_by_value(tf.round(changed), 0, 255), tf.uint8)
        return tf.ensure_shape(changed, images.shape)

    def change(self, images: np.ndarray, *drawn: np.ndarray) -> None:
        """See `BatchTransform.change`; there is no compiled code for it."""
        raise NotImplementedError


__all__ = ["ExampleRng", "RegisteredTransform"]
