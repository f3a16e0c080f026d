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

#: Steps of the power iteration, which approaches the largest singular value from below.
ITERATIONS = 12
#: Random directions that the typical singular value is estimated from.
DIRECTIONS = 3

#: Kinds of layers that draw anew in each call; they run as in inference, since a Jacobian is of one function.
_RANDOM_KINDS = ("dropout", "stochastic_depth")


@dataclass(frozen=True, slots=True)
class SingularValues:
    """Estimated singular values of the Jacobian J of a block over a whole batch.

    Attributes:
        largest: ‖Jv‖/‖v‖ for v of the last step of a power iteration on JᵀJ; a lower bound.
        typical: root mean square of ‖Jᵀu‖/‖u‖ over random u, which estimates ‖J‖_F/sqrt(rows): the factor by which a
            gradient without preferred direction changes.
    """

    largest: float
    typical: float


def singular_values(network: keras.Model, block: BlockPaths, x: Any) -> SingularValues:
    """Estimate the singular values in training mode, in which batch norms couple the images.

    Args:
        network: the model that the block belongs to.
        block: the block.
        x: the block's input, `(N, ...)`, in the type that the block computes in.
    """

    def apply_block(x: Any) -> Any:
        return replay(network, block.records, {block.input: x}, training=_deterministic).outputs[block.output]

    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = apply_block(x)

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
            image = apply_block(x)
        pushed = accumulator.jvp(image)
        largest = float(_norm(pushed) / _norm(v))
        v = transposed(pushed)
    return SingularValues(largest, float(typical))


def _deterministic(record: Record) -> bool:
    return record.kind not in _RANDOM_KINDS


def _norm(tensor: Any) -> Any:
    return tf.norm(tf.cast(tensor, tf.float32))


def _unit(tensor: Any) -> Any:
    tensor = tf.cast(tensor, tf.float32)
    return tf.math.divide_no_nan(tensor, tf.norm(tensor))
