"""Gradient accumulation: a batch is worked through in micro-batches, one after the other, in the memory of one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

#: Function from the parts of a micro-batch to its outputs (n, ...), and float32 tensors to be summed.
MicroBatchFunction = Callable[..., tuple[Any, Sequence[Any]]]


def accumulate(
    function: MicroBatchFunction, batch: Sequence[Any], count: int, sums: Sequence[Any], *, unroll: bool
) -> tuple[Any, Any]:
    """Call a function on each of `count` equal micro-batches of a batch, one after the other, and sum what it returns.

    Args:
        function: called for each micro-batch, or traced once for all of them.
        batch: images `(n, ...)`, their targets and whatever else there is of each; n is a multiple of `count`.
        count: number of micro-batches.
        sums: initial values of the sums, of the shapes that `function` returns.
        unroll: whether to trace every micro-batch by itself. Replicas that communicate within the function need it:
            they cannot do so within a loop.

    Returns:
        Outputs of all micro-batches, float32 `(n, ...)`, in a shape that the graph does not know; and the sums.
    """
    micro_batches = [tf.reshape(whole, (count, -1, *whole.shape[1:])) for whole in batch]
    all_outputs = tf.TensorArray(tf.float32, count)

    def take_micro_batch(index: Any, all_outputs: Any, *sums: Any) -> tuple[Any, ...]:
        outputs, terms = function(*(each[index] for each in micro_batches))
        return (index + 1, all_outputs.write(index, outputs), *(a + b for a, b in zip(sums, terms, strict=True)))

    state: tuple[Any, ...] = (tf.constant(0), all_outputs, *sums)
    if unroll:
        for _ in range(count):
            with tf.control_dependencies([state[0], *state[2:]]):  # else all would be in memory at once
                state = take_micro_batch(*state)
    else:
        state = tf.while_loop(lambda index, *_: index < count, take_micro_batch, state, parallel_iterations=1)
    _, all_outputs, *sums = state
    return all_outputs.concat(), sums
