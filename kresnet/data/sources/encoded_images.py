"""What all sources of encoded images have in common: they decode them, whole or in part, and many at once."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from kresnet.data.augment.crops import RandomCrop
from kresnet.data.crop_resize import decode_crop
from kresnet.data.image_limits import require_pixel_limit
from kresnet.data.images import decode
from kresnet.data.resampling import fastest_resampler
from kresnet.spec.inputs import Input


class EncodedImages(ABC):
    """The part of an `ImageSource` that reads encoded images; a subclass says where they and their targets lie."""

    def __init__(self, input: Input) -> None:
        """Take the spec's input, to which images are brought."""
        self._input = input

    @abstractmethod
    def _find(self, positions: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return images, string (B,), as `_encoded` takes them, and targets at positions int64 (B,); graph code."""

    def _encoded(self, found: tf.Tensor) -> tf.Tensor:
        """Return the bytes of an image, a scalar string, of what `_find` returned for it; graph code."""
        return found

    @abstractmethod
    def encoded(self, position: int) -> bytes | None:
        """See `ImageSource.encoded`."""

    def encoded_images(self, positions: np.ndarray) -> list[bytes]:
        """Return the images at `positions` as they are stored; nothing of one that cannot be read."""
        return [self.encoded(int(position)) or b"" for position in positions]

    def fetch(self, positions: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """See `ImageSource.fetch`."""
        resample = fastest_resampler(self._input.shape)
        return self._read(lambda encoded: decode(encoded, self._input, resample), positions)

    def fetch_crops(self, positions: tf.Tensor, crop: RandomCrop, numbers: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """See `ImageSource.fetch_crops`."""
        resample = fastest_resampler(self._input.shape)
        return self._read(
            lambda encoded, drawn: decode_crop(encoded, drawn, crop, self._input, resample), positions, numbers
        )

    def _read(
        self, read: Callable[..., tf.Tensor], positions: tf.Tensor, *others: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        found, targets = self._find(positions)
        images = tf.map_fn(
            lambda each: read(require_pixel_limit(self._encoded(each[0])), *each[1:]),
            (found, *others),
            fn_output_signature=tf.TensorSpec(self._input.shape, tf.uint8),
            parallel_iterations=os.cpu_count(),
        )
        return images, targets


__all__ = ["EncodedImages"]
