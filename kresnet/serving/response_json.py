"""Answers as REST's JSON, as TF Serving writes it: rows or columns, a lone output unwrapped, bytes as base64."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson

from kresnet.serving.protos import ClassificationResult, RegressionResult
from kresnet.serving.request_json import invalid


def predictions(outputs: Mapping[str, np.ndarray], *, rows: bool) -> bytes:
    """The answer to a Predict request, in the form that the request had.

    Args:
        outputs: arrays by name; strings as `object` that holds `bytes`.
        rows: `predictions`, an entry a row, rather than `outputs`, an entry a tensor.

    Raises:
        RuntimeFailure: INVALID_ARGUMENT, where outputs do not share a batch and rows are asked for.
    """
    values = {name: _values(name, array) for name, array in outputs.items()}
    if not rows:
        return _dump({"outputs": values if len(values) > 1 else next(iter(values.values()))}, outputs)
    batch: int | None = None
    for name, array in outputs.items():
        if array.ndim == 0:
            raise invalid(f"Tensor name: {name} has no shape information ")
        if batch is not None and len(array) != batch:
            raise invalid(f"Tensor name: {name} has inconsistent batch size: {len(array)} expecting: {batch}")
        batch = len(array)
    if len(values) == 1:
        return _dump({"predictions": next(iter(values.values()))}, outputs)
    entries = [{name: value[index] for name, value in values.items()} for index in range(batch or 0)]
    return _dump({"predictions": entries}, outputs)


def classifications(result: ClassificationResult) -> bytes:
    """The answer to a Classify request: `[label, score]` pairs, a list an example."""
    pairs = [[[one.label, np.float32(one.score)] for one in row.classes] for row in result.classifications]
    return _dump({"results": pairs}, {"": np.array([pair[1] for row in pairs for pair in row], np.float32)})


def regressions(result: RegressionResult) -> bytes:
    """The answer to a Regress request: a number an example."""
    values = np.array([one.value for one in result.regressions], np.float32)
    return _dump({"results": values}, {"": values})


def error(message: str) -> bytes:
    """The body of every answer that is an error."""
    return orjson.dumps({"error": message})


def _values(name: str, array: np.ndarray) -> Any:
    """An output as something that can be written, and indexed by row."""
    if array.dtype != object:
        return np.ascontiguousarray(array) if array.ndim else array[()]
    if name.endswith("_bytes"):
        return _each(array.tolist(), lambda value: {"b64": base64.b64encode(value).decode()})
    return _each(array.tolist(), lambda value: value.decode(errors="surrogateescape"))


def _each(values: Any, change: Any) -> Any:
    return [_each(value, change) for value in values] if isinstance(values, list) else change(values)


def _dump(document: Any, outputs: Mapping[str, np.ndarray]) -> bytes:
    """JSON; NaN and Infinity as TF Serving writes them, though JSON has no such words."""
    if all(array.dtype.kind != "f" or np.isfinite(array).all() for array in outputs.values()):
        try:
            return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)
        except orjson.JSONEncodeError:  # a string that is not UTF-8: its bytes go out as they are
            pass
    return json.dumps(document, default=_plain, ensure_ascii=False).encode(errors="surrogateescape")


def _plain(value: Any) -> Any:
    """An array, or one of its numbers, as Python's; a float32 by its shortest decimal, not by its double's."""
    array = np.asarray(value)
    return array.astype(str).astype(np.float64).tolist() if array.dtype == np.float32 else array.tolist()
