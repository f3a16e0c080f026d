"""The table of augmentations says what the results hold; each that is measured changes images of the right kind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.augmentation import CONTENDERS
from benchmarks.augmentation_report import MARKS, table
from benchmarks.augmentation_worker import measure
from benchmarks.report import replaced

ROOT = Path(__file__).parents[2]

KNOWN: dict[str, Any] = {
    "machine": {"processor": "P", "python": "3.11"},
    "commit": "abc",
    "measured": "2026-01-02",
    "versions": {"tensorflow": "2.21.0"},
    "entries": [
        {
            "side": 32,
            "augmentation": "erase",
            "microseconds": {
                "kresnet": [10.0, 20.0, 40.0],
                "torchvision_image": [1.0, 2.0, 3.0],
                "timm": [20.0, 20.0, 20.0],
            },
        },
        {"side": 32, "augmentation": "lighting_std", "microseconds": {"kresnet": [5.0, 5.0, 5.0]}},
    ],
}


def test_rows_by_hand() -> None:
    assert table(KNOWN).splitlines()[4:] == [
        "| 32² | erase | 20 (10 to 40) | 2 (1 to 3) |  | 20 (20 to 20) | 1.00 (0.50 to 2.00) |",
        "| 32² | lighting_std | 5 (5 to 5) |  |  |  |  |",
    ]


def test_the_page_shows_the_committed_results() -> None:
    results, page = ROOT / "benchmarks/results/augmentation.json", (ROOT / "docs/augmentation.md").read_text("utf-8")
    assert page.count(MARKS[0]) == page.count(MARKS[1]) == 1
    if not results.exists():
        pytest.skip("nothing was measured yet")
    assert replaced(page, table(json.loads(results.read_text("utf-8"))), MARKS) == page


def test_the_first_batch_is_not_counted() -> None:
    steps: list[int] = []
    measure(steps.append, 0.001)
    assert steps == list(range(len(steps)))
    assert len(steps) > 1


def test_every_augmentation_of_ours_changes_its_batch() -> None:
    from benchmarks.peers.augmentation_on_tensorflow import SETTINGS, make

    assert list(SETTINGS) == list(CONTENDERS)
    images = np.random.default_rng(0).integers(0, 256, (1, 16, 8, 8, 3), np.uint8)
    for name in SETTINGS:
        changed = np.asarray(make("kresnet", name, images)(0))
        assert (changed.shape, changed.dtype) == ((16, 8, 8, 3), np.uint8)
        assert (changed != images[0]).any(), name
