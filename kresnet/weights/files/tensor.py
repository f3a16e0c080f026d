"""A tensor in a file of weights, and the arrangement of its axes in PyTorch and in Keras."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kresnet.plan import Parameter


@dataclass(frozen=True, slots=True)
class WeightTensor:
    """A tensor in a file of weights. Its name, shape and type are known before its values are read.

    Attributes:
        name: name of the tensor in the file.
        shape: shape of the tensor in the file.
        type: NumPy's name of a float type, or the file's own name of a type that weights cannot have.
        read: function that reads the values, in the file's type.
    """

    name: str
    shape: tuple[int, ...]
    type: str
    read: Callable[[], np.ndarray]


def to_parameter(array: np.ndarray, parameter: Parameter, source_format: str, map_shape: tuple[int, ...]) -> np.ndarray:
    """Return an array in the arrangement of the plan's parameter, float32.

    Args:
        array: the array as the file holds it, of one of the `expected_shapes`; a kernel of a convolution may read
            one channel where the parameter reads several, or several where it reads one.
        parameter: the parameter that it becomes.
        source_format: format of the file: `pytorch` or `keras`.
        map_shape: shape `(H, W, C)` of the map that is flattened before a dense layer; empty for other layers.
    """
    if source_format == "pytorch" and parameter.pytorch_axes:
        array = array.transpose(parameter.pytorch_axes)
    elif source_format == "pytorch" and parameter.name == "kernel":
        if len(parameter.shape) > 2:
            axes = len(parameter.shape)
            array = array.transpose(*range(2, axes), 1, 0)  # (O, I, h, w) -> (h, w, I, O)
        elif map_shape:
            height, width, channels = map_shape  # PyTorch flattens (C, H, W), we flatten (H, W, C)
            array = array.reshape(-1, channels, height, width).transpose(2, 3, 1, 0)
        else:
            array = array.reshape(array.shape[:2]).T
    array = array.astype(np.float32)
    plain = array.ndim == 4 == len(parameter.shape) and not _is_depthwise(parameter)
    if plain and array.shape[2] != (channels := parameter.shape[2]):
        # a grey picture has the same value in each colour, so that both give the same sum
        array = array.sum(2, keepdims=True) if channels == 1 else np.repeat(array / channels, channels, 2)
    return np.ascontiguousarray(array.reshape(parameter.shape))


def from_parameter(array: np.ndarray, parameter: Parameter) -> np.ndarray:
    """Return a parameter's values in PyTorch's arrangement, float32; `to_parameter` the other way round."""
    if axes := parameter.pytorch_axes:
        array = array.transpose([axes.index(axis) for axis in range(len(axes))])
    elif parameter.name == "kernel":  # (h, w, I, O) -> (O, I, h, w)
        array = array.transpose(array.ndim - 1, array.ndim - 2, *range(array.ndim - 2))
    return np.ascontiguousarray(array, np.float32)


def _is_depthwise(parameter: Parameter) -> bool:
    """Whether a parameter is the kernel of a convolution of each channel by itself."""
    return len(parameter.shape) == 4 and bool(parameter.pytorch_axes)


def with_other_channels(shape: tuple[int, ...], channels: int, source_format: str) -> tuple[int, ...]:
    """Return the shape that a convolution's kernel of a file would have if it read `channels` channels."""
    axis = 1 if source_format == "pytorch" else 2
    return (*shape[:axis], channels, *shape[axis + 1 :])


def expected_shapes(parameter: Parameter, source_format: str) -> tuple[tuple[int, ...], ...]:
    """Return the shapes that a parameter may have in a file.

    A dense layer may be a 1x1 convolution, a depthwise convolution one of as many groups in Keras.
    """
    if source_format == "pytorch" and parameter.pytorch_axes:
        places = (parameter.pytorch_axes.index(axis) for axis in range(len(parameter.shape)))
        return (tuple(parameter.shape[place] for place in places),)
    if source_format != "pytorch" or parameter.name != "kernel":
        as_groups = (*parameter.shape[:2], 1, parameter.shape[2]) if _is_depthwise(parameter) else parameter.shape
        as_window = (1, 1, *parameter.shape) if len(parameter.shape) == 2 and parameter.name == "kernel" else as_groups
        return tuple(dict.fromkeys((parameter.shape, as_groups, as_window)))
    if len(parameter.shape) > 2:
        *window, inputs, outputs = parameter.shape
        return ((outputs, inputs, *window),)
    return (parameter.shape[::-1], (*parameter.shape[::-1], 1, 1))


__all__ = ["WeightTensor", "expected_shapes", "from_parameter", "to_parameter", "with_other_channels"]
