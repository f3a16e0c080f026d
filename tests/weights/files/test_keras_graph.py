"""Operations of a Keras file: each call with its arguments, nested models in their place, nothing executed."""

from __future__ import annotations

import json

import keras

from kresnet.weights.files.keras_graph import Operand, activation_name, read_operation_graph


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


def test_the_lists_of_keras_2_are_read_as_the_calls_that_they_are():
    """As `Functional.get_config` of Keras 2.15 gives them: each call a list of `[layer, call, output, arguments]`."""
    layers = [
        {"class_name": "InputLayer", "config": {"name": "input"}, "name": "input", "inbound_nodes": []},
        {"class_name": "Dense", "name": "a", "config": {"name": "a"}, "inbound_nodes": [[["input", 0, 0, {}]]]},
        {
            **{"class_name": "Dropout", "name": "b", "config": {"name": "b"}},
            "inbound_nodes": [[["a", 0, 0, {"training": True}]]],
        },
        {
            **{"class_name": "Add", "name": "sum", "config": {"name": "sum"}},
            "inbound_nodes": [[["a", 0, 0, {}], ["b", 0, 0, {}]]],
        },
    ]
    config = {"name": "model", "layers": layers, "input_layers": [["input", 0, 0]], "output_layers": [["sum", 0, 0]]}
    graph = read_operation_graph(json.dumps({"class_name": "Functional", "config": config}).encode())
    assert {key: operation.arguments for key, operation in graph.operations.items()} == {
        "input": (),
        "a": (Operand("input"),),
        "b": (Operand("a"), True),
        "sum": (Operand("a"), Operand("b")),
    }
    assert graph.output == "sum"


def test_what_is_no_network_of_layers_has_no_operations():
    for text in (b"[]", b"{}", b'{"config": {"layers": 3}}', b'{"config": {"layers": [{"config": 1}]}}'):
        assert read_operation_graph(text) is None


def test_functions_have_one_name_each():
    assert activation_name("swish") == activation_name("silu") == "silu"
    assert activation_name({"class_name": "function", "config": "relu"}) == "relu"
    assert activation_name({"class_name": "LeakyReLU", "config": {}}) == "LeakyReLU"
