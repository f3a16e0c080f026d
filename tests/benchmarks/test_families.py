"""The benchmark beside keras.applications measures both networks, and its row says what was measured."""

from __future__ import annotations

import pytest

from benchmarks.families import measured, table_row


def test_a_row_has_both_speeds_and_the_ratio_of_each_round():
    speeds = {"kresnet": [30.0, 10.0, 40.0], "keras": [20.0, 10.0, 20.0]}
    row = table_row({"name": "MobileNetV2", "mode": "training", "images_per_second": speeds})
    assert row == "| MobileNetV2 | training | 30 (10 to 40) | 20 (10 to 20) | 1.50 (1.00 to 2.00) |"


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["training", "inference"])
def test_both_networks_take_the_same_steps(mode):
    entry = measured("MobileNetV2-0.35", mode, batch=2, rounds=2, steps=1, side=32, xla=False)
    assert entry["shape"] == [32, 32, 3]
    for speeds in entry["images_per_second"].values():
        assert len(speeds) == 2
        assert min(speeds) > 0
