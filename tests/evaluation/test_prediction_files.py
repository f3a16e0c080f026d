"""Rows of predictions read back by others are what was predicted, and a file is whole or not there."""

from __future__ import annotations

import csv
import json

import numpy as np
import pyarrow.parquet
import pytest

from kresnet.errors import KresnetError, Problem
from kresnet.evaluation.predict import PredictedFiles
from kresnet.evaluation.prediction_files import require_prediction_file, write_prediction_file

NAMES = ("cat", "dog, small")
PROBLEM = Problem("image_unreadable", "b.png is empty.", remedy="replace it")
BATCHES = [
    PredictedFiles(("a.png", "b.png"), np.array([[0.1, 0.9], [0.5, 0.5]], np.float32), {1: PROBLEM}, NAMES),
    PredictedFiles(("c.png",), np.array([[0.75, 0.25]], np.float32), {}, NAMES),
]
COLUMNS = ["image", "class_id", "label", "probability", "probability_cat", "probability_dog, small", "error"]


def write(path, batches=BATCHES):
    assert list(write_prediction_file(path, batches, NAMES)) == list(batches)
    return path


def test_csv_has_a_row_an_image(tmp_path):
    with write(tmp_path / "new" / "p.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == COLUMNS
    assert rows[0] == ["a.png", "1", "dog, small", "0.9", "0.1", "0.9", ""]
    assert rows[1] == ["b.png", "", "", "", "", "", "b.png is empty. [image_unreadable]"]
    assert np.float32(rows[2][3]) == np.float32(0.75)


def test_parquet_has_types(tmp_path):
    table = pyarrow.parquet.read_table(write(tmp_path / "p.parquet"))
    assert table.column_names == COLUMNS
    assert list(map(str, table.schema.types)) == ["string", "int64", "string", "float", "float", "float", "string"]
    assert table.column("class_id").to_pylist() == [1, None, 0]
    assert table.column("error").to_pylist() == [None, "b.png is empty. [image_unreadable]", None]


def test_json_lines_are_what_is_printed(tmp_path):
    lines = write(tmp_path / "p.jsonl").read_text().splitlines()
    first, second, third = map(json.loads, lines)
    assert first["probabilities"] == {"cat": pytest.approx(0.1), "dog, small": pytest.approx(0.9)}
    assert second == {"image": "b.png", "error": PROBLEM.as_dict()}
    assert third["label"] == "cat"


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_a_file_is_whole_or_not_there(tmp_path, ending):
    def cut_short():
        yield BATCHES[0]
        raise KeyError("in the middle")

    with pytest.raises(KeyError):
        list(write_prediction_file(tmp_path / f"p.{ending}", cut_short(), NAMES))
    assert list(tmp_path.iterdir()) == []
    empty = write(tmp_path / f"p.{ending}", [])
    assert empty.is_file()
    with pytest.raises(KresnetError) as caught:
        require_prediction_file(empty)
    assert caught.value.problems[0].code == "output_exists"


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(KresnetError) as caught:
        require_prediction_file(tmp_path / "p.xlsx")
    assert ".parquet" in caught.value.problems[0].expected
