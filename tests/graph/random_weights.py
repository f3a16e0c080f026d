"""Weights as training might leave them: a fresh batch norm is nearly the identity and would hide mistakes."""

from __future__ import annotations

import keras
import numpy as np


def randomize(model: keras.Model, seed: int = 0) -> keras.Model:
    """The model itself, its norms' scales, shifts and statistics, and all biases, drawn at random."""
    generator = np.random.default_rng(seed)
    for weight in model.weights:
        match weight.name:
            case "gamma" | "moving_variance":
                weight.assign(generator.uniform(0.5, 1.5, weight.shape))
            case "beta" | "moving_mean" | "bias":
                weight.assign(generator.normal(0.0, 0.2, weight.shape))
    return model
