"""One array of a file of weights, and how its axes are arranged here and there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kresnet.plan import Parameter


@dataclass(frozen=True, slots=True)
class WeightTensor:
    """One array of a file: name, shape and type are known before anything is read.

    Attributes:
        type: NumPy's name of a float type, or the file's own name of what can be no weight.
        read: the array, in the file's type.
    """

    name: str
    shape: tuple[int, ...]
    type: str
    read: Callable[[], np.ndarray]


def as_parameter(array: np.ndarray, parameter: Parameter, source_format: str, map_shape: tuple[int, ...]) -> np.ndarray:
    """The array as the plan's parameter is laid out, float32.

    Args:
        array: as the file holds it; of the size of `expected_shapes`.
        parameter: what it becomes.
        source_format: of the file.
        map_shape: `(H, W, C)` of the map that was flattened before a dense layer; else empty.
    """
    if source_format == "pytorch" and parameter.name == "kernel":
        if len(parameter.shape) == 4:
            array = array.transpose(2, 3, 1, 0)  # (O, I, h, w) -> (h, w, I, O)
        elif map_shape:
            height, width, channels = map_shape  # PyTorch flattens (C, H, W), we flatten (H, W, C)
            array = array.reshape(-1, channels, height, width).transpose(2, 3, 1, 0)
        else:
            array = array.reshape(array.shape[:2]).T
    return np.ascontiguousarray(array.astype(np.float32).reshape(parameter.shape))


def expected_shapes(parameter: Parameter, source_format: str) -> tuple[tuple[int, ...], ...]:
    """The shapes that the parameter may have in a file; a dense layer may be a 1x1 convolution there."""
    if source_format != "pytorch" or parameter.name != "kernel":
        return (parameter.shape,)
    if len(parameter.shape) == 4:
        height, width, inputs, outputs = parameter.shape
        return ((outputs, inputs, height, width),)
    return (parameter.shape[::-1], (*parameter.shape[::-1], 1, 1))


__all__ = ["WeightTensor", "as_parameter", "expected_shapes"]
