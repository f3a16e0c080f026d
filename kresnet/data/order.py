"""The order of training examples, as a function of (seed, epoch) alone.

No iterator state: the batch of any step can be had without those before it, which is what makes a resumed run read
exactly what the interrupted one would have read. The random numbers of augmentation are in `kresnet.data.counter_rng`.
"""

from __future__ import annotations

import numpy as np

from kresnet.errors import make_error


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
