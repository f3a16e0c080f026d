"""Layers agree with float64, and one with a wrong gradient does not."""

from __future__ import annotations

import pytest
import tensorflow as tf

from kresnet.diagnostics.device_check.operations import compare, compare_stochastic_depth, convolution, operations
from kresnet.diagnostics.device_check.precisions import BFLOAT16, FLOAT16, FLOAT32
from kresnet.graph.layers import Conv2D, StochasticDepth


class WrongConv2D(Conv2D):
    """A convolution whose gradient by the input is a thousandth too large."""

    def convolution_op(self, inputs, kernel):
        @tf.custom_gradient
        def scaled(x):
            return tf.identity(x), lambda dy: dy * 1.001

        return super().convolution_op(scaled(inputs), kernel)


@pytest.mark.parametrize("operation", operations(), ids=lambda operation: operation.name)
def test_a_layer_agrees_with_its_definition(operation):
    result = compare(operation, [FLOAT32] if operation.name == "grouped convolution" else [FLOAT32, BFLOAT16])
    assert result.verdict == "passed", result


def test_a_wrong_gradient_is_caught():
    """In float32: what a thousandth adds is less than a rounding of bfloat16."""
    good, wrong = (convolution("small", 3, 4, 4, side=6, layer=layer) for layer in (Conv2D, WrongConv2D))
    assert compare(good, [FLOAT32]).verdict == "passed"
    result = compare(wrong, [FLOAT32, BFLOAT16])
    assert result.verdict == "failed"
    assert result.detail.startswith("dL/dx in float32 is off by 1.0e-03")


def test_branches_are_dropped_whole():
    class Leaking(StochasticDepth):
        def call(self, inputs, training=None):
            return super().call(inputs, training=training) + 0.01 * inputs

    precisions = [FLOAT32, FLOAT16]
    assert compare_stochastic_depth(precisions).verdict == "passed"
    assert compare_stochastic_depth(precisions, Leaking).verdict == "failed"
