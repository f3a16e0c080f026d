"""The batches that training and evaluation read.

The training batch of step s is a function of (seed, s) alone (see `kresnet.data.order` and `kresnet.data.counter_rng`).
One data set may run over a whole training: epochs follow each other without a new iterator.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import tensorflow as tf

from kresnet.data.augment import Augmentation
from kresnet.data.augment.mix import draw_mixture, mix_pairs
from kresnet.data.counter_rng import CounterRng
from kresnet.data.order import draw_order, steps_per_epoch
from kresnet.data.splits import Split
from kresnet.errors import make_error
from kresnet.spec.recipe import Augment

#: Batches made at the same time; each decodes its images in parallel too.
_PARALLEL_BATCHES = min(4, os.cpu_count() or 1)
_READY_BATCHES = 2


@dataclass(frozen=True, slots=True)
class BatchSlice:
    """Which part of every global batch a worker reads: the `index`-th of `count` equal ones.

    The shares put together in order are the global batch, so that nothing but speed depends on how many there are.
    """

    index: int = 0
    count: int = 1

    def of(self, batch_size: int) -> slice:
        """Places in a global batch of `batch_size`, which `count` divides."""
        size = batch_size // self.count
        return slice(self.index * size, (self.index + 1) * size)


WHOLE = BatchSlice()


def training_batches(
    split: Split,
    *,
    augment: Augment,
    classes: int,
    batch_size: int,
    seed: int,
    start_step: int,
    stop_step: int,
    share: BatchSlice = WHOLE,
) -> tf.data.Dataset:
    """The batches of steps `start_step` to `stop_step - 1`, in order; starting late costs nothing.

    Step s belongs to epoch `s // steps_per_epoch(len(split), batch_size)`. Within an epoch no example comes twice.

    Returns:
        images uint8 (B, H, W, C), augmented, and labels int32 (B,), or float32 (B, classes) where `augment.mix` is set;
        B is the share's part of `batch_size`.

    Raises:
        KresnetError: `data_mismatch` when the split is smaller than a batch, `contradiction` when the augmentation does
            not suit the images, `image_unreadable` when images are loaded into memory; for images decoded on demand see
            `naming_unreadable_images`.
    """
    epoch_steps = steps_per_epoch(len(split), batch_size)
    augmentation, mix = Augmentation(augment, split.input), augment.mix
    if mix and share.count > 1 and batch_size // share.count % 2:
        message = f"Images are mixed in pairs, and {share.count} workers with an odd number each part some of them."
        raise make_error("contradiction", message, path="batch_size", remedy=f"a multiple of {2 * share.count}")
    split.load(augmentation.cut)
    order_at = lru_cache(maxsize=2)(lambda epoch: draw_order(seed, epoch, len(split)))

    def draw(step: int) -> list[tuple[np.ndarray, ...]]:
        epoch, place = divmod(int(step), epoch_steps)
        positions = order_at(epoch)[place * batch_size : (place + 1) * batch_size][share.of(batch_size)]
        mixture = [draw_mixture(mix, seed, int(step), split.image_shape[:2])] if mix else []
        return [(positions,), *augmentation.draw(CounterRng(seed, epoch, positions)), *mixture]

    example = draw(start_step)
    flat = [np.asarray(array) for part in example for array in part]

    def address(step: tf.Tensor) -> tuple[tuple[tf.Tensor, ...], ...]:
        arrays = tf.numpy_function(
            lambda step: [array for part in draw(step) for array in part],
            [step],
            [array.dtype for array in flat],
            stateful=False,
        )
        shaped = iter([tf.ensure_shape(array, like.shape) for array, like in zip(arrays, flat, strict=True)])
        return tuple(tuple(next(shaped) for _ in part) for part in example)

    def read(*parts: tuple[tf.Tensor, ...]) -> tuple[tf.Tensor, tf.Tensor]:
        (positions,), *drawn = parts
        numbers = drawn.pop(0)[0] if augmentation.cut else None
        images, labels = split.fetch(positions, augmentation.cut, numbers)
        for change in augmentation.changes:
            images = change.apply(images, *drawn.pop(0))
        return mix_pairs(images, labels, *drawn.pop(), classes=classes) if mix else (images, labels)

    # Drawn one after the other, so that an epoch is drawn once, and ahead of the batches it gives.
    addresses = tf.data.Dataset.range(start_step, stop_step).map(address)
    return _finish(addresses.map(read, num_parallel_calls=_PARALLEL_BATCHES, deterministic=True))


def evaluation_batches(split: Split, batch_size: int, share: BatchSlice = WHOLE) -> tf.data.Dataset:
    """Every example of the share once, in the split's order, never augmented.

    Returns:
        images uint8 (B, H, W, C) and labels int32 (B,); B is the share's part of `batch_size`, or less in the last
        batch, and even 0 where the other shares take what is left.

    Raises:
        KresnetError: as `training_batches`.
    """
    split.load()
    places = share.of(batch_size)

    def address(batch: tf.Tensor) -> tf.Tensor:
        bounds = (tf.minimum(batch * batch_size + place, len(split)) for place in (places.start, places.stop))
        return tf.range(*bounds)

    positions = tf.data.Dataset.range(-(-len(split) // batch_size)).map(address)
    return _finish(positions.map(split.fetch, num_parallel_calls=_PARALLEL_BATCHES, deterministic=True))


def _finish(batches: tf.data.Dataset) -> tf.data.Dataset:
    options = tf.data.Options()
    # The autotuner's thread can hold the end of an iterator for seconds, and there is nothing here for it to tune.
    options.autotune.enabled = False
    return batches.prefetch(_READY_BATCHES).with_options(options)
