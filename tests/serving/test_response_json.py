"""What is written as JSON, as Python's own parser reads it."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from kresnet.export.capi import RuntimeFailure
from kresnet.serving.protos import ClassificationResult, RegressionResult
from kresnet.serving.response_json import classify_response, error_response, predict_response, regress_response

VALUES = np.array([[0.1, -2], [3, 4e30]], np.float32)


def test_a_lone_output_is_unwrapped() -> None:
    for rows, key in ((True, "predictions"), (False, "outputs")):
        [(found, values)] = json.loads(predict_response({"y": VALUES}, rows=rows)).items()
        assert found == key
        np.testing.assert_array_equal(np.array(values, np.float32), VALUES)


def test_several_outputs_are_named_in_each_row() -> None:
    outputs = {
        "y": VALUES,
        "label": np.array([b"a", "ü".encode()], object),
        "raw_bytes": np.array([b"\0", b""], object),
    }
    rows = json.loads(predict_response(outputs, rows=True))["predictions"]
    assert [(row["label"], row["raw_bytes"]) for row in rows] == [("a", {"b64": "AA=="}), ("ü", {"b64": ""})]
    columns = json.loads(predict_response(outputs, rows=False))["outputs"]
    assert columns["label"] == ["a", "ü"]


def test_nan_and_infinity_are_words_and_float32_stays_short() -> None:
    body = predict_response({"y": np.array([np.nan, -np.inf, 0.1], np.float32)}, rows=True)
    assert b"0.1]" in body
    first, second, third = json.loads(body)["predictions"]
    assert math.isnan(first)
    assert (second, third) == (-math.inf, 0.1)


def test_bytes_that_are_no_text_go_out_as_they_are() -> None:
    assert b"\xff" in predict_response({"s": np.array([b"\xff"], object)}, rows=False)


def test_rows_need_a_batch_that_all_outputs_share() -> None:
    for outputs in ({"y": np.float32(1)[np.newaxis][0:1].reshape(())}, {"y": VALUES, "z": VALUES[:1]}):
        with pytest.raises(RuntimeFailure) as caught:
            predict_response(outputs, rows=True)
        assert caught.value.code == "INVALID_ARGUMENT"


def test_classes_values_and_errors() -> None:
    classified, regressed = ClassificationResult(), RegressionResult()
    classified.classifications.add().classes.add(label="low", score=0.1)
    regressed.regressions.add(value=0.2)
    assert json.loads(classify_response(classified)) == {"results": [[["low", 0.1]]]}
    assert json.loads(regress_response(regressed)) == {"results": [0.2]}
    assert json.loads(error_response('"')) == {"error": '"'}
