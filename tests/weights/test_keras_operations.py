"""What single operations of a Keras file do, held to what Keras itself computes with them."""

from __future__ import annotations

import keras
import pytest
from keras import layers

from kresnet.weights.keras_operations import (
    ADDITIONS,
    ONLY_IN_TRAINING,
    PRODUCTS,
    applied_function,
    constant_operand,
    is_identity,
    keeps_size,
    operation_text,
    padding_side,
)
from tests.weights.layer_graphs import layer_graph, operations


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


def test_a_resizing_to_the_size_of_the_input_changes_nothing():
    for size, keeps in (((7, 8), True), ((8, 7), False)):
        graph = layer_graph(layers.ReLU(), layers.Resizing(*size))
        assert keeps_size(graph.operations[graph.output], graph) == keeps
