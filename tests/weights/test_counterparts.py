"""Operations that stand for records, and those that do not, told one by one."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

import kresnet
from kresnet.weights.counterparts import (
    changes_nothing,
    hard_sigmoid_operand,
    is_counterpart,
    pads_as_same,
    stands_in_for,
)
from tests.weights.layer_graphs import layer_graph, operations

PLAN = kresnet.load("resnet18").plan()


@pytest.mark.parametrize(
    ("record", "layer", "alike"),
    [
        ("stem.activation", layers.ReLU(), True),
        ("stem.activation", layers.ReLU(max_value=6), False),
        ("stem.pool", layers.MaxPooling2D(3, 2), True),
        ("stem.pool", layers.MaxPooling2D(2, 2), False),
        ("stem.pool", layers.AveragePooling2D(3, 2), False),
        ("head.pool", layers.GlobalAveragePooling2D(), True),
        ("head.pool", layers.GlobalMaxPooling2D(), False),
        ("stage1.block1.add", lambda x: layers.Add()([x, x]), True),
        ("stage1.block1.add", lambda x: layers.Multiply()([x, x]), False),
        ("stem.conv", layers.Conv2D(64, 7, 2), False),  # layers with weights are known by the weights
    ],
)
def test_an_operation_stands_for_a_record_of_its_kind_and_settings(record, layer, alike):
    [operation] = operations(layer)
    assert is_counterpart(operation, PLAN.by_name[record], PLAN) == alike


def test_a_function_that_is_linear_changes_nothing_but_where_the_plan_has_another():
    [linear] = operations(layers.Activation("linear"))
    assert changes_nothing(linear, PLAN.by_name["stem.conv"])
    assert not changes_nothing(linear, PLAN.by_name["stem.activation"])
    [flatten] = operations(layers.Flatten(), shape=(1, 1, 3))
    assert changes_nothing(flatten, PLAN.by_name["head.logits"])
    assert not changes_nothing(flatten, PLAN.by_name["stem.conv"])


def test_the_layers_in_the_place_of_a_record_are_those_of_a_model_of_its_name():
    [pad] = operations(keras.Sequential([layers.ZeroPadding2D(1)], name="stem.pool"))
    assert stands_in_for(pad, PLAN.by_name["stem.pool"])
    assert not stands_in_for(pad, PLAN.by_name["stem.conv"])


@pytest.mark.parametrize(("added", "found"), [(3.0, True), (2.0, False)])
def test_a_hard_sigmoid_is_known_where_it_is_spelt_out(added, found):
    graph = layer_graph(layers.Dense(4), lambda x: x + added, layers.ReLU(max_value=6), lambda x: x * (1 / 6))
    operand = hard_sigmoid_operand(graph.operations[graph.output], graph)
    assert (operand.kind if operand else None) == ("Dense" if found else None)


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
