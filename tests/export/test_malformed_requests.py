"""Malformed requests are what they say, and none of them is well formed."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kresnet.export.malformed_requests import huge_png, malformed_requests
from kresnet.export.signature_contract import Signature, TensorSpec

ROW = np.arange(24, dtype=np.uint8).reshape(4, 2, 3)
TEXT = TensorSpec("string", (None,))


def encoded_row() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(ROW).save(buffer, "PNG")
    return buffer.getvalue()


def test_no_tensor_is_a_batch_of_the_declared_shape() -> None:
    signature = Signature({"image": TensorSpec("float32", (None, 4, 2, 3))}, {})
    requests = dict(malformed_requests("serving_default", signature, ROW, b""))
    assert {"no batch dimension", "a scalar", "an empty batch", "height too large", "channels zero"} <= requests.keys()
    for fault, values in requests.items():
        well_formed = values.dtype == np.float32 and values.ndim == 4 and values.shape[1:] == (4, 2, 3) and len(values)
        assert not well_formed, fault


def test_a_length_that_is_free_may_be_larger() -> None:
    signature = Signature({"image": TensorSpec("float32", (None, None, None, 3))}, {})
    faults = dict(malformed_requests("serving_default", signature, ROW, b""))
    assert "height too large" not in faults
    assert "channels too large" in faults


def test_files_and_examples_are_spoiled() -> None:
    files = dict(malformed_requests("image_bytes", Signature({"image_bytes": TEXT}, {}), ROW, encoded_row()))
    with pytest.raises(tf.errors.InvalidArgumentError):
        tf.io.decode_png(files["a truncated image"][0])
    examples = dict(malformed_requests("classify", Signature({"inputs": TEXT}, {}), ROW, encoded_row()))
    feature = {"image_bytes": tf.io.FixedLenFeature((), tf.string)}
    for fault in ("bytes of no tf.Example", "a tf.Example without features", "a tf.Example of other features"):
        with pytest.raises(tf.errors.InvalidArgumentError):
            tf.io.parse_example(examples[fault], feature)


def test_a_small_file_declares_a_huge_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    data = huge_png()
    assert len(data) < 100
    assert Image.open(io.BytesIO(data)).size == (60_000, 60_000)
