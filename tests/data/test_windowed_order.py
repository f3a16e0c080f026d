"""The order by windows of shards: exact at any place, whole shards in sequence, and mixed as a window's size says."""

import itertools

import numpy as np
import pytest
from scipy import stats

from kresnet.data.windowed_order import WindowedEpoch, WindowedOrder, lane_count

LENGTHS = np.array([100] * 39 + [37])
EXAMPLES, BATCH = int(LENGTHS.sum()), 64
SHARD_OF = np.repeat(np.arange(len(LENGTHS)), LENGTHS)


def order_of(seed=0, epoch=0, window=8, batch=BATCH, lengths=LENGTHS, announce=lambda shards: None):
    size = int(lengths.sum()) // batch * batch
    return WindowedOrder(lengths, window, announce).epoch(seed, epoch, int(lengths.sum()), batch)(np.arange(size))


def test_every_example_comes_once_at_most():
    found = order_of()
    assert len(set(found.tolist())) == len(found) == EXAMPLES // BATCH * BATCH
    assert found.min() >= 0
    assert found.max() < EXAMPLES
    whole = order_of(batch=1)
    np.testing.assert_array_equal(np.sort(whole), np.arange(EXAMPLES))


@pytest.mark.parametrize("start", [0, 1, 777, 3000])
def test_any_step_can_be_had_without_those_before(start):
    whole = order_of(seed=4, epoch=9)
    places = np.arange(start, start + BATCH)
    fresh = WindowedOrder(LENGTHS, 8).epoch(4, 9, EXAMPLES, BATCH)
    np.testing.assert_array_equal(fresh(places), whole[places])


def test_seed_and_epoch_change_the_order_of_shards_and_of_examples():
    orders = [order_of(seed, epoch) for seed in range(2) for epoch in range(2)]
    assert len({tuple(order) for order in orders}) == 4
    assert len({tuple(dict.fromkeys(SHARD_OF[order])) for order in orders}) == 4


@pytest.mark.parametrize("window", [1, 8, 39])
def test_examples_are_mixed_as_within_a_window_of_that_size(window):
    """With one lane: how far an example moves from its place among the shuffled shards is as theory says.

    Two places drawn from n without repetition are (n + 1) / 3 apart on average, one place and its image under a random
    permutation (n^2 - 1) / 3n.
    """
    lengths = np.full(39 * 4, 50)
    moved, count = [], 0
    for epoch in range(6):
        found = order_of(epoch=epoch, window=window, batch=1, lengths=lengths)
        shards = np.repeat(np.arange(len(lengths)), lengths)[found]
        sequence = list(dict.fromkeys(shards[i] for i in range(0, len(shards))))
        # The order of shards itself: those of a window come in the order in which they were first drawn, so compare
        # by windows: every window of the result holds whole shards, the same number of each.
        size = 50 * window
        for start in range(0, len(found), size):
            held = np.bincount(shards[start : start + size], minlength=len(lengths))
            assert set(held.tolist()) <= {0, 50}
            order = np.argsort(np.argsort(found[start : start + size]))
            moved.append(np.abs(order - np.arange(len(order))))
            count += 1
        assert len(sequence) == len(lengths)
    size = 50 * window
    expected = (size**2 - 1) / (3 * size)
    spread = 0.25 * size / np.sqrt(len(np.concatenate(moved)))
    assert abs(np.concatenate(moved).mean() - expected) < 6 * spread
    # Every displacement is as likely as in a random permutation: (n - d) / n^2, twice for d > 0.
    distances = np.concatenate(moved)
    chance = 2 * (size - np.arange(size)) / size**2
    chance[0] = 1 / size
    bins = np.array_split(np.arange(size), min(size, 20))
    seen = np.array([np.isin(distances, each).sum() for each in bins])
    wanted = np.array([chance[each].sum() for each in bins]) * len(distances)
    # Displacements within one window depend on each other a little, so the limit is a wide one.
    assert stats.chi2.sf(((seen - wanted) ** 2 / wanted).sum() / 2, len(bins) - 1) > 1e-6


@pytest.mark.parametrize("window", [2, 16])
def test_labels_of_sorted_shards_are_correlated_as_far_as_the_window_reaches(window):
    """With as many classes as shards, two examples next to each other are of one with the chance of a window's."""
    lengths = np.full(64, 100)
    same = []
    for epoch in range(8):
        shards = np.repeat(np.arange(64), lengths)[order_of(epoch=epoch, window=window, batch=1, lengths=lengths)]
        same.append((shards[1:] == shards[:-1]).mean())
    size = 100 * window
    within = (100 - 1) / (size - 1)  # two of one window, of the same shard
    share = 1 - 1 / size  # neighbours that are of one window
    spread = np.sqrt(within / (len(same) * 6400))
    assert abs(np.mean(same) - within * share) < 5 * spread


def test_lanes_make_every_batch_of_as_many_windows():
    """Each batch has an equal part of each lane, and a lane reads its shards in sequence, some at a time."""
    epoch = WindowedEpoch(LENGTHS, 8, 0, 0, BATCH, lambda shards: None)
    assert (epoch.lanes, epoch.lane_shards) == (8, 1)
    order = epoch.positions(np.arange(EXAMPLES // BATCH * BATCH)).reshape(-1, epoch.lanes, BATCH // epoch.lanes)
    for lane in range(epoch.lanes):
        shards = SHARD_OF[order[:, lane]].ravel()
        runs = shards[np.concatenate([[True], shards[1:] != shards[:-1]])]
        assert len(set(runs.tolist())) == len(runs)  # whole shards, one after the other
    neighbours = [set(SHARD_OF[order[:, lane]].ravel().tolist()) for lane in range(epoch.lanes)]
    for one, other in itertools.pairwise(neighbours):
        assert len(one & other) <= 1  # the shard that the border between two lanes cuts


@pytest.mark.parametrize("workers", [1, 2, 4, 8])
def test_workers_read_shards_of_their_own_and_batches_stay_what_they_are(workers):
    """Who reads what depends on how many workers there are; what a batch holds does not."""
    from kresnet.data.pipeline import BatchSlice

    steps = EXAMPLES // BATCH
    order = WindowedOrder(LENGTHS, 8).epoch(3, 1, EXAMPLES, BATCH)
    whole = order_of(3, 1).reshape(steps, BATCH)
    read = []
    for index in range(workers):
        part = BatchSlice(index, workers).places(BATCH)
        own = np.stack([order(np.arange(BATCH)[part] + step * BATCH) for step in range(steps)])
        np.testing.assert_array_equal(own, whole[:, part])
        read.append(set(SHARD_OF[own].ravel().tolist()))
    shared = [len(one & other) for i, one in enumerate(read) for other in read[i + 1 :]]
    assert sum(shared) <= workers - 1  # one at each border, at most
    assert set.union(*read) == set(SHARD_OF.tolist())


def test_shards_are_announced_before_they_are_read():
    told: list[int] = []
    order = WindowedOrder(LENGTHS, 8, lambda shards: told.extend(shards.tolist())).epoch(0, 0, EXAMPLES, 16)
    for step in range(EXAMPLES // 16):
        found = order(np.arange(step * 16, step * 16 + 16))
        assert set(SHARD_OF[found].tolist()) <= set(told)
    assert len(told) <= 3 * len(LENGTHS) + 2 * 8  # each as the next and as the present, and once more at a border


def test_a_part_of_the_examples_keeps_to_its_shards():
    positions = np.sort(np.random.default_rng(0).choice(EXAMPLES, 1000, replace=False))
    order = WindowedOrder(LENGTHS, 4).part(positions).epoch(0, 0, 1000, 1)(np.arange(1000))
    np.testing.assert_array_equal(np.sort(order), np.arange(1000))
    first = SHARD_OF[positions[order[:60]]]
    assert len(set(first.tolist())) <= 4


@pytest.mark.parametrize(
    ("batch", "window", "lanes"),
    [(256, 64, 64), (96, 64, 32), (405, 64, 1), (8, 64, 8), (8, 3, 2)],
)
def test_lane_count(batch, window, lanes):
    assert lane_count(batch, window) == lanes
