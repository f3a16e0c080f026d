"""The tables say what the results hold, and the page shows the tables."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.report import BEGIN, END, lines, replaced, tables
from benchmarks.spread import ratios, spread

ROOT = Path(__file__).parents[2]
VERSIONS = {"tensorflow": "2.21.0"}


def contender(*rates: float, flops: float = 1e11) -> dict[str, Any]:
    return {
        "images_per_second": list(rates),
        "product_flops": flops,
        "peak_bytes": 2_500_000_000,
        "versions": VERSIONS,
    }


ENTRY = {
    "network": "resnet50",
    "precision": "float32",
    "mode": "training",
    "batch": 16,
    "threads": 2,
    "commit": "abc",
    "measured": "2026-01-02",
    "contenders": {"kresnet": contender(4.0, 6.0, 5.0), "keras_tuned": contender(4.0, 3.0, 2.0, flops=2e11)},
}
FIRST = ENTRY | {
    "mode": "first_step",
    "batch": 4,
    "contenders": {name: {"first_step_cpu_seconds": [6.5, 5.5, 6.0], "versions": VERSIONS} for name in ("kresnet",)},
}
KNOWN = {
    "machine": {
        "processor": "P",
        "cores": 2,
        "bfloat16_units": [],
        "memory_gib": 8,
        "gpu": None,
        "python": "3.11",
    },
    "entries": [ENTRY, FIRST],
}


def test_a_spread_is_the_median_with_its_range() -> None:
    assert spread([3.0, 1.0, 2.0]) == "2 (1 to 3)"
    assert spread([1.0, 1.26], 1) == "1.1 (1.0 to 1.3)"
    assert spread([1234.0]) == "1,234 (1,234 to 1,234)"


def test_ratios_are_taken_round_by_round() -> None:
    assert ratios([4.0, 6.0], [2.0, 4.0]) == [2.0, 1.5]
    with pytest.raises(ValueError, match="argument 2"):
        ratios([1.0], [1.0, 2.0])


def test_tables_by_hand() -> None:
    text = tables(KNOWN)
    assert "| `resnet50`, batch 16, float32 | 5 (4 to 6) | 3 (2 to 4) |" in text
    assert "| 2.00 (1.00 to 2.50); goal 1.6: reached |" in text
    share = 5.0 * 2 * 3 * 4_089_184_256 / 2e11  # of the faster product
    assert f"| 200 GFLOP/s | {share:.0%}, 2.5 GB |" in text
    assert "| 6.0 (5.5 to 6.5); goal 6: reached |" in text
    assert "3 alternating rounds" in text


def test_a_goal_that_is_missed_is_said_to_be() -> None:
    slow = copy.deepcopy(ENTRY)
    slow["contenders"]["kresnet"]["images_per_second"] = [4.0, 3.0, 2.0]
    assert "goal 1.6: missed" in tables(KNOWN | {"entries": [slow]})
    assert any("goal 1.6: missed" in line for line in lines(slow))


def test_only_what_is_between_the_marks_is_replaced() -> None:
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    assert replaced(page, "new") == f"before\n{BEGIN}\nnew\n{END}\nafter\n"


def test_the_page_shows_the_committed_results() -> None:
    page = (ROOT / "docs/performance.md").read_text()
    known = json.loads((ROOT / "benchmarks/results/cpu.json").read_text())
    assert page == replaced(page, tables(known))
