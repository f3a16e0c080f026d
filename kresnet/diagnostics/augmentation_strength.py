"""How much an augmentation changes images: the same batch by the pipeline of training, with it and without."""

from __future__ import annotations

from typing import Any

import numpy as np

from kresnet.data.embedded import read_embedded
from kresnet.data.pipeline import training_batches
from kresnet.data.sources.array_source import ArraySource
from kresnet.data.splits import Split
from kresnet.spec.inputs import Input
from kresnet.spec.recipe import Augment


def augmentation_changes(augment: Augment, input: Input, count: int) -> np.ndarray:
    """Return the mean absolute change of a pixel, of 255, in each of `count` embedded images, in rising order.

    An image that is mixed with another is compared with itself.

    Raises:
        KresnetError: `contradiction` when the augmentation does not suit such images.
    """
    plain, changed = (_batch(each, input, count).astype(np.float64) for each in (Augment(), augment))
    return np.sort(np.abs(changed - plain).mean(axis=(1, 2, 3)))


def _batch(augment: Augment, input: Input, count: int) -> Any:
    """Return the images of the first step, `(count, H, W, C)`."""
    arrays = read_embedded()
    images = np.repeat(arrays["train_images"][:count], input.shape[-1], axis=-1)
    split = Split("train", ArraySource(images, arrays["train_labels"][:count], input), input)
    batches = training_batches(split, augment=augment, classes=10, batch_size=count, seed=0, start_step=0, stop_step=1)
    return next(iter(batches))[0].numpy()


__all__ = ["augmentation_changes"]
