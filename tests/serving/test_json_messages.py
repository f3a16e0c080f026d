"""Values in messages as RapidJSON's `PrettyWriter` writes them: each text is what RapidJSON 1.1.0 wrote."""

from __future__ import annotations

import pytest

from kresnet.serving.json_messages import format_value
from kresnet.serving.rapid_json import loads


@pytest.mark.parametrize(
    ("document", "text"),
    [
        (b"[]", "[]"),
        (b"{}", "{}"),
        (b"[1,[2,3],true,null]", "[1, [2, 3], true, null]"),
        (
            b'{"a":1,"b":{"c":[1,{"d":2}]}}',
            '{\n    "a": 1,\n    "b": {\n        "c": [1, {\n                "d": 2\n            }]\n    }\n}',
        ),
        (b'{"a":1,"a":2}', '{\n    "a": 1,\n    "a": 2\n}'),
        (b'"a\\"\\\\\\n\\u0001\\/\xc3\xa9"', '"a\\"\\\\\\n\\u0001/é"'),
        (b"1e20", "100000000000000000000.0"),
        (b"1e21", "1e21"),
        (b"1.5e22", "1.5e22"),
        (b"-1e-6", "-0.000001"),
        (b"1e-7", "1e-7"),
        (b"123456.789", "123456.789"),
        (b"-0.0", "-0.0"),
        (b"[1, NaN, 2]", "[1, "),
        (b'{"a": -Infinity}', '{\n    "a": '),
    ],
)
def test_is_written_as_rapidjson_does(document: bytes, text: str) -> None:
    assert format_value(loads(document)) == text


def test_a_long_value_ends_with_the_token_that_reaches_the_limit() -> None:
    assert format_value([10] * 1000) == "[" + ", ".join(["10"] * 65)
    assert len(format_value(["x" * 10_000])) < 300
    assert format_value(loads(b"[" * 1000 + b"]" * 1000)) == "[" * 256
