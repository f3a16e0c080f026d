"""Rates count what was done: products of 2·side³ operations, copies of bytes read and written."""

from __future__ import annotations

import pytest

from kresnet.diagnostics.device_check import product_rates
from kresnet.diagnostics.device_check.part import DeviceContext
from kresnet.diagnostics.device_check.precisions import FLOAT32


def test_a_steady_time_is_the_median_of_rounds(monkeypatch):
    """By a clock of its own, on which a call takes 2 s, and twice as long in the first and the last round."""
    now, calls = [0.0], []

    def run(count):
        calls.append(count)
        now[0] += 2.0 * count * (2 if len(calls) in (1, product_rates.ROUNDS) else 1)

    monkeypatch.setattr(product_rates.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(product_rates, "ROUND_SECONDS", 6.0)
    assert product_rates.steady_seconds(run, about=2.0) == 2.0
    assert calls == [3] * product_rates.ROUNDS


def test_the_side_grows_until_a_product_takes_long_enough(monkeypatch):
    """By a clock on which a product of side n takes n³ ps."""
    now, sides = [0.0], []

    def product(side, dtype):
        sides.append(side)

        def run(count):
            now[0] += count * side**3 * 1e-12

        return run

    monkeypatch.setattr(product_rates.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(product_rates, "_product", product)
    side, rate = product_rates.product_rate(FLOAT32)
    assert (side, sides) == (4096, [512, 1024, 2048, 4096])  # 8.6 ms, 69 ms
    assert rate == pytest.approx(2e12)


def test_every_rate_is_measured(monkeypatch, tmp_path):
    for name, value in {"LEAST_SIDE": 32, "MOST_SIDE": 64, "ROUND_SECONDS": 1e-4, "CPU_BYTES": 1 << 16}.items():
        monkeypatch.setattr(product_rates, name, value)
    results = list(product_rates.check_product_rates(DeviceContext(True, tmp_path)))
    kinds = [f"matrix products, {name}" for name in ("float32", "bfloat16", "float16")]
    assert [result.name for result in results] == [*kinds, "copy within the device"]
    assert all(result.verdict == "passed" for result in results)
    assert all(result.figures["TFLOP/s"] > 0 for result in results[:3])
    assert results[3].figures["GB/s"] > 0
