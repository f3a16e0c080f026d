"""The order of training examples, as a function of (seed, epoch) alone.

No iterator state: the batch of any step can be had without those before it, which is what makes a resumed run read
exactly what the interrupted one would have read. The random numbers of augmentation are in `kresnet.data.counter_rng`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from kresnet.data.index_permutation import IndexPermutation
from kresnet.errors import make_error

#: Of more examples, `PlacewiseOrder` computes each place by itself rather than drawing the order as a whole.
MOST_DRAWN = 2**20

#: From places in an epoch, int64 (B,), to the positions of the examples that are read there, int64 (B,).
EpochOrder = Callable[[np.ndarray], np.ndarray]


class ExampleOrder(Protocol):
    """Says which example an epoch reads at which place."""

    def epoch(self, seed: int, epoch: int, examples: int, batch_size: int) -> EpochOrder:
        """Return the order of an epoch, whose places are 0 to `steps_per_epoch(examples, batch_size) * batch_size`."""

    def part(self, positions: np.ndarray) -> ExampleOrder:
        """Return the order of some of the examples, those at `positions`, ascending."""


class RandomOrder:
    """All examples in random order, drawn anew for each epoch as a whole."""

    def epoch(self, seed: int, epoch: int, examples: int, batch_size: int) -> EpochOrder:
        """See `ExampleOrder.epoch`."""
        order = draw_order(seed, epoch, examples)[: steps_per_epoch(examples, batch_size) * batch_size]
        return lambda places: order[places]

    def part(self, positions: np.ndarray) -> ExampleOrder:
        """See `ExampleOrder.part`."""
        return self


class PlacewiseOrder(RandomOrder):
    """All examples in random order; of a great many, no more is computed, or kept, than the places that are asked."""

    def epoch(self, seed: int, epoch: int, examples: int, batch_size: int) -> EpochOrder:
        """See `ExampleOrder.epoch`."""
        if examples <= MOST_DRAWN:
            return super().epoch(seed, epoch, examples, batch_size)
        return IndexPermutation(seed, epoch, examples)


def draw_order(seed: int, epoch: int, examples: int) -> np.ndarray:
    """Return the order in which an epoch reads the examples: a permutation, int64 (N,), whose i-th entry is read i-th.

    It comes from a counter-based generator keyed by (seed, epoch), and does not change with batch size, sharding or
    augmentation.
    """
    return np.random.Generator(np.random.Philox(key=[seed, epoch])).permutation(examples)


def steps_per_epoch(examples: int, batch_size: int) -> int:
    """Return the number of full batches in an epoch; the examples left over, others in every epoch, are not read.

    Raises:
        KresnetError: `data_mismatch`, when there is not even one.
    """
    if examples < batch_size:
        raise make_error(
            "data_mismatch",
            f"A batch of {batch_size} is more than the {examples} training images there are.",
            path="recipe.batch_size",
            expected=f"at most {examples}",
            found=str(batch_size),
            remedy=f"--set recipe.batch_size={examples}",
        )
    return examples // batch_size
