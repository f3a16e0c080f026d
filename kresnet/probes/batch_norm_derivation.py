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

Total = Callable[[Any], Any]

#: Step of the central differences, in standard deviations of the channel: their error is of the order of its square.
DIFFERENCE_STEP = 1e-4


def local(tensor: Any) -> Any:
    """The sum over one replica: the tensor itself."""
    return tensor


@dataclass(frozen=True, slots=True)
class BatchStatistics:
    """Of a batch, float64.

    Attributes:
        count: m, a scalar.
        mean: `(C,)`.
        deviation: x − mean, `(m, C)`.
        inverse: 1 / sqrt(variance + epsilon), `(C,)`.
    """

    count: Any
    mean: Any
    deviation: Any
    inverse: Any


@dataclass(frozen=True, slots=True)
class NormGradients:
    """dL/dx `(m, C)`, and this replica's dL/dgamma and dL/dbeta `(C,)`."""

    x: Any
    gamma: Any
    beta: Any


def statistics(x: Any, epsilon: float, total: Total = local) -> BatchStatistics:
    """Mean and biased variance of each channel, in two passes."""
    count = total(tf.cast(tf.shape(x)[0], tf.float64))
    mean = total(tf.reduce_sum(x, 0)) / count
    deviation = x - mean
    variance = total(tf.reduce_sum(tf.square(deviation), 0)) / count
    return BatchStatistics(count, mean, deviation, 1.0 / tf.sqrt(variance + epsilon))


def long_form(found: BatchStatistics, dy: Any, gamma: Any, total: Total = local) -> NormGradients:
    """The chain rule, node by node: x-hat, variance, mean, x."""
    m, deviation, inverse = found.count, found.deviation, found.inverse
    d_xhat = dy * gamma
    d_variance = total(tf.reduce_sum(d_xhat * deviation, 0)) * -0.5 * inverse**3
    # The second term is zero, since deviations add up to zero; it is kept because the derivation has it.
    d_mean = -total(tf.reduce_sum(d_xhat, 0)) * inverse + d_variance * (-2.0 / m) * total(tf.reduce_sum(deviation, 0))
    d_x = d_xhat * inverse + d_variance * 2.0 * deviation / m + d_mean / m
    return NormGradients(d_x, tf.reduce_sum(dy * deviation * inverse, 0), tf.reduce_sum(dy, 0))


def compact_form(found: BatchStatistics, dy: Any, gamma: Any, total: Total = local) -> NormGradients:
    """dL/dx = gamma/sqrt(variance + epsilon) · (dy − mean(dy) − x̂ · mean(dy·x̂)), what is left after simplifying."""
    xhat = found.deviation * found.inverse
    d_gamma, d_beta = tf.reduce_sum(dy * xhat, 0), tf.reduce_sum(dy, 0)
    d_x = gamma * found.inverse * (dy - total(d_beta) / found.count - xhat * total(d_gamma) / found.count)
    return NormGradients(d_x, d_gamma, d_beta)


def differences(
    x: Any, dy: Any, gamma: Any, beta: Any, epsilon: float, rows: Any, total: Total = local
) -> NormGradients:
    """Central differences of L = Σ dy·y(x, gamma, beta), with nothing but the forward pass.

    Args:
        x: float64 `(m, K)`, K channels of interest.
        dy: as x.
        gamma: float64 `(K,)`.
        beta: as gamma.
        epsilon: of the norm.
        rows: int32 `(K,)`, in each channel the entry of x to perturb; with `total`, one in every replica's share.
        total: see the module.

    Returns:
        dL/dx of the entries, summed over replicas, `(K,)`; and this replica's dL/dgamma and dL/dbeta.
    """

    def forward(x: Any, gamma: Any, beta: Any) -> Any:
        found = statistics(x, epsilon, total)
        return gamma * found.deviation * found.inverse + beta

    def slope(plus: Any, minus: Any, step: Any) -> Any:
        return tf.reduce_sum(dy * (plus - minus), 0) / (2.0 * step)  # differences first: sums of L would cancel

    step = DIFFERENCE_STEP / statistics(x, epsilon, total).inverse
    bump = step * tf.transpose(tf.one_hot(rows, tf.shape(x)[0], dtype=tf.float64))
    d_x = total(slope(forward(x + bump, gamma, beta), forward(x - bump, gamma, beta), step))
    h = tf.constant(DIFFERENCE_STEP, tf.float64)
    d_gamma = slope(forward(x, gamma + h, beta), forward(x, gamma - h, beta), h)
    d_beta = slope(forward(x, gamma, beta + h), forward(x, gamma, beta - h), h)
    return NormGradients(d_x, d_gamma, d_beta)
