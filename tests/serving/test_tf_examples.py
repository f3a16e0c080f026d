"""Examples from JSON, as TensorFlow parses them."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from kresnet.export.capi import RuntimeFailure
from kresnet.serving.tf_examples import read_examples, serialize_examples

FEATURES = {
    "x": tf.io.FixedLenFeature((2,), tf.float32),
    "n": tf.io.FixedLenFeature((), tf.int64),
    "s": tf.io.FixedLenFeature((), tf.string),
}


def test_tensorflow_parses_them() -> None:
    document = {"examples": [{"x": [0.5, 1.5], "n": True, "s": "a"}, {"x": [2.5, 3.5], "n": 7, "s": {"b64": "AA=="}}]}
    parsed = tf.io.parse_example(serialize_examples(read_examples(document)), FEATURES)
    np.testing.assert_array_equal(parsed["x"], [[0.5, 1.5], [2.5, 3.5]])
    assert parsed["n"].numpy().tolist() == [1, 7]
    assert parsed["s"].numpy().tolist() == [b"a", b"\0"]


def test_the_context_goes_before_each_example() -> None:
    document = {"context": {"n": 1, "s": "shared"}, "examples": [{"x": [0.5, 1.5]}, {"x": [2.5, 3.5], "n": 2}]}
    parsed = tf.io.parse_example(serialize_examples(read_examples(document)), FEATURES)
    assert parsed["n"].numpy().tolist() == [1, 2], "what comes later wins"
    assert parsed["s"].numpy().tolist() == [b"shared", b"shared"]


@pytest.mark.parametrize("document", [{}, {"examples": []}, {"examples": [1]}, {"examples": [{"x": [1, "a"]}]},
                                      {"examples": [{"x": 2**64}]}, {"examples": [{"x": None}]}])  # fmt: skip
def test_what_makes_no_example_is_an_invalid_argument(document: dict) -> None:
    with pytest.raises(RuntimeFailure) as caught:
        read_examples(document)
    assert caught.value.code == "INVALID_ARGUMENT"
