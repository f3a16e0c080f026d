"""The blur that shrinks a map, against the filter written out in NumPy; timm's own: weights/test_timm_logits.py."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from kresnet.graph.layers import BlurPool2D

FILTER = np.outer([1, 2, 1], [1, 2, 1]) / 16


def written_out(x: np.ndarray, strides: int) -> np.ndarray:
    """Every window of the mirrored map, weighed."""
    padded = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)], "reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (1, 2))[:, ::strides, ::strides]
    return np.einsum("nhwcij,ij->nhwc", windows, FILTER)


def random_map(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(2, 8, 8, 3), (1, 7, 10, 2), (1, 2, 3, 1)])
@pytest.mark.parametrize("strides", [1, 2, 3])
def test_each_pixel_is_weighed_with_its_neighbours(shape, strides):
    x = random_map(*shape)
    found = BlurPool2D(strides)(x)
    np.testing.assert_allclose(found, written_out(x, strides), atol=1e-6)
    assert BlurPool2D(strides).compute_output_shape(shape) == found.shape


@pytest.mark.parametrize("shape", [(1, 8, 12, 2), (1, 7, 9, 1)])
def test_a_dilated_map_is_blurred_as_the_strided_one(shape):
    x = random_map(*shape)
    dilated = BlurPool2D(1, 2)(x)
    np.testing.assert_allclose(dilated[:, ::2, ::2], written_out(x[:, ::2, ::2], 1), atol=1e-6)


def test_it_is_saved_and_takes_any_size(tmp_path):
    inputs = keras.Input((None, None, 2))
    keras.Model(inputs, BlurPool2D(2)(inputs)).save(tmp_path / "blur.keras")
    model = keras.models.load_model(tmp_path / "blur.keras")
    x = random_map(1, 5, 6, 2)
    np.testing.assert_allclose(model(x), written_out(x, 2), atol=1e-6)
