"""A calibration is kept with its run, one for each network, and damage is told."""

from __future__ import annotations

import json

import pytest

from kresnet.errors import KresnetError
from kresnet.runs.calibration import FILE, Calibration, read_calibration, write_calibration

LAST = Calibration((1.5,), "a" * 64, "pictures", "validation", 10, {"calibration_error": 0.2}, {"calibration_error": 0})
BEST = Calibration((0.5, 2.0), "b" * 64, "pictures", "validation", 10, {}, {}, ("A sentence.",))


def test_both_networks_have_their_own(tmp_path):
    assert read_calibration(tmp_path, "model.keras") is None
    assert write_calibration(tmp_path, "model.keras", LAST) == tmp_path / FILE
    write_calibration(tmp_path, "best.keras", BEST)
    assert read_calibration(tmp_path, "model.keras") == LAST
    assert read_calibration(tmp_path, "best.keras") == BEST
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"model.keras": {}}',
        '{"model.keras": 3}',
        json.dumps({"model.keras": LAST.as_dict() | {"temperatures": [0]}}),
    ],
)
def test_a_damaged_file_is_told_with_its_remedy(tmp_path, text):
    (tmp_path / FILE).write_text(text)
    with pytest.raises(KresnetError) as caught:
        read_calibration(tmp_path, "model.keras")
    assert caught.value.problems[0].code == "run_missing"
    assert "kresnet calibrate" in caught.value.problems[0].remedy
