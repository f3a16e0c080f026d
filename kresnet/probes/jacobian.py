"""Singular values of a block's Jacobian, estimated without ever forming it."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from kresnet.plan import Record
from kresnet.probes.block_paths import BlockPaths
from kresnet.probes.replay import replay

#: Steps of the power iteration, which approaches the largest value from below; and random directions for the typical.
ITERATIONS, DIRECTIONS = 12, 3

#: These draw anew in each call, and a Jacobian is of one function; they run as in inference.
_RANDOM = ("dropout", "stochastic_depth")


@dataclass(frozen=True, slots=True)
class SingularValues:
    """Of the Jacobian J of a block over a whole batch.

    Attributes:
        largest: ‖Jv‖/‖v‖ for v of the last step of a power iteration on JᵀJ; a lower bound.
        typical: root mean square of ‖Jᵀu‖/‖u‖ over random u, which estimates ‖J‖_F/sqrt(rows): the factor by which a
            gradient without preferred direction changes.
    """

    largest: float
    typical: float


def singular_values(network: keras.Model, block: BlockPaths, x: Any) -> SingularValues:
    """Estimate the singular values at x, the block's input, in training mode: batch norms couple the images.

    Args:
        network: the model that the block is of.
        block: whose Jacobian is meant.
        x: `(N, ...)` in the type that the block computes in.
    """

    def run(x: Any) -> Any:
        return replay(network, block.records, {block.input: x}, training=_deterministic).outputs[block.output]

    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = run(x)

    def transposed(u: Any) -> Any:
        return tape.gradient(y, x, output_gradients=tf.cast(u, y.dtype))

    seed = zlib.crc32(block.name.encode()) & 0x7FFFFFFF
    directions = [_unit(tf.random.stateless_normal(y.shape, [seed, n])) for n in range(DIRECTIONS)]
    backward = [transposed(u) for u in directions]
    typical = tf.sqrt(tf.reduce_mean([_norm(b) ** 2 for b in backward]))
    v, largest = backward[0], 0.0
    for _ in range(ITERATIONS):
        v = tf.cast(_unit(v), x.dtype)
        with tf.autodiff.ForwardAccumulator(x, v) as accumulator:
            image = run(x)
        pushed = accumulator.jvp(image)
        largest = float(_norm(pushed) / _norm(v))
        v = transposed(pushed)
    return SingularValues(largest, float(typical))


def _deterministic(record: Record) -> bool:
    return record.kind not in _RANDOM


def _norm(tensor: Any) -> Any:
    return tf.norm(tf.cast(tensor, tf.float32))


def _unit(tensor: Any) -> Any:
    tensor = tf.cast(tensor, tf.float32)
    return tf.math.divide_no_nan(tensor, tf.norm(tensor))
