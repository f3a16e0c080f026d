"""The reference, against SciPy and against TensorFlow's own kernels in float64 where it has them."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special
import tensorflow as tf

from kresnet.diagnostics.device_check import float64_reference as reference


def noise(*shape):
    return tf.constant(np.random.default_rng(0).standard_normal(shape))


@pytest.mark.parametrize(("side", "stride", "dilation"), [(7, 1, 1), (7, 2, 1), (8, 2, 1), (9, 1, 2), (8, 3, 1)])
@pytest.mark.parametrize("size", [1, 3])
def test_a_convolution_is_tensorflows_in_float64(side, stride, dilation, size):
    x, kernel = noise(2, side, side, 3), noise(size, size, 3, 4)
    expected = tf.nn.conv2d(x, kernel, stride, "SAME", dilations=dilation)
    np.testing.assert_allclose(reference.convolve(x, kernel, stride=stride, dilation=dilation), expected, atol=1e-12)


def test_groups_are_convolutions_of_their_own():
    x, kernel = noise(2, 5, 5, 6), noise(3, 3, 2, 9)
    each = [reference.convolve(x[..., 2 * n : 2 * n + 2], kernel[..., 3 * n : 3 * n + 3]) for n in range(3)]
    np.testing.assert_allclose(reference.convolve(x, kernel, groups=3), tf.concat(each, -1), atol=1e-12)


@pytest.mark.parametrize("side", [7, 8])
def test_a_maximum_is_tensorflows(side):
    x = noise(2, side, side, 3)
    np.testing.assert_array_equal(reference.max_pool(x, 3, 2), tf.nn.max_pool2d(x, 3, 2, "SAME"))


def test_option_a_and_the_softmax_loss():
    x = noise(1, 4, 4, 2)
    padded = reference.option_a(x, 5, 2)
    np.testing.assert_array_equal(padded[..., 1:3], x[:, ::2, ::2])
    assert padded.shape == (1, 2, 2, 5)
    assert not padded.numpy()[..., [0, 3, 4]].any()
    logits = noise(3, 4) * 100.0
    expected = -scipy.special.log_softmax(logits, 1)[[0, 1, 2], [3, 0, 1]].mean()
    np.testing.assert_allclose(reference.softmax_loss(logits, tf.constant([3, 0, 1])), expected)
