"""From a table of several labels an image to the answers of a server, small."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.multi_label import best_thresholds, embedded_images, write_mosaics
from kresnet.data.embedded import CLASS_NAMES

ROOT = Path(__file__).resolve().parents[2]
COUNTS = {"train": 128, "validation": 40, "test": 40}


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return write_mosaics(tmp_path_factory.mktemp("mosaics"), embedded_images(), COUNTS)


def test_a_mosaic_is_four_images_and_their_classes(table):
    rows = list(csv.DictReader(table.open()))
    assert [sum(row["split"] == split for row in rows) for split in COUNTS] == list(COUNTS.values())
    tiles, classes = embedded_images()["train"]
    known = {tile.tobytes(): CLASS_NAMES[label] for tile, label in zip(tiles, classes, strict=True)}
    pixels = np.asarray(Image.open(table.parent / rows[0]["image"]))
    parts = [pixels[y : y + 28, x : x + 28] for x in (0, 28) for y in (0, 28)]
    assert set(rows[0]["labels"].split("|")) == {known[np.ascontiguousarray(part).tobytes()] for part in parts}


def test_thresholds_are_those_of_the_highest_f1():
    targets = np.array([[0], [0], [1], [0], [1], [1]])
    scores = np.array([[0.1], [0.2], [0.3], [0.4], [0.5], [0.9]])
    assert best_thresholds(targets, scores).tolist() == [0.3]


@pytest.mark.slow
def test_what_the_server_answers_is_what_the_run_measures(table, tmp_path):
    """In a process of its own: the server turns XLA off in its process, which other tests want."""
    script = f"""
import json
from pathlib import Path
from benchmarks.multi_label import train_and_serve
small = {{"recipe.batch_size": 32, "stages": [{{"blocks": 1, "width": 8, "stride": 2}}], "stem.width": 8}}
print(json.dumps(train_and_serve(Path({str(tmp_path)!r}), Path({str(table)!r}), 1, **small)))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["images"] == 40
    assert result["mean_average_precision"] == pytest.approx(result["evaluated"]["average_precision_macro"], abs=1e-4)
    assert result["f1"]["at_thresholds"] > 0
    assert set(result["labels"]) == set(CLASS_NAMES)
