"""Warm-up records are those that TF Serving's own protocol buffers would make, byte for byte."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kresnet.export import warmup
from kresnet.export.contract import CLASSIFY
from kresnet.export.requests import example, strings
from kresnet.export.warmup import Request

#: `PredictionLog`s serialised by the protos of tensorflow-serving-api 2.21.0, deterministically.
RECORDS = [
    (
        Request("tiny", "image_bytes", {"image_bytes": np.array([b"abc", b""], object)}),
        b"27\n5\n\x13\n\x04tiny\x1a\x0bimage_bytes\x12\x1e\n\x0bimage_bytes\x12\x0f\x08\x07\x12\x04\x12\x02\x08\x02"
        b"B\x03abcB\x00",
    ),
    (
        Request("tiny", "serving_default", {"vector": np.array([[1, 2]], np.float32)}),
        b"2=\n;\n\x17\n\x04tiny\x1a\x0fserving_default\x12 \n\x06vector\x12\x16\x08\x01\x12\x08\x12\x02\x08\x01"
        b'\x12\x02\x08\x02"\x08\x00\x00\x80?\x00\x00\x00@',
    ),
    (
        Request("tiny", "classify", {"inputs": strings(example(b"abc"), example(b""))}, CLASSIFY),
        b"\x12M\nK\n\x10\n\x04tiny\x1a\x08classify\x127\n5\n\x1a\n\x18\n\x16\n\x0bimage_bytes\x12\x07\n\x05\n\x03abc"
        b"\n\x17\n\x15\n\x13\n\x0bimage_bytes\x12\x04\n\x02\n\x00",
    ),
]


@pytest.mark.parametrize(("request_", "serialized"), RECORDS)
def test_records_are_servings(request_: Request, serialized: bytes) -> None:
    assert request_.serialized() == serialized


def test_a_file_reads_back(tmp_path: Path) -> None:
    requests = [request for request, _ in RECORDS]
    warmup.write(tmp_path / "requests", requests)
    read = list(warmup.read(tmp_path / "requests"))
    assert [(one.model, one.signature, one.method) for one in read] == [
        (one.model, one.signature, one.method) for one in requests
    ]
    for one, other in zip(read, requests, strict=True):
        for name, values in other.inputs.items():
            np.testing.assert_array_equal(one.inputs[name], values)
