"""What a dilated network needs to give, at the pixels of the strided one, what that one gives.

TensorFlow's `same` padding depends on the stride: a strided window of three on an even map is padded at its end alone.
A window that keeps every pixel of a dilated map must be padded as the strided one was, or all is shifted by a pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import keras
from keras import ops

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
        rows, columns = (ops.cast(self._shares(inputs, axis), inputs.dtype) for axis in (1, 2))
        x = _sum([x[:, window] for window in self._windows()]) * ops.reshape(rows, (-1, 1, 1))
        return _sum([x[:, :, window] for window in self._windows()]) * ops.reshape(columns, (-1, 1))

    def _windows(self) -> list[slice]:
        """What each place of the window reads along an axis of the padded map."""
        last = self.spacing * (self.size - 1)
        return [slice(at, (at - last) or None) for at in range(0, last + 1, self.spacing)]

    def _shares(self, x: Any, axis: int) -> Any:
        """One over the number of pixels that count in the window around each pixel of an axis, float32 `(length,)`."""
        length = _length(x, axis)
        pixels, before = ops.cumsum(_ones(x, axis)) - 1, _before(length, self.size, self.size, self.spacing)
        read = [pixels + (at * self.spacing - before) for at in range(self.size)]
        inside = _sum([ops.cast((pixel >= 0) & (pixel < length), "float32") for pixel in read])
        divides = ops.equal(_strided(length, self.spacing) % self.size, 0)
        return 1.0 / ops.where(divides, float(self.size), inside)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"size": self.size, "spacing": self.spacing}


def _pad(x: Any, window: int, stride: int, spacing: int) -> Any:
    """`x` with zeros around its height and width."""
    added = spacing * (window - 1)
    before = [_before(_length(x, axis), window, stride, spacing) for axis in (1, 2)]
    if not any(map(keras.utils.is_keras_tensor, before)):
        return ops.pad(x, [(0, 0), *((first, added - first) for first in before), (0, 0)])
    for axis, first in zip((1, 2), before, strict=True):  # recorded for any size: each way to pad, and which it is
        padded = {way: _pad_axis(x, axis, way, added - way) for way in range(0, added // 2 + 1, spacing)}
        x = padded.pop(0)
        for way, other in padded.items():
            x = ops.where(ops.equal(first, way), other, x)
    return x


def _pad_axis(x: Any, axis: int, before: int, after: int) -> Any:
    return ops.pad(x, [(before, after) if each == axis else (0, 0) for each in range(4)])


def _before(length: Length, window: int, stride: int, spacing: int) -> Length:
    """How many zeros of this map are the ones that `same` puts before the strided network's map."""
    strided = _strided(length, spacing)
    needed = (_strided(strided, stride) - 1) * stride + window - strided
    return spacing * ((max(needed, 0) if isinstance(needed, int) else ops.maximum(needed, 0)) // 2)


def _strided(length: Length, stride: int) -> Length:
    """Length of every `stride`-th of `length` pixels."""
    return -(-length // stride)


def _length(x: Any, axis: int) -> Length:
    if x.shape[axis] is not None:
        return x.shape[axis]
    return ops.sum(_ones(x, axis)) if keras.utils.is_keras_tensor(x) else ops.shape(x)[axis]


def _ones(x: Any, axis: int) -> Any:
    """A one for each pixel along an axis, int32 `(length,)`."""
    return ops.ones_like(x[0, :, 0, 0] if axis == 1 else x[0, 0, :, 0], dtype="int32")


def _sum(terms: Sequence[Any]) -> Any:
    return reduce(ops.add, terms)
