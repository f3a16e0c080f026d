"""Operations of a Keras file: each call with its arguments, nested models in their place, nothing executed."""

from __future__ import annotations

import keras

from kresnet.weights.keras_graph import Operand, activation_name, read_operation_graph


def graph_of(model: keras.Model):
    return read_operation_graph(model.to_json().encode())


def test_nested_models_are_read_in_their_place_and_shared_layers_a_call_at_a_time():
    keras.backend.clear_session()
    inner = keras.Sequential([keras.Input((8,)), keras.layers.Dense(8, "relu", name="dense")], name="inner")
    relu = keras.layers.ReLU(name="shared")
    inputs = keras.Input((8,), name="input")
    model = keras.Model(inputs, relu(inner(relu(inputs))) - 1.0)
    graph = graph_of(model)
    kinds = {key: operation.kind for key, operation in graph.operations.items()}
    assert kinds == {
        "input": "InputLayer",
        "shared": "ReLU",
        "inner/dense": "Dense",
        "inner/dense (relu)": "Activation",
        "shared#1": "ReLU",
        "subtract": "Subtract",
    }
    assert graph.operations["inner/dense"].inputs == ("shared",)
    assert graph.operations["shared#1"].inputs == ("inner/dense (relu)",)
    assert graph.operations[graph.output].arguments == (Operand("shared#1"), 1.0)
    assert [each.key for each in graph.up_to("inner/dense")] == ["input", "shared", "inner/dense"]


def test_what_is_no_network_of_layers_has_no_operations():
    for text in (b"[]", b"{}", b'{"config": {"layers": 3}}', b'{"config": {"layers": [{"config": 1}]}}'):
        assert read_operation_graph(text) is None


def test_functions_have_one_name_each():
    assert activation_name("swish") == activation_name("silu") == "silu"
    assert activation_name({"class_name": "function", "config": "relu"}) == "relu"
    assert activation_name({"class_name": "LeakyReLU", "config": {}}) == "LeakyReLU"
