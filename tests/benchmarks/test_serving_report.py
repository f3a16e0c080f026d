"""The tables of exports and of load say what the results hold, and the pages show the tables."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.report import replaced
from benchmarks.serving_report import TABLES

ROOT = Path(__file__).parents[2]
MACHINE = {"processor": "P", "cores": 2, "memory_gib": 8, "python": "3.11"}


def contender(one: list[float], many: list[float], **versions: str) -> dict[str, Any]:
    return {
        "versions": versions,
        "files_bytes": 1_234_567,
        "before_bytes": 100_000_000,
        "loaded_bytes": 120_000_000,
        "after_bytes": 150_000_000,
        "milliseconds": {"1": one, "32": many},
    }


EXPORT = {
    "subject": "many labels",
    "spec": "cifar_resnet20",
    "weights": "random",
    "weights_bytes": 1_000_000,
    "threads": 2,
    "commit": "abc",
    "measured": "2026-01-02",
    "contenders": {
        "kresnet": contender([1.0, 2.0, 4.0], [10.0, 10.0, 10.0], tensorflow="2.21.0"),
        "kresnet_tuned": contender([1.0, 2.0, 4.0], [10.0, 10.0, 10.0], tensorflow="2.21.0"),
        "model.export": contender([2.0, 3.0, 4.0], [20.0, 15.0, 10.0], tensorflow="2.21.0"),
        "onnxruntime": contender([1.5, 2.0, 2.0], [5.0, 5.0, 5.0], onnxruntime="1.0"),
    },
}
LOAD = {
    "subject": "resnet50",
    "connections": 8,
    "threads": 2,
    "commit": "abc",
    "measured": "2026-01-02",
    "versions": {"wrk": "4"},
    "loop_per_second": [10.0, 12.0],
    "onnxruntime_per_second": [20.0],
    "rest": {
        "per_second": [9.9, 11.0],
        "of_the_loop": [0.9, 1.0],
        "latency_ms": [{"50": 1.0, "99": 5.0}, {"50": 3.0, "99": 7.0}],
    },
    "mixed": {
        "right": 1234,
        "wrong": 0,
        "lost": 1,
        "refused": 99,
        "versions": [1, 2],
        "latency_ms": {"50": 4.0, "99": 8.0},
        "resident_mb": [100.0, 900.0, 300.0, 110.0],
    },
}


def test_exports_by_hand() -> None:
    text = TABLES["exports"]({"machine": MACHINE, "entries": [EXPORT]})
    assert "| many labels: `cifar_resnet20`, random | 1,000,000 | 1,234,567 | 1,234,567 | 20, 50 |" in text
    ratios = "1.50 (1.00 to 2.00) | 1.00 (0.50 to 1.50); goal 1: reached |"
    assert f"| many labels, 1 | 2 (1 to 4) | 2 (1 to 4) | 3 (2 to 4) | 2 (1.5 to 2) | {ratios}" in text
    assert "| 1.50 (1.00 to 2.00) | 0.50 (0.50 to 0.50) |" in text, "no goal for a batch"


def test_load_by_hand() -> None:
    text = TABLES["load"]({"machine": MACHINE, "entries": [LOAD]})
    rates = "11 (10 to 12) | 20 (20 to 20) | 10.4 (9.9 to 11)"
    assert f"| resnet50, 8 | {rates} | 0.95 (0.90 to 1.00); goal 0.9: reached | 2, 6 |" in text
    assert "| resnet50, 8 | 1,234 | 0 | 1 | 99 | 1, 2 | 4, 8 | 100, 110, 900 |" in text


def test_goals_that_are_missed_are_said_to_be() -> None:
    slow = copy.deepcopy(EXPORT)
    slow["contenders"]["onnxruntime"]["milliseconds"]["1"] = [0.5, 0.5, 0.5]  # type: ignore[index]
    assert "goal 1: missed" in TABLES["exports"]({"machine": MACHINE, "entries": [slow]})
    slow = copy.deepcopy(LOAD)
    slow["rest"]["of_the_loop"] = [0.8, 0.8]  # type: ignore[index]
    assert "goal 0.9: missed" in TABLES["load"]({"machine": MACHINE, "entries": [slow]})


@pytest.mark.parametrize(("what", "page"), [("exports", "serving.md"), ("load", "server.md")])
def test_the_pages_show_the_committed_results(what: str, page: str) -> None:
    text = (ROOT / "docs" / page).read_text()
    known = json.loads((ROOT / f"benchmarks/results/{what}.json").read_text())
    assert text == replaced(text, TABLES[what](known))
