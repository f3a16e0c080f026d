"""What layers compute, in float64 on the CPU, by sums and products alone: no kernel that is checked is used here.

Maps are `(N, H, W, C)`; padding is TensorFlow's `same`. TensorFlow differentiates the functions.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def convolve(x: Any, kernel: Any, *, stride: int = 1, dilation: int = 1, groups: int = 1) -> Any:
    """Return the convolution of a map with a kernel `(k, k, C / groups, F)`, tap by tap."""
    size, filters = kernel.shape[0], kernel.shape[-1]
    shape = (*x.shape[:3], groups, x.shape[3] // groups)
    x = _pad_same(tf.reshape(x, shape), (size - 1) * dilation + 1, stride, 0.0)
    kernel = tf.reshape(kernel, (size, size, shape[4], groups, filters // groups))
    rows, columns = (-(-side // stride) for side in shape[1:3])
    taps = [
        tf.einsum("nhwgc,cgf->nhwgf", _tap(x, i * dilation, j * dilation, rows, columns, stride), kernel[i, j])
        for i in range(size)
        for j in range(size)
    ]
    return tf.reshape(tf.add_n(taps), (shape[0], rows, columns, filters))


def max_pool(x: Any, size: int, stride: int) -> Any:
    """Return the largest value of each window."""
    padded = _pad_same(x, size, stride, float("-inf"))
    rows, columns = (-(-side // stride) for side in x.shape[1:3])
    return tf.reduce_max(
        tf.stack([_tap(padded, i, j, rows, columns, stride) for i in range(size) for j in range(size)]), 0
    )


def option_a(x: Any, width: int, stride: int) -> Any:
    """Return every `stride`-th pixel, new channels of zeros around its own (He et al. 2015, section 4.1)."""
    before = (width - x.shape[-1]) // 2
    return tf.pad(x[:, ::stride, ::stride], [(0, 0)] * 3 + [(before, width - x.shape[-1] - before)])


def softmax_loss(logits: Any, labels: Any) -> Any:
    """Return −log softmax(logits) at the label, the mean over the batch."""
    shifted = logits - tf.reduce_max(logits, 1, keepdims=True)
    logarithms = shifted - tf.math.log(tf.reduce_sum(tf.exp(shifted), 1, keepdims=True))
    return -tf.reduce_mean(tf.gather(logarithms, labels, batch_dims=1))


def _pad_same(x: Any, window: int, stride: int, fill: float) -> Any:
    sides = [max((-(-side // stride) - 1) * stride + window - side, 0) for side in x.shape[1:3]]
    ends = [(total // 2, total - total // 2) for total in sides]
    return tf.pad(x, [(0, 0), *ends, *[(0, 0)] * (len(x.shape) - 3)], constant_values=tf.constant(fill, x.dtype))


def _tap(x: Any, row: int, column: int, rows: int, columns: int, stride: int) -> Any:
    """Return what one place of the window sees at all its positions."""
    return x[:, row : row + (rows - 1) * stride + 1 : stride, column : column + (columns - 1) * stride + 1 : stride]
