"""Dropout and stochastic depth: what they drop, and that the mean stays."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from kresnet.graph.layers import Dropout, StochasticDepth


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(1.0, 2.0, shape).astype("float32")


def test_stochastic_depth_drops_whole_examples_and_keeps_the_mean():
    x = np.ones((4000, 2, 2, 3), "float32")
    y = np.array(StochasticDepth(0.25, seed=1)(x, training=True))
    per_example = y.reshape(4000, -1)
    assert (per_example == per_example[:, :1]).all()
    assert set(np.unique(per_example).round(5)) == {0.0, np.float32(1 / 0.75).round(5)}
    assert (per_example[:, 0] == 0).mean() == pytest.approx(0.25, abs=0.03)  # 4 standard deviations
    assert y.mean() == pytest.approx(1.0, abs=0.05)


def test_stochastic_depth_is_the_identity_in_inference():
    x = noise(4, 3)
    np.testing.assert_array_equal(StochasticDepth(0.9)(x, training=False), x)


@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_stochastic_depth_refuses_other_rates(rate):
    with pytest.raises(ValueError, match="rate must be"):
        StochasticDepth(rate)


def test_dropout_drops_what_kerass_own_does():
    x = noise(64, 8)
    ours = Dropout(0.3, seed=5)(x, training=True)
    np.testing.assert_array_equal(ours, keras.layers.Dropout(0.3, seed=5)(x, training=True))
    np.testing.assert_array_equal(Dropout(0.3, seed=5)(x, training=False), x)


@pytest.mark.parametrize(
    "layer", [Dropout(0.1, seed=4), StochasticDepth(0.2, seed=3)], ids=lambda layer: type(layer).__name__
)
def test_layers_are_rebuilt_from_their_configuration(layer):
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(again) is type(layer)
    assert again.get_config() == layer.get_config()
