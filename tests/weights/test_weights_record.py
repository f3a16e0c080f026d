"""What is known of weights by name, beside their model."""

from __future__ import annotations

import json

from kresnet.weights.weights_record import WeightsRecord, read_record

RECORD = WeightsRecord("timm/net", {"commit": "0123456789abcdef", "sha256": "ab"}, "resnet50", "", ("a", "b"), "cd")


def test_a_record_is_read_back(tmp_path):
    (tmp_path / "model.json").write_text(json.dumps(RECORD.as_dict()))
    assert read_record(tmp_path / "model.keras") == RECORD
    assert RECORD.line() == "timm/net at 0123456789ab, licence: not stated"
    assert RECORD.summary()["sha256"] == "ab"


def test_anything_else_beside_a_model_is_none(tmp_path):
    model = tmp_path / "model.keras"
    assert read_record(model) is None
    for text in ("", "[]", "{}", '{"format": "other"}', '{"format": "kresnet-weights"}'):
        (tmp_path / "model.json").write_text(text)
        assert read_record(model) is None
