"""What RapidJSON reads, and how: each answer below is that of RapidJSON 1.1.0, compiled with TF Serving's flags.

The rules are in `include/rapidjson/reader.h`, the messages in `include/rapidjson/error/en.h`; the flags (iterative, NaN
and Infinity, stop when done) in `ParseJson` of TF Serving's `tensorflow_serving/util/json_tensor.cc`.
"""

from __future__ import annotations

import math

import pytest

from kresnet.serving.rapid_json import MOST_LEVELS, JsonError, RepeatedKeys, loads

TOO_BIG = "Number too big to be stored in double. at offset: 0"
INVALID = "Invalid value. at offset: "

NUMBERS = {
    b"-0": 0,
    b"-0.0": -0.0,
    b"0e308": 0.0,
    b"0e309": TOO_BIG,
    b"0e400": TOO_BIG,
    b"1e999": TOO_BIG,
    b"-1E400": TOO_BIG,
    b"1e308": 1e308,
    b"9e308": math.inf,  # what `Pow10` makes of it is not looked at
    b"-9E+308": -math.inf,
    b"1e-400": 0.0,
    b"1e-999999999999": 0.0,
    b"1" * 310: TOO_BIG,
    b"1" * 310 + b"e-310": TOO_BIG,
    b"0." + b"0" * 320 + b"1e321": 1.0,
    b"2147483647": 2147483647,
    b"-9223372036854775808": -(2**63),
    b"-9223372036854775809": -(2.0**63),
    b"18446744073709551615": 2**64 - 1,
    b"18446744073709551616": 2.0**64,
    b"1E2": 100.0,
    b"1.0": 1.0,
    b"01": 0,  # and what follows the document is not looked at
    b"1 2": 1,
    b"+1": INVALID + "0",
    b".5": INVALID + "0",
    b"-": INVALID + "1",
    b"--1": INVALID + "1",
    b"5.": "Miss fraction part in number. at offset: 2",
    b"5.e1": "Miss fraction part in number. at offset: 2",
    b"1e": "Miss exponent in number. at offset: 2",
    b"1e+": "Miss exponent in number. at offset: 3",
    b"NaN": math.nan,
    b"-NaN": math.nan,
    b"Inf": math.inf,
    b"-Inf": -math.inf,
    b"Infinity": math.inf,
    b"-Infinity": -math.inf,
    b"Infinit": INVALID + "7",
    b"NaN.5": 0.5,
    b"NaInf": math.inf,
    b"nan": INVALID + "1",
    b"inf": INVALID + "0",
    b"INF": INVALID + "1",
    b"nul": INVALID + "3",
    b"True": INVALID + "0",
}

STRINGS = {
    b'"\\u0041\\n\\/"': "A\n/",
    b'"\\ud83d\\ude00"': "\U0001f600",
    b'"\\ud800"': "The surrogate pair in string is invalid. at offset: 1",
    b'"\\ud83d\\u0041"': "The surrogate pair in string is invalid. at offset: 1",
    b'"\\udc00"': b"\xed\xb0\x80".decode(errors="surrogateescape"),  # by itself it is let through
    b'"\\u12g4"': "Incorrect hex digit after \\u escape in string. at offset: 1",
    b'"\\x"': "Invalid escape character in string. at offset: 1",
    b'"a\x01"': "Invalid escape character in string. at offset: 2",
    b'"a\n"': "Invalid escape character in string. at offset: 2",
    b'"\x7f"': "\x7f",
    b'"\xff"': "\udcff",
    b'"\\u0000"': "\0",
    b'"a\x00"': "Missing a closing quotation mark in string. at offset: 2",
    b'"a': "Missing a closing quotation mark in string. at offset: 2",
    b"'a'": INVALID + "0",
}

DOCUMENTS = {
    b"": "The document is empty. at offset: 0",
    b" ]": "The document is empty. at offset: 1",
    b"\xef\xbb\xbf 1": 1,
    b"\xbb1": 1,
    b"\x0c1": INVALID + "0",
    b"{} and more": {},
    b"[1,]": INVALID + "3",
    b"[,1]": INVALID + "1",
    b"[1 2]": "Missing a comma or ']' after an array element. at offset: 3",
    b"[1": "Missing a comma or ']' after an array element. at offset: 2",
    b"[1\x00]": "Missing a comma or ']' after an array element. at offset: 2",
    b"[1, 1e999]": "Number too big to be stored in double. at offset: 4",
    b"[0e400]": "Number too big to be stored in double. at offset: 1",
    b"[01]": "Missing a comma or ']' after an array element. at offset: 2",
    b"[1] // one": [1],
    b"[1 // one\n]": "Missing a comma or ']' after an array element. at offset: 3",
    b"[/* one */ 1]": INVALID + "1",
    b'{"a": 1,}': "Missing a name for object member. at offset: 8",
    b"{a: 1}": "Missing a name for object member. at offset: 1",
    b'{"a" 1}': "Missing a colon after a name of object member. at offset: 5",
    b'{"a":}': INVALID + "5",
    b'{"a": 1 "b": 2}': "Missing a comma or '}' after an object member. at offset: 8",
    b'{"a": [1, {"b": null}], "c": {"d": true}}': {"a": [1, {"b": None}], "c": {"d": True}},
}


def answer(text: bytes) -> object:
    try:
        return loads(text)
    except JsonError as error:
        return str(error)


@pytest.mark.parametrize(("text", "expected"), [*NUMBERS.items(), *STRINGS.items(), *DOCUMENTS.items()])
def test_reads_as_rapidjson_does(text: bytes, expected: object) -> None:
    found = answer(text)
    assert type(found) is type(expected)
    assert repr(found) == repr(expected)  # 0.0 is not -0.0, and NaN is itself


def test_the_first_value_of_a_repeated_key_counts() -> None:
    """`FindMember` of include/rapidjson/document.h."""
    found = loads(b'{"a": 1, "b": 2, "a": 3}')
    assert isinstance(found, RepeatedKeys)
    assert found == {"a": 1, "b": 2}
    assert found.members == [("a", 1), ("b", 2), ("a", 3)]


def test_nesting_is_not_bounded_by_the_stack() -> None:
    found, depth = loads(b"[" * MOST_LEVELS + b"]" * MOST_LEVELS), 1
    while found:
        found, depth = found[0], depth + 1
    assert depth == MOST_LEVELS
    assert "nested too deeply" in str(answer(b"[" * (MOST_LEVELS + 1)))


def test_a_list_of_numbers_is_read_the_same_at_once_and_one_by_one() -> None:
    numbers = b"1, -2.5, 3e2 , 4.25E-3,\n-0, 18446744073709551616"
    assert repr(loads(b"[" + numbers + b"]")) == repr(loads(b"[" + numbers + b", NaN]")[:-1])
