"""The batches that training and evaluation read.

The training batch of step s is a function of (seed, s) alone (see `kresnet.data.order` and `kresnet.data.counter_rng`).
One data set may run over a whole training: epochs follow each other without a new iterator.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from kresnet.data.augment.augmentation import AugmentationDraws, BatchAugmentation
from kresnet.data.augment.mix import draw_mixture, mix_targets
from kresnet.data.balance import ExampleBalance
from kresnet.data.counter_rng import CounterRng
from kresnet.data.graph_mapping import map_graph
from kresnet.data.order import EpochOrder, steps_per_epoch
from kresnet.data.splits import Split
from kresnet.errors import make_error
from kresnet.spec.recipe import Augment

#: Batches made at the same time; each decodes its images in parallel too.
PARALLEL_BATCHES = min(4, os.cpu_count() or 1)
_READY_BATCHES = 2


@dataclass(frozen=True, slots=True)
class BatchSlice:
    """The slice of every global batch that a worker reads: the `index`-th of `count` equal ones.

    The slices put together in order are the global batch, so that nothing but speed depends on how many there are.
    """

    index: int = 0
    count: int = 1

    def places(self, batch_size: int) -> slice:
        """Return where the slice lies in a global batch of `batch_size`, which `count` divides."""
        size = batch_size // self.count
        return slice(self.index * size, (self.index + 1) * size)


WHOLE_BATCH = BatchSlice()


class StepDraws(NamedTuple):
    """Everything that is drawn at random for a step's batch, as arrays; `tf.nest` takes it apart and builds it again.

    Attributes:
        positions: int64 (B,), the places of the batch's examples in the split.
        augmentation: the numbers of the crop and of each transform.
        mixture: what `draw_mixture` returned; empty where images are not mixed.
        weights: float32 (B,), what each example counts in the loss, in a tuple; empty where all count alike.
    """

    positions: np.ndarray
    augmentation: AugmentationDraws
    mixture: tuple[np.ndarray, ...]
    weights: tuple[np.ndarray, ...]


def training_batches(
    split: Split,
    *,
    augment: Augment,
    classes: int,
    batch_size: int,
    seed: int,
    start_step: int,
    stop_step: int,
    batch_slice: BatchSlice = WHOLE_BATCH,
    balance: ExampleBalance | None = None,
) -> tf.data.Dataset:
    """Return the batches of steps `start_step` to `stop_step - 1`, in order; starting late costs nothing.

    Step s belongs to epoch `s // steps_per_epoch(len(split), batch_size)`. Within an epoch no example comes twice,
    unless `balance` draws them; without it, examples have the weights that the split itself has.

    Returns:
        images uint8 (B, H, W, C), augmented, and labels int32 (B,), or float32 (B, classes) where `augment.mix` is set;
        B is the slice's part of `batch_size`. Where examples have weights, these too, float32 (B,): what each counts in
        the loss.

    Raises:
        KresnetError: `data_mismatch` when the split is smaller than a batch, `contradiction` when the augmentation does
            not suit the images, `image_unreadable` when images are loaded into memory; for images decoded on demand see
            `naming_unreadable_images`.
    """
    epoch_steps = steps_per_epoch(len(split), batch_size)
    augmentation, mix = BatchAugmentation(augment, split.input), augment.mix
    if mix and batch_slice.count > 1 and batch_size // batch_slice.count % 2:
        message = (
            f"Images are mixed in pairs, and {batch_slice.count} workers with an odd number each part some of them."
        )
        raise make_error("contradiction", message, path="batch_size", remedy=f"a multiple of {2 * batch_slice.count}")
    split.load(augmentation.crop)
    draws, weights = (balance.draws, balance.weights) if balance else (None, split.weights())

    @lru_cache(maxsize=2)
    def order_at(epoch: int) -> EpochOrder:
        if not draws:
            return split.order.epoch(seed, epoch, len(split), batch_size)
        drawn = draws.positions(seed, epoch, epoch_steps * batch_size)
        return lambda places: drawn[places]

    def draw(step: int) -> StepDraws:
        epoch, place = divmod(int(step), epoch_steps)
        places = np.arange(place * batch_size, (place + 1) * batch_size)[batch_slice.places(batch_size)]
        positions = order_at(epoch)(places)
        # An example that is drawn twice in an epoch is augmented in another way each time.
        return StepDraws(
            positions=positions,
            augmentation=augmentation.draw(CounterRng(seed, epoch, places if draws else positions)),
            mixture=draw_mixture(mix, seed, int(step), split.image_shape[:2]) if mix else (),
            weights=() if weights is None else (weights[positions],),
        )

    example = draw(start_step)
    like = [np.asarray(array) for array in tf.nest.flatten(example)]

    def draw_in_graph(step: tf.Tensor) -> StepDraws:
        types = [array.dtype for array in like]
        arrays = tf.numpy_function(lambda step: tf.nest.flatten(draw(step)), [step], types, stateful=False)
        shaped = [tf.ensure_shape(array, each.shape) for array, each in zip(arrays, like, strict=True)]
        return tf.nest.pack_sequence_as(example, shaped)

    def read(drawn: StepDraws) -> tuple[tf.Tensor, ...]:
        images, labels = split.fetch(drawn.positions, augmentation.crop, *drawn.augmentation.crop)
        images = augmentation.apply(images, drawn.augmentation.transforms, drawn.mixture)
        if not mix:
            return (images, labels, *drawn.weights)
        size = split.image_shape[:2]
        return (images, *mix_targets(labels, *drawn.mixture, *drawn.weights, size=size, classes=classes))

    # Drawn one after the other, so that an epoch is drawn once, and ahead of the batches it gives.
    steps = map_graph(tf.data.Dataset.range(start_step, stop_step), draw_in_graph)
    return prefetch_batches(map_graph(steps, read, PARALLEL_BATCHES))


def evaluation_batches(split: Split, batch_size: int, batch_slice: BatchSlice = WHOLE_BATCH) -> tf.data.Dataset:
    """Return the batches of all examples of the slice, once each, in the split's order, never augmented.

    Returns:
        images uint8 (B, H, W, C) and labels int32 (B,); B is the slice's part of `batch_size`, or less in the last
        batch, and even 0 where the other slices take what is left.

    Raises:
        KresnetError: as `training_batches`.
    """
    split.load()
    places = batch_slice.places(batch_size)

    def batch_positions(batch: tf.Tensor) -> tf.Tensor:
        bounds = (tf.minimum(batch * batch_size + place, len(split)) for place in (places.start, places.stop))
        return tf.range(*bounds)

    positions = map_graph(tf.data.Dataset.range(-(-len(split) // batch_size)), batch_positions)
    return prefetch_batches(map_graph(positions, split.fetch, PARALLEL_BATCHES))


def slice_positions(examples: int, batch_size: int, batch_slice: BatchSlice = WHOLE_BATCH) -> np.ndarray:
    """Return the positions of the examples that `evaluation_batches` reads for a slice, in its order, int64 `(n,)`."""
    place = np.arange(examples) % batch_size
    bounds = batch_slice.places(batch_size)
    return np.flatnonzero((place >= bounds.start) & (place < bounds.stop))


def prefetch_batches(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Let a few batches be made ahead of those that are read."""
    options = tf.data.Options()
    # The autotuner's thread can hold the end of an iterator for seconds, and there is nothing here for it to tune.
    options.autotune.enabled = False
    return batches.prefetch(_READY_BATCHES).with_options(options)
