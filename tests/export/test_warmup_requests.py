"""Warm-up records are TF Serving's own messages, as TensorFlow reads them and as the proof does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from kresnet.export import warmup_requests
from kresnet.export.protos import PredictionLog
from kresnet.export.request_inputs import serialize_example, string_tensor
from kresnet.export.signature_contract import CLASSIFY_METHOD
from kresnet.export.warmup_requests import WarmupRequest

REQUESTS = [
    WarmupRequest("tiny", "image_bytes", {"image_bytes": string_tensor(b"abc", b"")}),
    WarmupRequest("tiny", "serving_default", {"vector": np.array([[1, 2]], np.float32)}),
    WarmupRequest(
        "tiny",
        "classify",
        {"inputs": string_tensor(serialize_example(b"abc"), serialize_example(b""))},
        CLASSIFY_METHOD,
    ),
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    warmup_requests.write_warmup_requests(tmp_path / "requests", REQUESTS)
    return tmp_path / "requests"


def test_tensorflow_reads_servings_messages(file: Path) -> None:
    records = tf.data.TFRecordDataset(str(file)).as_numpy_iterator()
    files, vector, classified = map(PredictionLog.FromString, records)
    for log, name in ((files.predict_log, "image_bytes"), (vector.predict_log, "serving_default")):
        assert (log.request.model_spec.name, log.request.model_spec.signature_name) == ("tiny", name)
    np.testing.assert_array_equal(tf.make_ndarray(files.predict_log.request.inputs["image_bytes"]), [b"abc", b""])
    values = tf.make_ndarray(vector.predict_log.request.inputs["vector"])
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, [[1, 2]])
    request = classified.classify_log.request
    assert (request.model_spec.name, request.model_spec.signature_name) == ("tiny", "classify")
    features = [one.features.feature["image_bytes"] for one in request.input.example_list.examples]
    assert [list(one.bytes_list.value) for one in features] == [[b"abc"], [b""]]


def test_a_file_reads_back(file: Path) -> None:
    for found, written in zip(warmup_requests.read_warmup_requests(file), REQUESTS, strict=True):
        assert (found.model, found.signature, found.method) == (written.model, written.signature, written.method)
        assert found.inputs.keys() == written.inputs.keys()
        for name, values in written.inputs.items():
            np.testing.assert_array_equal(found.inputs[name], values)
