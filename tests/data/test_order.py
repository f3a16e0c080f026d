"""Orders: permutations, functions of seed and epoch."""

from __future__ import annotations

import numpy as np
import pytest

from kresnet.data.order import draw_order, steps_per_epoch
from kresnet.errors import KresnetError


def test_an_order_is_a_function_of_seed_and_epoch() -> None:
    np.testing.assert_array_equal(draw_order(3, 5, 1000), draw_order(3, 5, 1000))
    orders = [tuple(draw_order(seed, epoch, 1000)) for seed in range(3) for epoch in range(3)]
    assert len(set(orders)) == 9


def test_an_order_is_a_permutation() -> None:
    order = draw_order(0, 0, 10_000)
    np.testing.assert_array_equal(np.sort(order), np.arange(10_000))
    assert order.dtype == np.int64


def test_steps_per_epoch() -> None:
    assert steps_per_epoch(100, 32) == 3
    assert steps_per_epoch(32, 32) == 1
    with pytest.raises(KresnetError, match=r"--set recipe.batch_size=31"):
        steps_per_epoch(31, 32)
