"""Batches changed by compiled code in this process, in one copy of them, where that gives the graph's own bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from kresnet.data.compiling import compiled_agrees

#: Images of fewer pixels are changed so soon by the graph that compiled code is not worth its import.
LEAST_PIXELS = 32 * 32
#: How many images both ways are tried on.
TRIED = 32
#: Memory that begins at a multiple of it TensorFlow takes as it is; other arrays it copies.
_ALIGNMENT = 64


class BatchChange(Protocol):
    """Something done to a batch of images by what was drawn for it, in a graph or by compiled code.

    Attributes:
        compiled: whether there is compiled code for images of this size.
    """

    @property
    def compiled(self) -> bool: ...

    def apply(self, images: tf.Tensor, *drawn: Any) -> tf.Tensor:
        """Return images, uint8 (B, H, W, C), changed by what was drawn for them; graph code."""

    def change(self, images: np.ndarray, *drawn: Any) -> None:
        """Change images, uint8 (B, H, W, C), in place as `apply` would, by compiled code."""


def change_batch(images: tf.Tensor, changes: Sequence[tuple[BatchChange, tuple[tf.Tensor, ...]]]) -> tf.Tensor:
    """Return images, uint8 (B, H, W, C), after some changes, each with what was drawn for it; lives in this process."""
    drawn = [numbers for _, numbers in changes]

    def call(images: np.ndarray, *arrays: np.ndarray) -> np.ndarray:
        changed = _aligned_copy(images)
        for (change, _), numbers in zip(changes, tf.nest.pack_sequence_as(drawn, arrays), strict=True):
            change.change(changed, *numbers)
        return changed

    changed = tf.numpy_function(call, [images, *tf.nest.flatten(drawn)], tf.uint8, stateful=False)
    return tf.ensure_shape(changed, images.shape)


def compiled_changes(
    changes: Sequence[tuple[BatchChange, tuple[np.ndarray, ...]]], shape: tuple[int, ...]
) -> list[BatchChange]:
    """Return those of some changes that compiled code makes, to the graph's own bytes.

    Args:
        changes: the changes, each with what was drawn for `TRIED` images, on which both ways are compared.
        shape: of an image, (H, W, C).
    """
    if np.prod(shape[:2]) < LEAST_PIXELS:
        return []
    images = np.random.default_rng(0).integers(0, 256, (TRIED, *shape), np.uint8)

    def agree(change: BatchChange, drawn: tuple[np.ndarray, ...]) -> bool:
        with tf.init_scope(), tf.device("CPU:0"):
            batch, numbers = tf.constant(images), tuple(map(tf.constant, drawn))
            return np.array_equal(change_batch(batch, [(change, numbers)]), change.apply(batch, *numbers))

    return [
        change
        for change, drawn in changes
        if change.compiled and compiled_agrees("images are augmented", lambda: agree(change, drawn))  # noqa: B023
    ]


def _aligned_copy(images: np.ndarray) -> np.ndarray:
    room = np.empty(images.nbytes + _ALIGNMENT, np.uint8)
    start = -room.ctypes.data % _ALIGNMENT
    copy = room[start : start + images.nbytes].reshape(images.shape)
    np.copyto(copy, images)
    return copy


__all__ = ["TRIED", "BatchChange", "change_batch", "compiled_changes"]
