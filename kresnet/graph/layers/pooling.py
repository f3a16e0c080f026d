"""Max pooling whose gradient XLA compiles to a few plain passes."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="kresnet")
class MaxPooling2D(keras.layers.MaxPooling2D):
    """`keras.layers.MaxPooling2D`: numbers, names and settings are those of the stock layer.

    Input: `(N, H, W, C)`. Output: `(N, H', W', C)`, of the input's type.

    Attributes:
        compiled: True to take the gradient by operations that XLA fuses: its form of TensorFlow's own writes, for each
            output, four integers and scatters by them, which is most of what pooling costs a GPU. The input must then
            have a known height and width.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.compiled = False

    def call(self, inputs: Any) -> Any:
        """Take the largest value of each window."""
        if not self.compiled:
            return super().call(inputs)
        return _max_pool(inputs, self.pool_size, self.strides, self.padding.upper())


def _max_pool(x: Any, size: tuple[int, int], strides: tuple[int, int], padding: str) -> Any:
    """`tf.nn.max_pool2d` with a gradient that gives each output's to the first of its window's largest values."""

    @tf.custom_gradient
    def pool(x: Any) -> tuple[Any, Any]:
        y = tf.nn.max_pool2d(x, size, strides, padding)
        return y, lambda dy: _gradient(x, dy, size, strides, padding)

    return pool(x)


def _gradient(x: Any, dy: Any, size: tuple[int, int], strides: tuple[int, int], padding: str) -> Any:
    """Gradient by the input: for each place in a window, dy where that place holds the largest value, spread out."""
    (height, above, below), (width, left, right) = (
        _margins(x.shape[axis + 1], size[axis], strides[axis], padding) for axis in (0, 1)
    )
    padded = tf.pad(x, [(0, 0), (above, below), (left, right), (0, 0)], constant_values=x.dtype.min)
    places = [(row, column) for row in range(size[0]) for column in range(size[1])]

    def values_at(row: int, column: int) -> Any:
        """The value at one place of every window, `(N, H', W', C)`."""
        rows, columns = (
            slice(first, first + (count - 1) * step + 1, step)
            for first, count, step in ((row, height, strides[0]), (column, width, strides[1]))
        )
        return padded[:, rows, columns, :]

    kind = tf.int8 if len(places) <= tf.int8.max + 1 else tf.int32  # a small type is less to write and to read
    largest, winner = values_at(0, 0), tf.zeros(tf.shape(dy), kind)
    for number, place in enumerate(places[1:], 1):
        value = values_at(*place)
        winner = tf.where(value > largest, tf.constant(number, kind), winner)
        largest = tf.maximum(value, largest)
    total = tf.zeros((), dy.dtype)
    full = (above + x.shape[1] + below, left + x.shape[2] + right)
    for number, place in enumerate(places):
        share = tf.where(winner == tf.constant(number, kind), dy, tf.zeros((), dy.dtype))
        total += _spread(share, strides, place, full)
    return total[:, above : above + x.shape[1], left : left + x.shape[2], :]


def _spread(values: Any, strides: tuple[int, int], first: tuple[int, int], shape: tuple[int, int]) -> Any:
    """Put a map's values `strides` apart into a map of zeros of the given height and width, from place `first` on."""
    _, height, width, channels = values.shape
    gaps = [(0, 0), (0, 0), (0, strides[0] - 1), (0, 0), (0, strides[1] - 1), (0, 0)]
    apart = tf.pad(values[:, :, None, :, None, :], gaps)
    apart = tf.reshape(apart, (-1, height * strides[0], width * strides[1], channels))
    apart = apart[:, : shape[0] - first[0], : shape[1] - first[1], :]
    after = [shape[axis] - first[axis] - apart.shape[axis + 1] for axis in (0, 1)]
    return tf.pad(apart, [(0, 0), (first[0], after[0]), (first[1], after[1]), (0, 0)])


def _margins(length: int, size: int, stride: int, padding: str) -> tuple[int, int, int]:
    """Return the number of windows along an axis, and how many values are padded before and after it."""
    if padding == "VALID":
        return (length - size) // stride + 1, 0, 0
    windows = -(-length // stride)
    missing = max((windows - 1) * stride + size - length, 0)
    return windows, missing // 2, missing - missing // 2
