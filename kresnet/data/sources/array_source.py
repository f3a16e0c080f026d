"""A source of examples that lie in memory as arrays."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from kresnet.data.augment.crops import RandomCrop
from kresnet.data.crop_resize import crop_image
from kresnet.data.images import resize
from kresnet.errors import KresnetError, Problem
from kresnet.spec.inputs import Input


class ArraySource:
    """An `ImageSource` of arrays in memory: decoded images of one size, or vectors."""

    weights: np.ndarray | None = None
    failure: KresnetError | None = None

    def __init__(self, images: np.ndarray, labels: np.ndarray, input: Input, groups: np.ndarray | None = None) -> None:
        """Take images or vectors with their targets.

        Args:
            images: uint8 (N, h, w, C), or vectors float32 (N, length).
            labels: integers (N,), or targets float32 (N, ...).
            input: the spec's input.
            groups: names of the examples' groups (N,), see `ImageSource.groups`.
        """
        self._input, self.groups = input, groups
        self.native = images.shape[1:] == input.shape
        with tf.device("CPU:0"):
            integer = labels.dtype.kind in "iu"
            self._images, self._labels = tf.constant(images), tf.constant(labels, tf.int32 if integer else tf.float32)

    def __len__(self) -> int:
        return self._labels.shape[0]

    def fetch(self, positions: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """See `ImageSource.fetch`."""
        images = tf.gather(self._images, positions)
        if images.shape[1:] != self._input.shape:
            images = tf.map_fn(lambda image: resize(image, self._input), images)
        return images, tf.gather(self._labels, positions)

    def fetch_crops(self, positions: tf.Tensor, crop: RandomCrop, numbers: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """See `ImageSource.fetch_crops`."""
        parts = tf.map_fn(
            lambda each: crop_image(each[0], each[1], crop, self._input),
            (tf.gather(self._images, positions), numbers),
            fn_output_signature=tf.TensorSpec(self._input.shape, tf.uint8),
        )
        return parts, tf.gather(self._labels, positions)

    def explain(self, position: int) -> Problem:
        """See `ImageSource.explain`; an array in memory can not really be unreadable."""
        return Problem("image_unreadable", f"Image {position} of the embedded data can not be resized.")

    def encoded(self, position: int) -> None:
        """See `ImageSource.encoded`."""

    def example_name(self, position: int) -> str:
        """See `ImageSource.example_name`."""
        return f"image {position}"

    def inputs(self, positions: np.ndarray) -> np.ndarray:
        """Return images or vectors at `positions` as they are kept."""
        return self._images.numpy()[positions]

    def targets(self, positions: np.ndarray) -> np.ndarray:
        """See `ImageSource.targets`."""
        return self._labels.numpy()[positions]

    def distinct_targets(self, positions: np.ndarray, classes: int) -> np.ndarray:
        """See `ImageSource.distinct_targets`."""
        return self._labels.numpy()[positions]
