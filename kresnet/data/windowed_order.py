"""The order that reads whole shards: shards at random, and examples at random within a window of several shards."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import numpy as np

from kresnet.data.order import EpochOrder, ExampleOrder

#: Keep the orders of shards and of windows apart from other random numbers of (seed, epoch).
_SHARDS, _WINDOW = 3, 4


class WindowedOrder:
    """Shards in random order, dealt out in sequence, and examples in random order within each window.

    The shuffled shards, one after the other, are cut into as many equal lanes as `lane_count` says, and each batch
    takes an equal part of every lane, in order. Within a lane examples are mixed among some shards at a time, the next
    ones when all of these have been read. Which lanes there are follows from batch size and window alone, so that
    workers, who read each a contiguous part of every batch, read lanes of their own, and what a batch holds does not
    depend on how many they are.
    """

    def __init__(
        self, lengths: np.ndarray, window_shards: int, announce: Callable[[np.ndarray], None] = lambda shards: None
    ) -> None:
        """Take the shards.

        Args:
            lengths: number of examples of each shard, int64 (shards,); examples are numbered shard after shard.
            window_shards: how many shards are mixed at a time, in all lanes together.
            announce: is told numbers of shards, int64 (n,), when a lane begins a window: those that it reads now, and
                next.
        """
        self._lengths, self._window_shards, self._announce = lengths, window_shards, announce

    def epoch(self, seed: int, epoch: int, examples: int, batch_size: int) -> EpochOrder:
        """See `ExampleOrder.epoch`."""
        return WindowedEpoch(self._lengths, self._window_shards, seed, epoch, batch_size, self._announce).positions

    def part(self, positions: np.ndarray) -> ExampleOrder:
        """See `ExampleOrder.part`."""
        bounds = np.cumsum([0, *self._lengths])
        return WindowedOrder(np.diff(np.searchsorted(positions, bounds)), self._window_shards, self._announce)


class WindowedEpoch:
    """One epoch of a `WindowedOrder`.

    Attributes:
        lanes: number of lanes.
        lane_shards: number of shards that are mixed at a time within a lane.
    """

    def __init__(
        self,
        lengths: np.ndarray,
        window_shards: int,
        seed: int,
        epoch: int,
        batch_size: int,
        announce: Callable[[np.ndarray], None],
    ) -> None:
        self._key, self._announce = [seed, epoch], announce
        self._shards = self._random(0, 0, _SHARDS).permutation(len(lengths))
        #: Of each shard in the order of the epoch, its first example's number, and its place among all examples.
        self._first = (np.cumsum(lengths) - lengths)[self._shards]
        self._starts = np.concatenate([[0], np.cumsum(lengths[self._shards])])
        self.lanes = lane_count(batch_size, min(window_shards, len(lengths)))
        self.lane_shards = window_shards // self.lanes
        self._batch_size = batch_size
        self._bounds = np.arange(self.lanes + 1) * int(self._starts[-1]) // self.lanes
        self._windows: OrderedDict[tuple[int, int], tuple[int, np.ndarray]] = OrderedDict()

    def positions(self, places: np.ndarray) -> np.ndarray:
        """Return the numbers of the examples at `places` of the epoch, int64 (B,)."""
        of_lane = self._batch_size // self.lanes
        step, place = np.divmod(places, self._batch_size)
        lanes, within = np.divmod(place, of_lane)
        at = self._bounds[lanes] + step * of_lane + within
        windows = (self._shard_at(at) - self._shard_at(self._bounds[lanes])) // self.lane_shards
        mixed = np.empty_like(at)
        for lane, window in {*zip(lanes.tolist(), windows.tolist(), strict=True)}:
            chosen = (lanes == lane) & (windows == window)
            start, order = self._window(lane, window)
            mixed[chosen] = start + order[at[chosen] - start]
        shards = self._shard_at(mixed)
        return self._first[shards] + mixed - self._starts[shards]

    def _shard_at(self, at: np.ndarray) -> np.ndarray:
        return np.searchsorted(self._starts, at, side="right") - 1

    def _window(self, lane: int, window: int) -> tuple[int, np.ndarray]:
        """Return the place among all examples at which a window begins, and the order of those in it, from 0."""
        if (lane, window) not in self._windows:
            first = int(self._shard_at(self._bounds[lane])) + window * self.lane_shards
            bounds = [max(0, first), min(first + self.lane_shards, len(self._shards))]
            start, stop = np.clip(self._starts[bounds], self._bounds[lane], self._bounds[lane + 1]).tolist()
            self._windows[lane, window] = start, self._random(window, lane, _WINDOW).permutation(stop - start)
            while len(self._windows) > 2 * self.lanes:
                self._windows.popitem(last=False)
            last = int(self._shard_at(self._bounds[lane + 1] - 1))
            self._announce(self._shards[first : min(first + 2 * self.lane_shards, last + 1)])
        return self._windows[lane, window]

    def _random(self, window: int, lane: int, what: int) -> np.random.Generator:
        return np.random.Generator(np.random.Philox(key=self._key, counter=(0, window, lane, what)))


def lane_count(batch_size: int, window_shards: int) -> int:
    """Return how many sequences of shards are read side by side: the largest power of two that divides the batch.

    It is no more than the shards of a window, so that each has one at least.
    """
    return min(batch_size & -batch_size, 1 << (max(window_shards, 1).bit_length() - 1))


__all__ = ["WindowedEpoch", "WindowedOrder", "lane_count"]
