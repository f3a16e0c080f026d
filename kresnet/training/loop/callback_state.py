"""The state of callbacks within a checkpoint: JSON in its facts, arrays beside the variables."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

#: What the names of callbacks' arrays begin with among those of a checkpoint.
PREFIX = "callbacks/"

#: The one key of a mapping that stands for an array.
_ARRAY = "__array__"


def pack(value: Any, name: str, arrays: dict[str, np.ndarray]) -> Any:
    """Return a value as JSON, its arrays (and numbers that JSON does not have) put into `arrays`.

    Args:
        value: mappings with text for keys, lists, tuples, scalars and arrays, in any depth.
        name: under which its arrays are kept.
        arrays: the arrays of a checkpoint.

    Raises:
        TypeError: for anything else, naming its place.
    """
    if isinstance(value, Mapping):
        if wrong := [key for key in value if not isinstance(key, str) or key == _ARRAY]:
            raise TypeError(f"{name} has the key {wrong[0]!r}; keys are text")
        return {key: pack(inner, f"{name}/{key}", arrays) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [pack(inner, f"{name}/{index}", arrays) for index, inner in enumerate(value)]
    if value is None or isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    array = np.array(value)
    if array.dtype == object:
        kind = type(value).__name__
        raise TypeError(f"{name} is of type {kind}; a state is made of mappings, lists, texts, numbers and arrays")
    arrays[PREFIX + name] = array
    return {_ARRAY: PREFIX + name}


def unpack(value: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """Return what `pack` made JSON of; tuples come back as lists, and numbers as NumPy or Python has them."""
    if isinstance(value, dict):
        if _ARRAY in value:
            array = np.array(arrays[value[_ARRAY]])
            return array if array.ndim else array.item() if array.dtype == np.float64 else array[()]
        return {key: unpack(inner, arrays) for key, inner in value.items()}
    return [unpack(inner, arrays) for inner in value] if isinstance(value, list) else value


def split_arrays(arrays: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return the arrays of a checkpoint in two: those of the run's variables, and those of callbacks."""
    of_callbacks = {name: value for name, value in arrays.items() if name.startswith(PREFIX)}
    return {name: value for name, value in arrays.items() if name not in of_callbacks}, of_callbacks


__all__ = ["PREFIX", "pack", "split_arrays", "unpack"]
