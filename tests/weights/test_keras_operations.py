"""What single operations of a Keras file do, held to what Keras itself computes with them."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest
from keras import layers

import kresnet
from kresnet.weights.files.keras_graph import Operation, read_operation_graph
from kresnet.weights.keras_operations import (
    ADDITIONS,
    ONLY_IN_TRAINING,
    PRODUCTS,
    applied_function,
    constant_operand,
    is_identity,
    operation_text,
    padding_side,
    pads_as_same,
)


def operations(*made, shape=(7, 8, 3)) -> list[Operation]:
    """The operations of a network of these layers, one after the other, without its input."""
    x = inputs = keras.Input(shape)
    for layer in made:
        x = layer(x)
    graph = read_operation_graph(json.dumps(json.loads(keras.Model(inputs, x).to_json())).encode())
    assert graph
    return [each for each in graph.operations.values() if each.kind != "InputLayer"]


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        (layers.ReLU(), "relu"),
        (layers.ReLU(max_value=6), "relu6"),
        (layers.ReLU(negative_slope=0.1), "relu with negative_slope 0.1"),
        (layers.Activation("hard_swish"), "hard_silu"),
        (layers.ELU(), "elu"),
        (layers.Softmax(), "softmax"),
        (layers.Dropout(0.5), ""),
    ],
)
def test_functions_are_named_with_their_settings(layer, name):
    [operation] = operations(layer)
    assert applied_function(operation) == name
    assert operation_text(operation) == (f"the function {name}" if name else "a Dropout")


def test_what_changes_nothing_outside_training_is_an_identity():
    images = keras.random.uniform((2, 8, 8, 3), 0, 255)
    arguments = {
        "RandomRotation": (0.5,),
        "RandomZoom": (0.5,),
        "RandomTranslation": (0.5, 0.5),
        "RandomContrast": (0.5,),
    }
    arguments |= {"RandomBrightness": (0.5,), "Dropout": (0.5,), "SpatialDropout2D": (0.5,), "GaussianDropout": (0.5,)}
    arguments |= {"GaussianNoise": (0.5,), "AlphaDropout": (0.5,), "RandomHue": (0.5,), "RandomSaturation": (0.5,)}
    arguments |= {"RandomSharpness": (0.5,), "RandomShear": (0.5, 0.5), "RandomPosterization": (4,)}
    arguments |= {"RandomColorDegeneration": (0.5,)}
    for name in set(ONLY_IN_TRAINING) - {"StochasticDepth", "SpatialDropout1D"}:
        if kind := getattr(layers, name, None):
            layer = kind(*arguments.get(name, ()))
            output = layer(images, training=False)
            assert is_identity(operations(layer, shape=(8, 8, 3))[0])
            assert keras.ops.max(keras.ops.abs(output - images)) == 0, name


def test_only_a_linear_function_is_an_identity():
    linear, relu = operations(layers.Activation("linear"), layers.ReLU())
    assert is_identity(linear)
    assert not is_identity(relu)


def test_the_number_beside_an_operand_is_read_of_its_own_kind_of_operation():
    shifted, scaled = operations(lambda x: x + 3.0, lambda x: x * 0.5)
    assert constant_operand(shifted, ADDITIONS) == 3
    assert constant_operand(shifted, PRODUCTS) is None
    assert constant_operand(scaled, PRODUCTS) == 0.5


@pytest.mark.parametrize(("padding", "side"), [(2, 2), (((1, 1), (1, 1)), 1), (((0, 1), (0, 1)), -1)])
def test_a_padding_has_a_side_where_all_are_alike(padding, side):
    assert padding_side(operations(layers.ZeroPadding2D(padding))[0]) == side


def test_a_padding_of_a_window_that_same_would_pad_alike_is_found_to_be_so():
    spec = {
        "name": "strided",
        "input": {"shape": [7, 8, 3]},
        "stem": {"kind": "conv", "width": 4, "kernel": 3, "stride": 2},
        "block": {"kind": "basic"},
        "stages": [{"blocks": 1, "width": 4}],
        "convolution": {"padding": "same"},
        "head": {"classes": 3},
    }
    plan = kresnet.load(spec).plan()
    conv = plan.by_name["stem.conv"]
    before = plan.by_name[conv.inputs[0]]
    images = np.random.default_rng(0).random((1, 7, 8, 3), np.float32)
    same = layers.Conv2D(4, 3, 2, "same")
    same.build(images.shape)
    for padding, alike in ((((1, 1), (0, 1)), True), (((0, 1), (0, 1)), False)):
        pad = layers.ZeroPadding2D(padding)
        valid = layers.Conv2D(4, 3, 2)
        valid.build(pad(images).shape)
        valid.set_weights(same.get_weights())
        computed = np.array_equal(np.shape(valid(pad(images))), np.shape(same(images)))
        computed = computed and np.allclose(valid(pad(images)), same(images), atol=1e-6)
        assert computed == alike
        assert pads_as_same(operations(pad)[0], conv, before) == alike
