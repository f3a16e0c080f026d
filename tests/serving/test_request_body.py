"""The text of a request, whichever parser reads it."""

from __future__ import annotations

from unittest.mock import patch

import pytest

from kresnet.export.capi import RuntimeFailure
from kresnet.serving import rapid_json
from kresnet.serving.request_body import parse_body

PLAIN = (
    b'{"instances": [[1, -2.5e-3], [1e-300, 0.0]]}',
    b'{"instances": [{"x": 1, "s": {"b64": "AA=="}}, {"x": 2, "s": "text"}], "signature_name": "a"}',
    b'{"inputs": {"x": [1, 2], "y": "e"}}',
)


@pytest.mark.parametrize("body", PLAIN)
def test_plain_documents_are_read_quickly_and_alike(body: bytes) -> None:
    slowly = rapid_json.loads(body)
    with patch.object(rapid_json, "loads", side_effect=AssertionError):
        assert parse_body(body) == slowly


@pytest.mark.parametrize(
    ("body", "key", "value"),
    [
        (b'{"inputs": 1, "inputs": 2}', "inputs", 1),
        (b'{"instances": [{"a": 1, "a": 2}]}', "instances", [{"a": 1}]),
        (b'\xef\xbb\xbf{"inputs": "\xff"}', "inputs", "\udcff"),
        (b'{"inputs": Infinity} and more', "inputs", float("inf")),
        (b'{"inputs": "a:b"}', "inputs", "a:b"),
    ],
)
def test_what_parsers_read_differently_is_read_as_tf_serving_does(body: bytes, key: str, value: object) -> None:
    assert parse_body(body)[key] == value


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "JSON Parse error: The document is empty"),
        (b'{"inputs": 1e999}', "JSON Parse error: Number too big to be stored in double. at offset: 11"),
        (b'{"inputs": 1, "more": 0E+400}', "JSON Parse error: Number too big to be stored in double. at offset: 22"),
        (b"[1,\n2]", "JSON Value: [1, 2] Is not object"),
        (b'{"inputs": 1}'[:-1], "JSON Parse error: Missing a comma or '}' after an object member. at offset: 12"),
    ],
)
def test_what_is_no_request_is_refused_in_tf_servings_words(body: bytes, message: str) -> None:
    """`ParseJson` of util/json_tensor.cc."""
    with pytest.raises(RuntimeFailure) as caught:
        parse_body(body)
    assert (caught.value.code, caught.value.message) == ("INVALID_ARGUMENT", message)
