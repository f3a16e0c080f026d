"""A counter-based random generator, whose numbers belong to an example in an epoch, whatever batch it comes in.

It gives any of the numbers without those before them, for all examples of a batch at once.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np

#: Philox4x32's multipliers and key increments (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
_MULTIPLIERS = np.array([0xD2511F53, 0xCD9E8D57], np.uint64)
_INCREMENTS = np.array([0x9E3779B9, 0xBB67AE85], np.uint64)
_ROUNDS = 10
_LOW = np.uint64(0xFFFFFFFF)


class RandomStream(enum.IntEnum):
    """Streams of random numbers, one for each purpose, so that one augmentation never changes another's numbers."""

    SHIFT = 1
    FLIP = 2
    CROP = 3
    COLOR = 4
    LIGHTING = 5
    RAND_AUGMENT = 6
    MAGNITUDE = 7
    ERASE = 8


@dataclass(frozen=True, slots=True)
class CounterRng:
    """Random numbers of some examples in one epoch, functions of (seed, epoch, position, stream) alone.

    Attributes:
        seed: the run's seed, in [0, 2^31).
        epoch: the epoch, from 0, below 2^32.
        positions: integers (B,), the places of the examples in their split.
    """

    seed: int
    epoch: int
    positions: np.ndarray

    def uniform(self, stream: RandomStream, count: int) -> np.ndarray:
        """Return numbers in [0, 1), float32 (B, count), multiples of 2^-24."""
        words = self._words(stream, count)
        return (words >> np.uint64(8)).astype(np.float32) * np.float32(2**-24)

    def normal(self, stream: RandomStream, count: int) -> np.ndarray:
        """Return numbers of mean 0 and variance 1, float32 (B, count) (Box and Muller 1958)."""
        radius, angle = np.split(self.uniform(stream, 2 * count), 2, axis=1)
        return np.sqrt(-2 * np.log1p(-radius)) * np.cos(2 * np.pi * angle)

    def integers(self, stream: RandomStream, bound: int, count: int) -> np.ndarray:
        """Return numbers in [0, bound), int32 (B, count); `bound` is at most 2^16, the bias below bound / 2^32."""
        return (self._words(stream, count) * np.uint64(bound) >> np.uint64(32)).astype(np.int32)

    def _words(self, stream: RandomStream, count: int) -> np.ndarray:
        """Return random words of 32 bits, in uint64 (B, count)."""
        blocks = -(-count // 4)
        positions = np.asarray(self.positions, np.uint64)[:, np.newaxis]
        counter = np.broadcast_arrays(
            np.arange(blocks, dtype=np.uint64), np.uint64(stream), positions & _LOW, positions >> np.uint64(32)
        )  # of (B, blocks)
        words = philox(np.stack(counter, axis=-1), np.array([self.seed, self.epoch], np.uint64))
        return words.reshape(len(self.positions), blocks * 4)[:, :count]


def philox(counter: np.ndarray, key: np.ndarray) -> np.ndarray:
    """Apply Philox4x32 with 10 rounds.

    Args:
        counter: uint64 (..., 4), each below 2^32.
        key: uint64 (2,), each below 2^32.

    Returns:
        uint64 (..., 4), each below 2^32.
    """
    a, b, c, d = np.moveaxis(counter, -1, 0)
    key = key.copy()
    for _ in range(_ROUNDS):
        one, two = a * _MULTIPLIERS[0], c * _MULTIPLIERS[1]
        a, b, c, d = (two >> 32) ^ b ^ key[0], two & _LOW, (one >> 32) ^ d ^ key[1], one & _LOW
        key = (key + _INCREMENTS) & _LOW
    return np.stack([a, b, c, d], axis=-1)
