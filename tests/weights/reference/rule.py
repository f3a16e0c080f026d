"""Weights by rule, from a tensor's name and shape alone: the same in PyTorch's process and in ours, and none stored."""

from __future__ import annotations

import zlib

import numpy as np


def tensor(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Values of the tensor in PyTorch's arrangement, float32.

    Kernels are normal with He's deviation. What scales is positive, and on average shrinks: were it 1, each block would
    triple the variance, and sixteen of them would drive squeeze-excite's sigmoids into saturation.
    """
    random = np.random.default_rng(zlib.crc32(name.encode()))
    if len(shape) > 1:
        return random.normal(0, (2 / np.prod(shape[1:])) ** 0.5, shape).astype(np.float32)
    if name.endswith(".weight"):
        return random.uniform(0.4, 1.0, shape).astype(np.float32)
    if name.endswith("running_var"):
        return random.uniform(0.5, 1.5, shape).astype(np.float32)
    return random.normal(0, 0.1, shape).astype(np.float32)


def keras_tensor(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Values by the same rule of a tensor that is named and arranged as Keras does, float32."""
    layer, _, variable = name.rpartition("/")
    names = {"kernel": "weight", "gamma": "weight", "beta": "bias", "moving_mean": "running_mean"}
    names |= {"moving_variance": "running_var"}
    axes = {4: (2, 3, 1, 0), 2: (1, 0), 1: (0,)}[len(shape)]
    theirs = tuple(shape[axes.index(axis)] for axis in range(len(shape)))
    return tensor(f"{layer}.{names.get(variable, variable)}", theirs).transpose(axes)


def images(count: int, side: int) -> np.ndarray:
    """Bytes `(count, side, side, 3)`."""
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def targets(count: int, classes: int) -> np.ndarray:
    """What the logits are multiplied with to make the loss, float32 `(count, classes)`."""
    return np.random.default_rng(1).normal(size=(count, classes)).astype(np.float32)


def sample(gradient: np.ndarray, name: str) -> np.ndarray:
    """Six numbers that tell a gradient, in PyTorch's arrangement: its norm and largest value, and four of its values.

    The norm does not see an order of axes, the values do.
    """
    flat = np.asarray(gradient, np.float64).ravel()
    places = np.random.default_rng(zlib.crc32(name.encode())).integers(0, flat.size, 4)
    return np.array([np.linalg.norm(flat), np.abs(flat).max(), *flat[places]])
