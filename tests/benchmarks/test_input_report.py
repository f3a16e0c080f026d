"""The table of input pipelines says what the results hold; the workers' pipelines make the batches that are counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks.input import TASKS, folder_of, library_of
from benchmarks.input_report import MARKS, table
from benchmarks.input_worker import Files, measure
from benchmarks.report import replaced

ROOT = Path(__file__).parents[2]

KNOWN: dict[str, Any] = {
    "machine": {"processor": "P", "cores": 2, "memory_gib": 8, "python": "3.11"},
    "workers": 2,
    "commit": "abc",
    "measured": "2026-01-02",
    "versions": {"tensorflow": "2.21.0"},
    "entries": [
        {
            "images": "500x375",
            "task": "training",
            "images_per_second": {
                "kresnet_training": [600.0, 900.0, 700.0],
                "tf_training": [400.0, 300.0, 350.0],
                "decode_1": [1200.0, 1800.0, 1500.0],
            },
        }
    ],
}


def test_rows_by_hand() -> None:
    assert table(KNOWN).splitlines()[4:] == [
        "| **500x375, training: kresnet** | **700 (600 to 900)** | | |",
        "| tf.data, antialiased | 350 (300 to 400) | 2.00 (1.50 to 3.00) | 1.5: reached |",
        "| decoding alone | 1,500 (1,200 to 1,800) | 0.50 (0.47 to 0.50) | 0.55: missed |",
    ]


def test_the_table_goes_between_marks_of_its_own() -> None:
    page = f"<!-- results: begin -->\nold\n<!-- results: end -->\n{MARKS[0]}\nold\n{MARKS[1]}\n"
    assert replaced(page, "new", MARKS) == page.replace(f"{MARKS[0]}\nold", f"{MARKS[0]}\nnew")


def test_the_page_shows_the_committed_results() -> None:
    results, page = ROOT / "benchmarks" / "results" / "input.json", (ROOT / "docs" / "performance.md").read_text()
    if not results.exists():
        pytest.skip("nothing was measured yet")
    assert replaced(page, table(json.loads(results.read_text())), MARKS) == page


def test_what_is_thrown_away_at_the_beginning_is_not_counted() -> None:
    batches = iter([[0] * 1000] * 6 + [[0]] * 10**7)
    counted = 0

    def counting() -> Any:
        nonlocal counted
        for batch in batches:
            counted += len(batch)
            yield batch

    assert measure(counting(), 0.05) * 0.05 <= counted - 6000


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder, random = tmp_path_factory.mktemp("jpegs"), np.random.default_rng(0)
    paths = [folder / f"{number}.jpg" for number in range(3)]
    for path in paths:
        Image.fromarray(random.integers(0, 256, (30, 40, 3), np.uint8)).resize((320, 240)).save(path)
    return Files(list(map(str, paths)), batch=2, workers=0)


def test_every_pipeline_on_tensorflow_makes_its_batches(files: Files) -> None:
    from benchmarks.peers.input_on_tensorflow import PIPELINES

    named = {name for names in TASKS.values() for name in names if library_of(name) == "tensorflow"}
    assert named <= set(PIPELINES)
    for name in sorted(named):
        batch = np.asarray(next(PIPELINES[name](files)))
        if name == "decode_part":
            assert len(batch) == 2
            assert all(0 < size <= 320 * 240 * 3 for size in batch)
        elif name.startswith("decode"):
            ratio = int(name.removeprefix("decode_"))
            assert batch.tolist() == [320 * 240 * 3 // ratio**2] * 2
        else:
            assert (batch.shape, batch.dtype) == ((2, 224, 224, 3), np.uint8)


def test_folders_have_no_blanks() -> None:
    assert all(" " not in folder_of(images) for images, _ in TASKS)
