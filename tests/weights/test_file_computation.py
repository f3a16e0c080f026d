"""What a file computes beside a plan, told from the description of its network alone."""

from __future__ import annotations

import keras
import pytest
from keras import layers

import kresnet
from kresnet.weights.file_computation import FileComputation, read_computation
from kresnet.weights.files.keras_graph import read_operation_graph

SPEC = {
    "name": "one_block",
    "input": {"shape": [8, 8, 3]},
    "stem": {"kind": "conv", "width": 4, "kernel": 3, "stride": 1},
    "block": {"kind": "basic"},
    "stages": [{"blocks": 1, "width": 4}],
    "head": {"classes": 3},
}


def read(
    first: str = "relu", last: str = "relu", swap: bool = False, pool=None, train: bool = False
) -> FileComputation:
    """What is found in a network of kresnet's names, some of whose functions are others."""
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, padding="same", name="stem.conv")(inputs)
    stem = layers.Activation(first)(layers.BatchNormalization(name="stem.norm")(x))
    x = layers.Conv2D(4, 3, padding="same", name="stage1.block1.conv1")(stem)
    x = layers.ReLU()(layers.BatchNormalization(name="stage1.block1.norm1")(x, training=train or None))
    x = layers.Conv2D(4, 3, padding="same", name="stage1.block1.conv2")(x)
    x = layers.BatchNormalization(name="stage1.block1.norm2")(x)
    x = layers.Activation(last)(layers.Add()([stem, x] if swap else [x, stem]))
    x = layers.Dense(3, name="head.logits")((pool or layers.GlobalAveragePooling2D())(x))
    graph = read_operation_graph(keras.Model(inputs, x).to_json().encode())
    plan = kresnet.load(SPEC).plan()
    return read_computation(plan, graph, {r.name: r.name for r in plan.records if r.parameters}, {})


@pytest.mark.parametrize("swap", [False, True])
def test_the_same_network_computes_nothing_else(swap):
    assert read(swap=swap) == FileComputation()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"first": "tanh"}, "the function tanh, where stem.activation is relu"),
        ({"last": "linear"}, "the function linear, where stage1.block1."),
        ({"pool": layers.GlobalMaxPooling2D()}, "a GlobalMaxPooling2D"),
        ({"train": True}, "called with training=True"),
    ],
)
def test_what_differs_is_named(options, text):
    assert any(text in extra.text for extra in read(**options).extra)
