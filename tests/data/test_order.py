"""Orders and dice: permutations, determinism, independence, bounds."""

from __future__ import annotations

import numpy as np
import pytest

from kresnet.data.order import draw_epoch, steps_per_epoch
from kresnet.errors import KresnetError


def test_an_epoch_is_a_function_of_seed_and_number() -> None:
    one, again = draw_epoch(3, 5, 1000, 4), draw_epoch(3, 5, 1000, 4)
    for field in ("order", "flips", "shifts"):
        np.testing.assert_array_equal(getattr(one, field), getattr(again, field))
    orders = [tuple(draw_epoch(seed, epoch, 1000, 4).order) for seed in range(3) for epoch in range(3)]
    assert len(set(orders)) == 9


def test_order_is_a_permutation_and_dice_keep_their_bounds() -> None:
    epoch = draw_epoch(0, 0, 10_000, 4)
    np.testing.assert_array_equal(np.sort(epoch.order), np.arange(10_000))
    assert epoch.order.dtype == np.int64
    assert set(np.unique(epoch.shifts)) == set(range(9))
    assert abs(epoch.flips.mean() - 0.5) < 0.02
    assert not draw_epoch(0, 0, 100, 0).shifts.any()


def test_order_does_not_depend_on_augmentation() -> None:
    np.testing.assert_array_equal(draw_epoch(1, 2, 500, 0).order, draw_epoch(1, 2, 500, 4).order)
    np.testing.assert_array_equal(draw_epoch(1, 2, 500, 0).flips, draw_epoch(1, 2, 500, 4).flips)


def test_steps_per_epoch() -> None:
    assert steps_per_epoch(100, 32) == 3
    assert steps_per_epoch(32, 32) == 1
    with pytest.raises(KresnetError, match=r"--set recipe.batch_size=31"):
        steps_per_epoch(31, 32)
