"""A batch worked through in parts, one after the other, so that the memory of one part is enough."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

#: From a part's images and targets to its outputs (n, ...), and float32 tensors to be added up.
Run = Callable[[Any, Any], tuple[Any, Sequence[Any]]]


def accumulate(
    run: Run, images: Any, targets: Any, parts: int, sums: Sequence[Any], *, unroll: bool
) -> tuple[Any, Any]:
    """`run` on each of `parts` equal slices of a batch.

    Args:
        run: called once a part, or traced once for all.
        images: `(n, ...)`; n is a multiple of `parts`.
        targets: `(n, ...)`.
        parts: how many.
        sums: where adding up begins; of the shapes that `run` gives.
        unroll: whether to trace every part, which replicas that meet inside a step need: they cannot meet in a loop.

    Returns:
        Outputs of all parts, float32 `(n, ...)`, their shape unknown to the graph; and the sums.
    """
    sliced = [tf.reshape(whole, (parts, -1, *whole.shape[1:])) for whole in (images, targets)]
    kept = tf.TensorArray(tf.float32, parts)

    def turn(index: Any, kept: Any, *sums: Any) -> tuple[Any, ...]:
        outputs, terms = run(*(whole[index] for whole in sliced))
        return (index + 1, kept.write(index, outputs), *(a + b for a, b in zip(sums, terms, strict=True)))

    state: tuple[Any, ...] = (tf.constant(0), kept, *sums)
    if unroll:
        for _ in range(parts):
            with tf.control_dependencies([state[0], *state[2:]]):  # else all parts would be in memory at once
                state = turn(*state)
    else:
        state = tf.while_loop(lambda index, *_: index < parts, turn, state, parallel_iterations=1)
    _, kept, *sums = state
    return kept.concat(), sums
