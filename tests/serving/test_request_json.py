"""Which JSON makes a tensor, read without a server."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from kresnet.export.capi import RuntimeFailure
from kresnet.serving.protos import DataType, SignatureDef
from kresnet.serving.request_json import decode_base64, is_base64, parse_body, read_predict_inputs, read_signature_name


def signature(**kinds: int) -> SignatureDef:
    definition = SignatureDef()
    for name, kind in kinds.items():
        definition.inputs[name].dtype = kind
    return definition


def read(body: bytes, **kinds: int) -> tuple[dict[str, np.ndarray], bool]:
    return read_predict_inputs(parse_body(body), signature(**kinds), body)


@pytest.mark.parametrize(
    ("body", "by_rows"), [(b'{"instances": [[1, 2.5], [3, 4]]}', True), (b'{"inputs": [[1, 2.5], [3, 4]]}', False)]
)
def test_rows_and_columns_make_the_same_tensor(body: bytes, by_rows: bool) -> None:
    tensors, rows = read(body, x=DataType.DT_FLOAT)
    assert rows == by_rows
    assert tensors["x"].dtype == np.float32
    np.testing.assert_array_equal(tensors["x"], [[1, 2.5], [3, 4]])


def test_what_numpy_reads_at_once_is_what_is_read_value_by_value() -> None:
    """A `true` anywhere in the body keeps NumPy, which takes it for 1, from being asked."""
    rows = b'"instances": [[[0.5, -1], [2, 3e2]], [[4, 5], [6, 7]]]'
    quick, _ = read(b"{" + rows + b"}", x=DataType.DT_FLOAT)
    slow, _ = read(b'{"other": true, ' + rows + b"}", x=DataType.DT_FLOAT)
    assert slow["x"].dtype == quick["x"].dtype
    np.testing.assert_array_equal(slow["x"], quick["x"])


def test_named_inputs_may_be_of_several_types() -> None:
    body = b'{"instances": [{"a": 1, "s": "x"}, {"a": 2, "s": {"b64": "AA=="}}]}'
    tensors, _ = read(body, a=DataType.DT_INT64, s=DataType.DT_STRING)
    assert tensors["a"].tolist() == [1, 2]
    assert tensors["s"].tolist() == [b"x", b"\0"]


@pytest.mark.parametrize("body", [b'{"instances": [NaN]} and more', b' {"instances": [Infinity]}'])
def test_numbers_that_json_does_not_know_are_taken(body: bytes) -> None:
    assert not np.isfinite(read(body, x=DataType.DT_FLOAT)[0]["x"]).any()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[1]",
        b"{",
        b'{"instances": []}',
        b'{"instances": [1.0, "a"]}',
        b'{"instances": [1, true]}',
        b'{"instances": [[1, 2], [3]]}',
        b'{"instances": [' + b"[" * 300 + b"]" * 300 + b"]}",
        b'{"inputs": ' + b"1" * 5000 + b"}",
    ],
)
def test_what_makes_no_tensor_is_an_invalid_argument(body: bytes) -> None:
    with pytest.raises(RuntimeFailure) as caught:
        read(body, x=DataType.DT_INT32)
    assert caught.value.code == "INVALID_ARGUMENT"


def test_a_name_of_a_signature_is_a_string() -> None:
    assert read_signature_name({}) == ""
    assert read_signature_name({"signature_name": "features"}) == "features"
    with pytest.raises(RuntimeFailure, match="must be a string value"):
        read_signature_name({"signature_name": 1})


@pytest.mark.parametrize("data", [b"", b"a", b"ab", b"abc", bytes(range(256))])
def test_base64_may_lack_its_padding(data: bytes) -> None:
    text = base64.b64encode(data).decode()
    assert decode_base64({"b64": text}) == decode_base64({"b64": text.rstrip("=")}) == data
    assert not is_base64({"b64": text, "more": 1})
    assert not is_base64({"b64": 1})
