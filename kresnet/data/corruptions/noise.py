"""Noise of sensors, photons and broken values."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from kresnet.data.corruptions.corruption import Corruption


def _gaussian_noise(image: np.ndarray, deviation: float, generator: Generator) -> np.ndarray:
    return image + generator.normal(0, deviation, image.shape)


def _shot_noise(image: np.ndarray, photons: float, generator: Generator) -> np.ndarray:
    return generator.poisson(image * photons) / photons


def _impulse_noise(image: np.ndarray, amount: float, generator: Generator) -> np.ndarray:
    """Set a part of all values to 0 or 1."""
    struck = generator.random(image.shape) < amount
    return np.where(struck, generator.integers(0, 2, image.shape), image)


#: Kinds of noise, in the paper's order.
NOISE = {
    "gaussian_noise": Corruption(
        _gaussian_noise, cifar=(0.04, 0.06, 0.08, 0.09, 0.10), imagenet=(0.08, 0.12, 0.18, 0.26, 0.38)
    ),
    "shot_noise": Corruption(_shot_noise, cifar=(500, 250, 100, 75, 50), imagenet=(60, 25, 12, 5, 3)),
    "impulse_noise": Corruption(
        _impulse_noise, cifar=(0.01, 0.02, 0.03, 0.05, 0.07), imagenet=(0.03, 0.06, 0.09, 0.17, 0.27)
    ),
}
