"""The order of training examples and the dice of their augmentation, as functions of (seed, epoch) alone.

No iterator state: the batch of any step can be had without those before it, which is what makes a resumed run read
exactly what the interrupted one would have read.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kresnet.errors import fail


@dataclass(frozen=True, slots=True)
class Epoch:
    """One pass over N examples.

    Attributes:
        order: int64 (N,), a permutation; order[i] is the i-th example read.
        flips: bool (N,), by example: mirror it?
        shifts: int32 (N, 2), by example: rows and columns by which its random crop is moved, in [0, 2 * padding].
    """

    order: np.ndarray
    flips: np.ndarray
    shifts: np.ndarray


def draw_epoch(seed: int, epoch: int, examples: int, padding: int) -> Epoch:
    """Draw an epoch's order and dice from a counter-based generator keyed by (seed, epoch).

    The dice belong to examples, not to places in a batch: they do not change with batch size or sharding, nor the order
    with the augmentation.
    """
    random = np.random.Generator(np.random.Philox(key=[seed, epoch]))
    return Epoch(
        order=random.permutation(examples),
        flips=random.integers(0, 2, examples, dtype=np.int8).astype(bool),
        shifts=random.integers(0, 2 * padding + 1, (examples, 2), dtype=np.int32),
    )


def steps_per_epoch(examples: int, batch_size: int) -> int:
    """Full batches in an epoch; the rest, other examples in every epoch, is left out.

    Raises:
        KresnetError: `data_mismatch`, when there is not even one.
    """
    if examples < batch_size:
        raise fail(
            "data_mismatch",
            f"A batch of {batch_size} is more than the {examples} training images there are.",
            path="recipe.batch_size",
            expected=f"at most {examples}",
            found=str(batch_size),
            remedy=f"--set recipe.batch_size={examples}",
        )
    return examples // batch_size
