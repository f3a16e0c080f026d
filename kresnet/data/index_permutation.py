"""A random permutation of any number of indexes, of which any place can be had without the others."""

from __future__ import annotations

import math

import numpy as np

_ROUNDS = 10
#: Keeps the keys apart from other random numbers of (seed, epoch).
_COUNTER = (0, 0, 0, 5)
#: Multipliers of the finalizer of SplitMix64 (Steele et al. 2014, doi:10.1145/2660193.2660195, section 5).
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


class IndexPermutation:
    """A permutation of 0 to n - 1, a function of (seed, epoch).

    An unbalanced Feistel network on the pairs (i // b, i % b) with ab just above n, whose rounds add to one half,
    modulo its size, a hash of the other; what falls outside is permuted again until it is inside (Black and Rogaway
    2002, "Ciphers with arbitrary finite domains"; Bellare et al. 2009, "Format-preserving encryption").
    """

    def __init__(self, seed: int, epoch: int, count: int) -> None:
        """Take the key, and the number of indexes, at most 2^62."""
        self._count = count
        high = max(1, math.isqrt(count))
        self._sizes = np.uint64(high), np.uint64(-(-count // high))
        self._keys = np.random.Philox(key=[seed, epoch], counter=_COUNTER).random_raw(_ROUNDS)

    def __call__(self, places: np.ndarray) -> np.ndarray:
        """Return the indexes at `places`, integers (B,) in [0, n), as int64 (B,)."""
        found = self._permute(np.asarray(places).astype(np.uint64))
        while (outside := found >= self._count).any():
            found[outside] = self._permute(found[outside])
        return found.astype(np.int64)

    def _permute(self, values: np.ndarray) -> np.ndarray:
        """Return a permutation of 0 to ab - 1 at some places, uint64."""
        high, low = np.divmod(values, self._sizes[1])
        for number, key in enumerate(self._keys):
            if number % 2:
                low = (low + _hash(high ^ key) % self._sizes[1]) % self._sizes[1]
            else:
                high = (high + _hash(low ^ key) % self._sizes[0]) % self._sizes[0]
        return high * self._sizes[1] + low


def _hash(values: np.ndarray) -> np.ndarray:
    """Return hashes of uint64 values, uint64."""
    values = (values ^ (values >> np.uint64(30))) * _MIX[0]
    values = (values ^ (values >> np.uint64(27))) * _MIX[1]
    return values ^ (values >> np.uint64(31))


__all__ = ["IndexPermutation"]
