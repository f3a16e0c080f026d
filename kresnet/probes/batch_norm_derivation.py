"""The backward pass of batch normalisation in float64, derived twice, and a third time by differences.

Ioffe and Szegedy 2015 (arXiv:1502.03167), section 3; `docs/batch-norm.md` derives the formulas step by step. All
functions take x and dy = dL/dy as float64 `(m, C)`, m values for each of C channels, and gamma as float64 `(C,)`.

`total` adds a tensor up over all replicas; it is the identity unless the norm is synchronised, when m, the statistics
and the sums are those of the global batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

#: Adds a tensor up over all replicas.
ReplicaSum = Callable[[Any], Any]

#: Step of the central differences, in standard deviations of the channel: their error is of the order of its square.
DIFFERENCE_STEP = 1e-4


def local_sum(tensor: Any) -> Any:
    """Return the sum over a single replica, which is the tensor itself."""
    return tensor


@dataclass(frozen=True, slots=True)
class BatchStatistics:
    """Statistics of a batch by channel, float64.

    Attributes:
        count: m, how many values of a channel there are, a scalar.
        mean: mean of each channel, `(C,)`.
        centred: x − mean, `(m, C)`.
        inverse_std: 1 / sqrt(variance + epsilon), `(C,)`.
    """

    count: Any
    mean: Any
    centred: Any
    inverse_std: Any


@dataclass(frozen=True, slots=True)
class NormGradients:
    """Gradients of a batch norm: dL/dx `(m, C)`, and this replica's dL/dgamma and dL/dbeta `(C,)`."""

    x: Any
    gamma: Any
    beta: Any


def batch_statistics(x: Any, epsilon: float, total: ReplicaSum = local_sum) -> BatchStatistics:
    """Compute mean and biased variance of each channel, in two passes."""
    count = total(tf.cast(tf.shape(x)[0], tf.float64))
    mean = total(tf.reduce_sum(x, 0)) / count
    deviation = x - mean
    variance = total(tf.reduce_sum(tf.square(deviation), 0)) / count
    return BatchStatistics(count, mean, deviation, 1.0 / tf.sqrt(variance + epsilon))


def long_form(stats: BatchStatistics, dy: Any, gamma: Any, total: ReplicaSum = local_sum) -> NormGradients:
    """Compute the gradients by the chain rule, node by node: x-hat, variance, mean, x."""
    m, deviation, inverse = stats.count, stats.centred, stats.inverse_std
    d_xhat = dy * gamma
    d_variance = total(tf.reduce_sum(d_xhat * deviation, 0)) * -0.5 * inverse**3
    # The second term is zero, since deviations add up to zero; it is kept because the derivation has it.
    d_mean = -total(tf.reduce_sum(d_xhat, 0)) * inverse + d_variance * (-2.0 / m) * total(tf.reduce_sum(deviation, 0))
    d_x = d_xhat * inverse + d_variance * 2.0 * deviation / m + d_mean / m
    return NormGradients(d_x, tf.reduce_sum(dy * deviation * inverse, 0), tf.reduce_sum(dy, 0))


def compact_form(stats: BatchStatistics, dy: Any, gamma: Any, total: ReplicaSum = local_sum) -> NormGradients:
    """Compute dL/dx = gamma/sqrt(variance + epsilon) · (dy − mean(dy) − x̂ · mean(dy·x̂)), the form after simplifying."""
    xhat = stats.centred * stats.inverse_std
    d_gamma, d_beta = tf.reduce_sum(dy * xhat, 0), tf.reduce_sum(dy, 0)
    d_x = gamma * stats.inverse_std * (dy - total(d_beta) / stats.count - xhat * total(d_gamma) / stats.count)
    return NormGradients(d_x, d_gamma, d_beta)


def central_differences(
    x: Any, dy: Any, gamma: Any, beta: Any, epsilon: float, rows: Any, total: ReplicaSum = local_sum
) -> NormGradients:
    """Compute central differences of L = Σ dy·y(x, gamma, beta), with nothing but the forward pass.

    Args:
        x: float64 `(m, K)`, K channels of interest.
        dy: dL/dy, float64 `(m, K)`.
        gamma: float64 `(K,)`.
        beta: float64 `(K,)`.
        epsilon: the norm's epsilon.
        rows: int32 `(K,)`, in each channel the entry of x to perturb; with `total`, one in every
            replica's part of the batch.
        total: adds up over replicas; see the module.

    Returns:
        dL/dx of the entries, summed over replicas, `(K,)`; and this replica's dL/dgamma and dL/dbeta.
    """

    def forward(x: Any, gamma: Any, beta: Any) -> Any:
        stats = batch_statistics(x, epsilon, total)
        return gamma * stats.centred * stats.inverse_std + beta

    def slope(plus: Any, minus: Any, step: Any) -> Any:
        return tf.reduce_sum(dy * (plus - minus), 0) / (2.0 * step)  # differences first: sums of L would cancel

    step = DIFFERENCE_STEP / batch_statistics(x, epsilon, total).inverse_std
    bump = step * tf.transpose(tf.one_hot(rows, tf.shape(x)[0], dtype=tf.float64))
    d_x = total(slope(forward(x + bump, gamma, beta), forward(x - bump, gamma, beta), step))
    h = tf.constant(DIFFERENCE_STEP, tf.float64)
    d_gamma = slope(forward(x, gamma + h, beta), forward(x, gamma - h, beta), h)
    d_beta = slope(forward(x, gamma, beta + h), forward(x, gamma, beta - h), h)
    return NormGradients(d_x, d_gamma, d_beta)
