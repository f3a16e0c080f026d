"""Answers as REST's JSON, as TF Serving writes it: rows or columns, a lone output unwrapped, bytes as base64."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson

from kresnet.serving.protos import ClassificationResult, RegressionResult
from kresnet.serving.request_json import invalid_error


def predict_response(outputs: Mapping[str, np.ndarray], *, rows: bool) -> bytes:
    """Return the answer to a Predict request, in the form that the request had.

    Args:
        outputs: arrays by name; strings as `object` that holds `bytes`.
        rows: `predictions`, an entry a row, rather than `outputs`, an entry a tensor.

    Raises:
        RuntimeFailure: INVALID_ARGUMENT, where outputs do not share a batch and rows are asked for.
    """
    values = {name: _writable_values(name, array) for name, array in outputs.items()}
    if not rows:
        return _encode_json({"outputs": values if len(values) > 1 else next(iter(values.values()))}, outputs)
    batch: int | None = None
    for name, array in outputs.items():
        if array.ndim == 0:
            raise invalid_error(f"Tensor name: {name} has no shape information ")
        if batch is not None and len(array) != batch:
            raise invalid_error(f"Tensor name: {name} has inconsistent batch size: {len(array)} expecting: {batch}")
        batch = len(array)
    if len(values) == 1:
        return _encode_json({"predictions": next(iter(values.values()))}, outputs)
    entries = [{name: value[index] for name, value in values.items()} for index in range(batch or 0)]
    return _encode_json({"predictions": entries}, outputs)


def classify_response(result: ClassificationResult) -> bytes:
    """Return the answer to a Classify request: a list of `[label, score]` pairs for each example."""
    pairs = [[[one.label, np.float32(one.score)] for one in row.classes] for row in result.classifications]
    return _encode_json({"results": pairs}, {"": np.array([pair[1] for row in pairs for pair in row], np.float32)})


def regress_response(result: RegressionResult) -> bytes:
    """Return the answer to a Regress request: a number for each example."""
    values = np.array([one.value for one in result.regressions], np.float32)
    return _encode_json({"results": values}, {"": values})


def error_response(message: str) -> bytes:
    """Return the body of an answer that is an error."""
    return _encode_json({"error": message}, {})


def _writable_values(name: str, array: np.ndarray) -> Any:
    """Return an output as something that can be written as JSON, and indexed by row."""
    if array.dtype != object:
        return np.ascontiguousarray(array) if array.ndim else array[()]
    if name.endswith("_bytes"):
        return _map_nested(array.tolist(), lambda value: {"b64": base64.b64encode(value).decode()})
    return _map_nested(array.tolist(), lambda value: value.decode(errors="surrogateescape"))


def _map_nested(values: Any, change: Any) -> Any:
    return [_map_nested(value, change) for value in values] if isinstance(values, list) else change(values)


def _encode_json(document: Any, outputs: Mapping[str, np.ndarray]) -> bytes:
    """Write JSON, with NaN and Infinity as TF Serving writes them, though JSON has no such words."""
    if all(array.dtype.kind != "f" or np.isfinite(array).all() for array in outputs.values()):
        try:
            return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)
        except orjson.JSONEncodeError:  # a string that is not UTF-8: its bytes go out as they are
            pass
    return json.dumps(document, default=_python_numbers, ensure_ascii=False).encode(errors="surrogateescape")


def _python_numbers(value: Any) -> Any:
    """Convert an array, or one of its numbers, to Python's; a float32 to the double of its shortest decimal."""
    array = np.asarray(value)
    return array.astype(str).astype(np.float64).tolist() if array.dtype == np.float32 else array.tolist()
