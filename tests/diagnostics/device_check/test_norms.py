"""Batch norms agree with their derivation; a wrong gradient, and a variance that cancels, do not."""

from __future__ import annotations

import pytest
import tensorflow as tf

from kresnet.diagnostics.device_check.norms import (
    NormCase,
    compare_empty_batch,
    compare_norm,
    compare_single_value,
)
from kresnet.diagnostics.device_check.precisions import BFLOAT16, FLOAT16, FLOAT32
from kresnet.graph.layers import FusedBatchNorm

ALL = [FLOAT32, BFLOAT16, FLOAT16]
SHAPE = (8, 6, 6, 8)


class WrongNorm(FusedBatchNorm):
    """A norm whose gradient by the input is a thousandth too large, and that makes its beta of one value a channel."""

    def call(self, inputs, training=None, mask=None):
        @tf.custom_gradient
        def scaled(x):
            return tf.identity(x), lambda dy: dy * tf.cast(1.001, dy.dtype)

        return super().call(scaled(inputs), training=training)


class CancellingNorm(FusedBatchNorm):
    """A norm whose variance is E[x²] − E[x]²."""

    def call(self, inputs, training=None, mask=None):
        mean = tf.reduce_mean(inputs, (0, 1, 2))
        variance = tf.reduce_mean(tf.square(inputs), (0, 1, 2)) - tf.square(mean)
        self.moving_mean.assign(mean)
        self.moving_variance.assign(variance)
        return tf.nn.batch_normalization(inputs, mean, variance, self.beta.value, self.gamma.value, self.epsilon)


class MovingNorm(FusedBatchNorm):
    """A norm that moves its statistics whatever the batch."""

    def call(self, inputs, training=None, mask=None):
        self.moving_mean.assign_add(tf.ones_like(self.moving_mean))
        return super().call(inputs, training=training)


@pytest.mark.parametrize("xla", [False, True])
@pytest.mark.parametrize(("mean", "deviation"), [(1.0, 2.0), (100.0, 0.05)])
def test_a_norm_agrees_with_its_derivation(mean, deviation, xla):
    case = NormCase("norm", SHAPE, mean, deviation, wide=mean == 100 or xla, xla=xla)
    result = compare_norm(case, ALL, FusedBatchNorm)
    assert result.verdict == "passed", result


def test_a_wrong_gradient_is_caught():
    result = compare_norm(NormCase("norm", SHAPE), [FLOAT32], WrongNorm)
    assert result.verdict == "failed"
    assert "dL/dx in float32" in result.detail


def test_a_variance_that_cancels_is_caught_far_from_zero_only():
    near, far = (
        compare_norm(NormCase("norm", SHAPE, mean, deviation), [FLOAT32], CancellingNorm)
        for mean, deviation in ((1.0, 2.0), (100.0, 0.05))
    )
    assert near.verdict == "passed", near
    assert far.verdict == "failed"


def test_one_value_and_no_image():
    assert compare_single_value(ALL, FusedBatchNorm).verdict == "passed"
    assert compare_empty_batch(ALL, FusedBatchNorm).verdict == "passed"
    assert compare_empty_batch([FLOAT32], MovingNorm).verdict == "failed"
