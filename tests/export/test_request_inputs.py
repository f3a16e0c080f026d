"""Reference inputs as a signature takes them, read back by TensorFlow."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from kresnet.export.reference_outputs import ReferenceOutputs
from kresnet.export.request_inputs import request_inputs, serialize_example, string_tensor
from kresnet.export.signature_contract import Signature, TensorSpec

VECTORS = ReferenceOutputs(np.arange(6, dtype=np.float32).reshape(3, 2), (), (), {})
PIXELS = ReferenceOutputs(np.arange(8, dtype=np.uint8).reshape(2, 2, 2, 1), (b"first", b"second"), ("PNG", "PNG"), {})
TEXT = TensorSpec("string", (None,))


def test_a_tensor_is_sent_in_the_order_asked_for() -> None:
    signature = Signature({"vector": TensorSpec("float32", (None, 2))}, {})
    np.testing.assert_array_equal(
        request_inputs("serving_default", signature, VECTORS, [2, 0, 2])["vector"], [[4, 5], [0, 1], [4, 5]]
    )
    image = Signature({"image": TensorSpec("float32", (None, 2, 2, 1))}, {})
    sent = request_inputs("serving_default", image, PIXELS, [1])["image"]
    assert (sent.dtype, sent.shape) == (np.float32, (1, 2, 2, 1))


def test_files_are_sent_as_they_are() -> None:
    sent = request_inputs("image_bytes", Signature({"image_bytes": TEXT}, {}), PIXELS, [1, 0])["image_bytes"]
    assert sent.tolist() == [b"second", b"first"]


def test_examples_hold_a_file_or_a_vector() -> None:
    signature = Signature({"inputs": TEXT}, {})
    files = request_inputs("classify", signature, PIXELS, [0])["inputs"]
    parsed = tf.io.parse_example(files, {"image_bytes": tf.io.FixedLenFeature((), tf.string)})
    assert parsed["image_bytes"].numpy().tolist() == [b"first"]
    vectors = request_inputs("classify", signature, VECTORS, [1, 2])["inputs"]
    parsed = tf.io.parse_example(vectors, {"vector": tf.io.FixedLenFeature((2,), tf.float32)})
    np.testing.assert_array_equal(parsed["vector"], [[2, 3], [4, 5]])


def test_strings_keep_their_zero_bytes() -> None:
    assert string_tensor(b"a\0", b"").tolist() == [b"a\0", b""]
    assert serialize_example(b"x") == serialize_example(b"x")
