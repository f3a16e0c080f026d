"""Linear maps of pixels: what operations of Keras compute, as a spec's `input.pixels`, and back."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kresnet.graph.layers import NormalizePixels
from kresnet.spec.inputs import Pixels
from kresnet.weights.files.keras_graph import read_operation_graph
from kresnet.weights.files.pixel_arithmetic import NotLinearError, PixelMap, read_pixel_map

IMAGES = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 3)).astype(np.float32)


def map_of(function) -> tuple[PixelMap, keras.Model]:
    inputs = keras.Input((4, 4, 3))
    model = keras.Model(inputs, function(inputs))
    graph = read_operation_graph(model.to_json().encode())
    return read_pixel_map(graph, graph.output, 3, {}, ()), model


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x[..., ::-1] / 127.5 - 1,
        lambda x: 1.0 - x * 0.5,
        lambda x: -keras.ops.flip(x, axis=-1) + 3,
        lambda x: (x - np.array([1.0, 2, 3])) / np.array([4.0, 5, 6]),
        lambda x: keras.layers.Rescaling([0.1, 0.2, 0.3], offset=[1.0, 2, 3])(x),
        lambda x: keras.layers.Normalization(mean=2.0, variance=9.0, axis=None)(x),
        lambda x: keras.layers.Normalization(mean=[1.0, 2, 3], variance=[4.0, 5, 6], invert=True)(x),
        lambda x: keras.ops.stack([x[..., 2], x[..., 1], x[..., 0]], axis=-1),
        lambda x: keras.ops.concatenate([x[:, :, :, 1:], x[:, :, :, :1]], axis=-1),
    ],
)
def test_a_map_computes_what_the_operations_compute(function):
    found, model = map_of(function)
    expected = IMAGES[..., list(found.sources)] * found.scale + found.offset
    np.testing.assert_allclose(model(IMAGES), expected, rtol=1e-5, atol=1e-4)
    if pixels := found.as_pixels():
        assert PixelMap.from_spec(Pixels.model_validate(pixels), 3).equals(found)
        np.testing.assert_allclose(NormalizePixels(**pixels)(IMAGES), expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x[:, :2],
        lambda x: x * x,
        lambda x: 1 / x,
        lambda x: x - np.ones((4, 4, 3)),
        keras.ops.relu,
        lambda x: keras.layers.Normalization(axis=(1, 2, 3), mean=np.ones((4, 4, 3)), variance=np.ones((4, 4, 3)))(x),
    ],
)
def test_what_is_no_linear_map_of_single_values_is_named(function):
    with pytest.raises(NotLinearError) as error:
        map_of(function)
    assert error.value.operation.kind != "InputLayer"


def test_maps_that_no_pixels_stand_for():
    identity = PixelMap.identity(3)
    assert identity.channels([1, 2, 0]).as_pixels() is None
    assert identity.times([1, -1, 1]).as_pixels() is None
    assert identity.times(-1).as_pixels()["range"] == [0.0, -255.0]
    assert identity.as_pixels() == {"range": [0.0, 255.0], "mean": [0.0], "std": [1.0], "channel_order": "rgb"}


numbers = st.floats(0.125, 200, width=32)


@given(
    st.tuples(numbers, numbers), st.tuples(*[numbers] * 3), st.tuples(*[numbers] * 3), st.sampled_from(["rgb", "bgr"])
)
def test_what_a_spec_says_is_found_again(span, mean, std, order):
    low, width = span
    pixels = Pixels(range=(low, low + width), mean=mean, std=std, channel_order=order)
    found = PixelMap.from_spec(pixels, 3)
    again = PixelMap.from_spec(Pixels.model_validate(found.as_pixels()), 3)
    assert again.sources == found.sources
    values = np.array([0.0, 128.0, 255.0])[:, None]
    expected = values * found.scale + found.offset
    tolerance = 1e-5 * np.abs(expected).max()
    np.testing.assert_allclose(values * again.scale + again.offset, expected, rtol=1e-5, atol=tolerance)
