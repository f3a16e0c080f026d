"""A permutation by Feistel rounds: one to one, even, and as unlike the identity as a drawn one."""

import numpy as np
import pytest

from kresnet.data.index_permutation import IndexPermutation


@pytest.mark.parametrize("count", [1, 2, 3, 10, 64, 1000, 99_991])
def test_every_index_comes_once_and_any_place_stands_alone(count):
    whole = IndexPermutation(3, 5, count)(np.arange(count))
    np.testing.assert_array_equal(np.sort(whole), np.arange(count))
    some = np.random.default_rng(0).integers(0, count, 20)
    np.testing.assert_array_equal(IndexPermutation(3, 5, count)(some), whole[some])


def test_seed_and_epoch_change_it():
    orders = {tuple(IndexPermutation(seed, epoch, 500)(np.arange(500))) for seed in range(3) for epoch in range(3)}
    assert len(orders) == 9


def test_it_is_as_random_as_a_drawn_permutation():
    """Mean displacement of a random permutation is n / 3; fixed points are one, ascents half of all, on average."""
    count, keys = 20_000, 30
    place = np.arange(count)
    orders = [IndexPermutation(7, epoch, count)(place) for epoch in range(keys)]
    displacement = np.mean([np.abs(order - place).mean() for order in orders]) / count
    assert abs(displacement - 1 / 3) < 4 * 0.24 / np.sqrt(count * keys) * 3
    assert 0.3 < np.mean([(order == place).sum() for order in orders]) < 1.9  # Poisson with mean 1, of 30
    ascents = np.mean([(np.diff(order) > 0).mean() for order in orders])
    assert abs(ascents - 0.5) < 4 * np.sqrt(1 / 12 / count / keys) * 2
    # Where the first of 64 equal parts of all indexes goes: alike to all parts (chi-squared, 63 degrees of freedom).
    parts = np.bincount(np.concatenate([order[: count // 64] for order in orders]) * 64 // count, minlength=64)
    expected = parts.sum() / 64
    assert ((parts - expected) ** 2 / expected).sum() < 63 + 5 * np.sqrt(2 * 63)


def test_a_hundred_million_million_need_no_memory():
    found = IndexPermutation(0, 0, 10**14)(np.array([0, 1, 10**14 - 1]))
    assert len(set(found.tolist())) == 3
    assert found.max() < 10**14
