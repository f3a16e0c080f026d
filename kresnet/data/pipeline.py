"""The batches that training and evaluation read.

The training batch of step s is a function of (seed, s) alone (see `kresnet.data.order`). One data set may run over a
whole training: epochs follow each other without a new iterator.
"""

from __future__ import annotations

import os
from functools import lru_cache

import numpy as np
import tensorflow as tf

from kresnet.data.augment import shift_and_flip
from kresnet.data.order import draw_epoch, steps_per_epoch
from kresnet.data.splits import Split
from kresnet.spec.recipe import Augment

#: Batches made at the same time; each decodes its images in parallel too.
_PARALLEL_BATCHES = min(4, os.cpu_count() or 1)
_READY_BATCHES = 2


def training_batches(
    split: Split, *, augment: Augment, batch_size: int, seed: int, start_step: int, stop_step: int
) -> tf.data.Dataset:
    """The batches of steps `start_step` to `stop_step - 1`, in order; starting late costs nothing.

    Step s belongs to epoch `s // steps_per_epoch(len(split), batch_size)`. Within an epoch no example comes twice.

    Returns:
        images uint8 (B, H, W, C), augmented, and labels int32 (B,); B is `batch_size`, the global one.

    Raises:
        KresnetError: `data_mismatch` when the split is smaller than a batch, `image_unreadable` when images are loaded
            into memory; for images decoded on demand see `naming_unreadable_images`.
    """
    epoch_steps = steps_per_epoch(len(split), batch_size)
    split.load()
    padding = augment.crop_padding

    @lru_cache(maxsize=2)
    def epoch_at(number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        epoch = draw_epoch(seed, number, len(split), padding)
        return epoch.order, epoch.shifts, epoch.flips

    def draw(step: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        number, place = divmod(int(step), epoch_steps)
        order, shifts, flips = epoch_at(number)
        positions = order[place * batch_size : (place + 1) * batch_size]
        return positions, shifts[positions], flips[positions]

    def address(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        positions, shifts, flips = tf.numpy_function(draw, [step], (tf.int64, tf.int32, tf.bool), stateful=False)
        return (
            tf.ensure_shape(positions, (batch_size,)),
            tf.ensure_shape(shifts, (batch_size, 2)),
            tf.ensure_shape(flips, (batch_size,)),
        )

    def read(positions: tf.Tensor, shifts: tf.Tensor, flips: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        images, labels = split.fetch(positions)
        if padding or augment.flip:
            images = shift_and_flip(images, shifts, flips & augment.flip, padding)
        return images, labels

    # Drawn one after the other, so that an epoch is drawn once, and ahead of the batches it gives.
    addresses = tf.data.Dataset.range(start_step, stop_step).map(address)
    return _finish(addresses.map(read, num_parallel_calls=_PARALLEL_BATCHES, deterministic=True))


def evaluation_batches(split: Split, batch_size: int) -> tf.data.Dataset:
    """Every example once, in the split's order, never augmented.

    Returns:
        images uint8 (B, H, W, C) and labels int32 (B,); B is `batch_size`, or less in the last batch.

    Raises:
        KresnetError: as `training_batches`.
    """
    split.load()
    positions = tf.data.Dataset.range(len(split)).batch(batch_size)
    return _finish(positions.map(split.fetch, num_parallel_calls=_PARALLEL_BATCHES, deterministic=True))


def _finish(batches: tf.data.Dataset) -> tf.data.Dataset:
    options = tf.data.Options()
    # The autotuner's thread can hold the end of an iterator for seconds, and there is nothing here for it to tune.
    options.autotune.enabled = False
    return batches.prefetch(_READY_BATCHES).with_options(options)
