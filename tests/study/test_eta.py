"""The time left of a study follows from the work that its runs have done."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from kresnet.study.eta import Eta


def test_time_left_follows_the_work_that_was_done():
    """A run of 100 and one of 300 units; a third is not counted, since nobody knows how many images it has."""
    now = [0.0]
    recipe = SimpleNamespace(images_per_step=10)
    small, large, unknown = (
        SimpleNamespace(name=name, recipe=recipe, variant=SimpleNamespace(cost=cost, images=images))
        for name, cost, images in (("small", 100, 100), ("large", 300, 200), ("unknown", 1000, None))
    )
    left = Eta([small, large, unknown], lambda: now[0])
    left.record_step(large, 10, now=False)  # half of it, before
    assert left.remaining_seconds() is None
    now[0] = 5.0
    left.record_step(small, 5)
    left.record_step(unknown, 5)
    assert left.remaining_seconds() == pytest.approx((50 + 150) / 10)
    now[0] = 15.0
    left.record_step(large, 15)
    assert left.remaining_seconds() == pytest.approx((50 + 75) / (125 / 15))
    left.record_end(small)
    assert left.remaining_seconds() == pytest.approx(75 / (125 / 15))
    left.record_step(large, 21)
    assert left.remaining_seconds() == 0.0
