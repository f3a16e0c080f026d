"""The text of a REST request as a document: by orjson where all parsers agree, else as TF Serving's parser reads it."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson

from kresnet.serving import rapid_json
from kresnet.serving.json_messages import format_value
from kresnet.serving.rapid_json import JsonError
from kresnet.serving.request_json import invalid_error


def parse_body(body: bytes) -> dict[str, Any]:
    """Return the JSON document of a request's body, which must be an object.

    Raises:
        RuntimeFailure: INVALID_ARGUMENT.
    """
    if not body:
        raise invalid_error("JSON Parse error: The document is empty")
    document = _parse_quickly(body)
    if document is None:
        try:
            document = rapid_json.loads(body)
        except JsonError as error:
            raise invalid_error(f"JSON Parse error: {error}") from None
    if not isinstance(document, dict):
        raise invalid_error(f"JSON Value: {format_value(document)} Is not object")
    return document


def _parse_quickly(body: bytes) -> Any | None:
    """Parse JSON as all the world reads it; None for a document that RapidJSON might read otherwise, or refuse."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    # A colon that parts no key and value may belong to a key that is there twice, of which orjson keeps the last.
    return document if body.count(b":") == _count_keys(document) and not _has_long_exponent(body) else None


def _count_keys(document: Any) -> int:
    """Return the number of keys in a request's object, its rows and their strings, and in nothing deeper."""
    if not isinstance(document, dict):
        return 0
    objects = [document]
    for value in document.values():
        rows = value if isinstance(value, list) and value and isinstance(value[0], dict) else [value]
        objects += [row for row in rows if isinstance(row, dict)]
    strings = [value for held in objects[1:] for value in held.values() if isinstance(value, dict)]
    return sum(map(len, objects)) + sum(map(len, strings))


def _has_long_exponent(body: bytes) -> bool:
    """Return whether a number may have an exponent of three digits: RapidJSON finds 0e400 too big."""
    values = np.frombuffer(body + b"    ", np.uint8)
    after = np.flatnonzero((values[:-4] | 0x20) == ord("e")) + 1
    after += values[after] == ord("+")
    return bool(np.all((values[after[:, None] + np.arange(3)] - ord("0")) < 10, axis=1).any())
