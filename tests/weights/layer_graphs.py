"""The operations of small networks of Keras layers, as a file tells them."""

from __future__ import annotations

import keras

from kresnet.weights.files.keras_graph import Operation, OperationGraph, read_operation_graph


def layer_graph(*made, shape=(7, 8, 3)) -> OperationGraph:
    """The graph of a network of these layers, one after the other."""
    x = inputs = keras.Input(shape)
    for layer in made:
        x = layer(x)
    graph = read_operation_graph(keras.Model(inputs, x).to_json().encode())
    assert graph
    return graph


def operations(*made, shape=(7, 8, 3)) -> list[Operation]:
    """The operations of that network, without its input."""
    return [each for each in layer_graph(*made, shape=shape).operations.values() if each.kind != "InputLayer"]
