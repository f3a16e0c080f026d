"""Finds image files that are copies of others, among the digests of all."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kresnet.data.preparation.examples import DIGEST_BYTES

#: Of several copies the first is kept, in this order of splits: what is measured on stays whole.
KEPT_FIRST = ("test", "validation", "train")


def find_first_copies(digests: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return for each example the one that it is a copy of.

    Args:
        digests: of each split, digests of the image files, uint8 (n, DIGEST_BYTES); zeros for a file that cannot be
            read, which is no copy.

    Returns:
        Of each split int64 (n,): -1 for an example that is the first of its kind, else where the first one stands among
        all examples, in the order of `KEPT_FIRST`.
    """
    names = [name for name in KEPT_FIRST if name in digests]
    together = np.concatenate([digests[name] for name in names]).view("<u8").reshape(-1, DIGEST_BYTES // 8)
    order = np.lexsort(together.T)  # stable: copies stand in the order of their places
    ordered = together[order]
    repeated = np.concatenate([[False], (ordered[1:] == ordered[:-1]).all(axis=1) & ordered[1:].any(axis=1)])
    first = order[np.maximum.accumulate(np.where(repeated, 0, np.arange(len(order))))]
    originals = np.full(len(order), -1, np.int64)
    originals[order[repeated]] = first[repeated]
    bounds = np.cumsum([len(digests[name]) for name in names])[:-1]
    return dict(zip(names, np.split(originals, bounds), strict=True))


__all__ = ["KEPT_FIRST", "find_first_copies"]
