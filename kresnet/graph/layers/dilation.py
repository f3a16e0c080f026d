"""What a dilated network needs to give, at the pixels of the strided one, what that one gives.

TensorFlow's `same` padding depends on the stride: a strided window of three on an even map is padded at its end alone.
A window that keeps every pixel of a dilated map must be padded as the strided one was, or all is shifted by a pixel.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

#: An integer, or a tensor of one where a map's size is not known before the graph runs.
Length = Any


@keras.saving.register_keras_serializable(package="kresnet")
class StridedPad(keras.layers.Layer):
    """Pad with zeros as `same` pads a strided window, for one that keeps the map's size.

    The strided network's map is every `spacing`-th pixel of this one. Its `same` window of `window` pixels with stride
    `stride` becomes a window that is dilated by `spacing`, of stride 1 and `valid` on what this layer returns.
    Input: `(N, H, W, C)`. Output: `(N, H + spacing·(window − 1), W + spacing·(window − 1), C)`.
    """

    def __init__(self, window: int, stride: int, spacing: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.settings = {"window": window, "stride": stride, "spacing": spacing}

    def call(self, inputs: Any) -> Any:
        return _pad(inputs, **self.settings)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        added = self.settings["spacing"] * (self.settings["window"] - 1)
        sides = [None if side is None else side + added for side in input_shape[1:3]]
        return (input_shape[0], *sides, input_shape[3])

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | self.settings


@keras.saving.register_keras_serializable(package="kresnet")
class DilatedAveragePooling(keras.layers.Layer):
    """Average of `size`×`size` pixels that lie `spacing` apart, around every pixel of the map.

    At the pixels of the strided network it is that network's `AveragePooling2D(size, padding="same")`, which leaves
    padding out of an average. Where `size` divides the strided map that pool is never padded; the windows between its
    own that reach beyond the map then read zeros there, as in timm's `AvgPool2dSame`.
    Input and output: `(N, H, W, C)`.
    """

    def __init__(self, size: int, spacing: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size, self.spacing = size, spacing

    def call(self, inputs: Any) -> Any:
        x = _pad(inputs, self.size, self.size, self.spacing)
        starts = range(0, self.size * self.spacing, self.spacing)
        height, width = _length(inputs, 1), _length(inputs, 2)
        x = tf.add_n([x[:, at : at + height] for at in starts]) * self._shares(height, x.dtype)[:, None, None]
        return tf.add_n([x[:, :, at : at + width] for at in starts]) * self._shares(width, x.dtype)[:, None]

    def _shares(self, length: Length, dtype: Any) -> Any:
        """One over the number of pixels that count in the window around each of `length` pixels, `(length,)`."""
        pixels, before = tf.range(length), _before(length, self.size, self.size, self.spacing)
        read = [pixels + (at * self.spacing - before) for at in range(self.size)]
        inside = tf.add_n([tf.cast((pixel >= 0) & (pixel < length), tf.float32) for pixel in read])
        divides = _strided(length, self.spacing) % self.size == 0
        return tf.cast(1.0 / tf.where(divides, float(self.size), inside), dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"size": self.size, "spacing": self.spacing}


def _pad(x: Any, window: int, stride: int, spacing: int) -> Any:
    """`x` with zeros around its height and width."""
    added = spacing * (window - 1)
    before = [_before(_length(x, axis), window, stride, spacing) for axis in (1, 2)]
    return tf.pad(x, [(0, 0), *((first, added - first) for first in before), (0, 0)])


def _before(length: Length, window: int, stride: int, spacing: int) -> Length:
    """How many zeros of this map are the ones that `same` puts before the strided network's map."""
    strided = _strided(length, spacing)
    needed = (_strided(strided, stride) - 1) * stride + window - strided
    return spacing * ((max(needed, 0) if isinstance(needed, int) else tf.maximum(needed, 0)) // 2)


def _strided(length: Length, stride: int) -> Length:
    """Length of every `stride`-th of `length` pixels."""
    return -(-length // stride)


def _length(x: Any, axis: int) -> Length:
    return tf.shape(x)[axis] if x.shape[axis] is None else x.shape[axis]
