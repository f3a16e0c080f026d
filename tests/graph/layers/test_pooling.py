"""Max pooling as XLA compiles it, against TensorFlow's own."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from kresnet.graph.layers import MaxPooling2D


@pytest.mark.parametrize(
    ("size", "stride", "padding", "shape"),
    [
        (3, 2, "same", (2, 8, 8, 3)),
        (3, 2, "same", (2, 7, 5, 3)),
        (3, 2, "valid", (2, 9, 8, 3)),
        (2, 2, "valid", (1, 5, 5, 2)),
        (3, 1, "same", (1, 4, 4, 1)),
        (2, 3, "same", (1, 7, 8, 2)),
        (12, 1, "valid", (1, 12, 13, 1)),  # more places than a byte counts, which takes XLA seconds
    ],
)
@pytest.mark.parametrize("precision", ["float32", pytest.param("bfloat16", marks=pytest.mark.slow)])
def test_the_compiled_gradient_is_tensorflows(size, stride, padding, shape, precision):
    """With many ties, as after a ReLU: only the first of equal values gets the gradient."""
    rng = np.random.default_rng(0)
    x = tf.cast(np.maximum(rng.integers(-3, 3, shape), 0), precision)
    layers = [make(size, stride, padding, dtype=precision) for make in (keras.layers.MaxPooling2D, MaxPooling2D)]
    layers[1].compiled = True
    dy = tf.cast(rng.integers(-8, 8, layers[0](x).shape), precision)  # sums of few bits are exact in any order

    def gradient(layer, x, dy):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x)
        return y, tape.gradient(y, x, dy)

    expected = gradient(layers[0], x, dy)
    found = tf.function(gradient, jit_compile=True)(layers[1], x, dy)
    for ours, stock in zip(found, expected, strict=True):
        assert ours.dtype == stock.dtype
        np.testing.assert_array_equal(tf.cast(ours, tf.float32), tf.cast(stock, tf.float32))


def test_a_file_with_the_layer_loads(tmp_path):
    model = keras.Sequential([keras.Input((4, 4, 1)), MaxPooling2D(3, 2, "same")])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    x = np.arange(16, dtype="float32").reshape(1, 4, 4, 1)
    np.testing.assert_array_equal(loaded(x), model(x))
