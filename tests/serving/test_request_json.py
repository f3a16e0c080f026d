"""Which JSON makes a tensor, read without a server."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from kresnet.export.capi import RuntimeFailure
from kresnet.serving.protos import DataType, SignatureDef
from kresnet.serving.request_body import parse_body
from kresnet.serving.request_json import decode_base64, is_base64, read_predict_inputs, read_signature_name


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
        b'{"inputs": [1, 2.0]}',
        b'{"inputs": [2147483648]}',
        b'{"inputs": [18446744073709551616]}',
        b'{"inputs": [1e2]}',
        b'{"inputs": [NaN]}',
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


def test_a_row_that_has_an_input_twice_is_refused() -> None:
    """TF Serving takes the second value for the next row's (`FillTensorMapFromInstancesList`, util/json_tensor.cc)."""
    with pytest.raises(RuntimeFailure, match="process element: 1 key: x of 'instances' list"):
        read(b'{"instances": [{"x": 1}, {"x": 2, "x": 3}]}', x=DataType.DT_FLOAT)


def test_bytes_that_are_no_utf8_reach_the_tensor_as_they_are() -> None:
    """RapidJSON is not asked to check the encoding (`kParseValidateEncodingFlag`)."""
    tensors, _ = read(b'{"inputs": ["\xff", "\\udc00"]}', x=DataType.DT_STRING)
    assert tensors["x"].tolist() == [b"\xff", b"\xed\xb0\x80"]
    assert read_signature_name(parse_body(b'{"signature_name": "a\xff"}')) == "a\ufffd"


def test_minus_zero_is_an_integer_and_loses_its_sign() -> None:
    tensors, _ = read(b'{"inputs": [-0, -0.0]}', x=DataType.DT_FLOAT)
    assert np.signbit(tensors["x"]).tolist() == [False, True]
    assert read(b'{"inputs": [-0]}', x=DataType.DT_INT32)[0]["x"].tolist() == [0]
