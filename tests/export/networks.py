"""A small network as if it were trained, and its spec."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from kresnet.spec.architecture import Spec

CLASS_NAMES = ("ankle boot", "bag", "Übergröße")


def spec_of(name: str = "tiny", **changes: Any) -> Spec:
    """A spec whose input and head matter here; the network of the tests is built by hand."""
    document: dict[str, Any] = {
        "name": name,
        "input": {"shape": [12, 10, 3]},
        "stem": {"kind": "conv", "width": 8, "kernel": 3, "stride": 1},
        "block": {"kind": "basic"},
        "stages": [{"blocks": 1, "width": 8}],
        "head": {"classes": 3},
    }
    return Spec.model_validate(document | changes)


def network(shape: tuple[int | None, ...] = (12, 10, 3), classes: int = 3, width: int = 16) -> keras.Model:
    """Rescaling, convolution, batch norm with moving statistics of its own, dropout, pool, dense; seeded."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input(shape)
    maps = keras.layers.Rescaling(1 / 255, offset=-0.5)(inputs)
    maps = keras.layers.RandomFlip("horizontal")(maps)
    maps = keras.layers.Conv2D(width, 3, padding="same", use_bias=False)(maps)
    norm = keras.layers.BatchNormalization()
    maps = keras.layers.ReLU()(norm(maps))
    vector = keras.layers.Dropout(0.5)(keras.layers.GlobalAveragePooling2D()(maps))
    model = keras.Model(inputs, keras.layers.Dense(classes)(vector))
    generator = np.random.default_rng(0)
    norm.moving_mean.assign(generator.normal(0, 0.1, width))
    norm.moving_variance.assign(generator.uniform(0.05, 0.2, width))
    return model
