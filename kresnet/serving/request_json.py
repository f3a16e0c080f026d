"""REST's JSON read as TF Serving reads it (`util/json_tensor.cc`): which values make a tensor, and what is refused.

Numbers are strict (1.0 is no integer, true is no number), strings may be `{"b64": ...}`, and all rows have one shape.
`kresnet.serving.request_body` parses the text.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

from kresnet.export.capi import NUMPY_DTYPES, RuntimeFailure
from kresnet.serving.json_messages import format_value
from kresnet.serving.protos import DataType, SignatureDef
from kresnet.serving.rapid_json import RepeatedKeys

#: Types by the name that error messages give them.
_TYPE_NAMES = {code: DataType.Name(code).removeprefix("DT_").lower() for code in (*NUMPY_DTYPES, DataType.DT_STRING)}
_INTEGERS = {DataType.DT_INT32: 31, DataType.DT_UINT8: 31, DataType.DT_INT64: 63}
_FLOATS = (DataType.DT_FLOAT, DataType.DT_DOUBLE)
#: `TensorShape::MaxDimensions()` of TensorFlow.
_MOST_DIMENSIONS = 254


def invalid_error(message: str) -> RuntimeFailure:
    """Return the error of a request that is refused as INVALID_ARGUMENT."""
    return RuntimeFailure("INVALID_ARGUMENT", message)


def read_signature_name(document: Mapping[str, Any]) -> str:
    """Return the name of the signature that a request asks for; empty for the default one."""
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        wrong = "not formatted correctly. 'signature_name' key must be a string value."
        message = f"JSON Value: {format_value(document)} {wrong}"
        raise invalid_error(message)
    return well_formed(name)


def well_formed(name: str) -> str:
    """Return a name as a protocol buffer can hold it: RapidJSON lets bytes through that are no UTF-8."""
    return name.encode(errors="surrogateescape").decode(errors="replace")


def read_predict_inputs(
    document: Mapping[str, Any], signature: SignatureDef, body: bytes
) -> tuple[dict[str, np.ndarray], bool]:
    """Return the tensors of a Predict request.

    Args:
        document: the parsed body.
        signature: says which inputs there are, and of which types.
        body: the document's text.

    Returns:
        The tensors by name, and whether they came as rows (`instances`) rather than columns (`inputs`).

    Raises:
        RuntimeFailure: INVALID_ARGUMENT.
    """
    kinds = {name: info.dtype for name, info in signature.inputs.items()}
    words = b"true" in body or b"false" in body  # NumPy takes true for 1, TF Serving does not
    if "instances" in document and "inputs" in document:
        only = "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist "
        raise invalid_error(f"JSON Value: {format_value(document)} {only}")
    if "instances" in document:
        rows = document["instances"]
        if not isinstance(rows, list):
            raise invalid_error(f"JSON Value: {format_value(document)} Expecting 'instances' to be an list/array")
        if not rows:
            raise invalid_error(f"JSON Value: {format_value(document)} No values in 'instances' array")
        return _tensors_of_rows(rows, kinds, words), True
    if "inputs" in document:
        return _tensors_of_columns(document["inputs"], kinds, words), False
    raise invalid_error("Missing 'inputs' or 'instances' key")


def _tensors_of_rows(rows: list[Any], kinds: Mapping[str, int], words: bool) -> dict[str, np.ndarray]:
    named = _is_object(rows[0])
    if not isinstance(rows[0], dict) and len(kinds) > 1:
        message = "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
        raise invalid_error(f"{message}tensorinfo_map")
    for index, row in enumerate(rows):
        if named and not _is_object(row):
            raise invalid_error(f"Expecting object but got list at item {index} of input list")
        if not named and _is_object(row):
            raise invalid_error(f"Expecting value/list but got object at item {index} of input list")
        if isinstance(row, RepeatedKeys):
            _raise_repeated_key(row, index)
        if named and set(row) != set(kinds):
            _raise_wrong_keys(row, index, kinds)
    columns = {name: [row[name] for row in rows] for name in kinds} if named else {next(iter(kinds)): rows}
    return {
        name: _tensor_of_rows(values, kinds[name], name if named else "", words) for name, values in columns.items()
    }


def _raise_repeated_key(row: RepeatedKeys, index: int) -> None:
    """Refuse a row that has an input twice, where TF Serving would give the second value to the next row."""
    names = [name for name, _ in row.members]
    name = next(name for name in names if names.count(name) > 1)
    where = f"Failed to process element: {index} key: {name} of 'instances' list."
    raise invalid_error(f"{where} Error: INVALID_ARGUMENT: JSON object: has the input twice: {name}")


def _raise_wrong_keys(row: Mapping[str, Any], index: int, kinds: Mapping[str, int]) -> None:
    where = f"Failed to process element: {index}"
    for name in row:
        if name not in kinds:
            error = f"INVALID_ARGUMENT: JSON object: does not have named input: {name}"
            raise invalid_error(f"{where} key: {name} of 'instances' list. Error: {error}")
    keys = ",".join(sorted(kinds))
    raise invalid_error(f"{where} of 'instances' list. JSON object: {format_value(row)} keys must be equal to: {keys}")


def _tensor_of_rows(rows: list[Any], kind: int, name: str, words: bool) -> np.ndarray:
    """Return the rows of one input, all of one shape, as one tensor."""
    quick = None if words else _numeric_array(rows, kind)
    if quick is not None:
        return quick
    leaves: list[Any] = []
    shape: list[int] = []
    for index, row in enumerate(rows):
        try:
            before = len(leaves)
            found = _read_value(row, kind, leaves)
            if index and len(leaves) - before != prod(shape):
                raise invalid_error(f"Expecting tensor size: {prod(shape)} but got: {len(leaves) - before}")
            if index and found != shape:
                raise invalid_error(f"Expecting shape {_format_shape(shape)} but got: {_format_shape(found)}")
        except RuntimeFailure as error:
            key = f" key: {name}" if name else ""
            where = f"Failed to process element: {index}{key} of 'instances' list. Error: "
            raise invalid_error(f"{where}{error}") from None
        shape = found
    return _array_of_leaves(leaves, [len(rows), *shape], kind)


def _tensors_of_columns(value: Any, kinds: Mapping[str, int], words: bool) -> dict[str, np.ndarray]:
    if not _is_object(value):
        if len(kinds) > 1:
            message = "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
            raise invalid_error(f"{message}tensorinfo_map")
        columns = {next(iter(kinds)): value}
    else:
        columns = {}
        for name in kinds:
            if name not in value:
                raise invalid_error(f"Missing named input: {name} in 'inputs' object.")
            columns[name] = value[name]
    tensors = {}
    for name, column in columns.items():
        quick = None if words or not isinstance(column, list) else _numeric_array(column, kinds[name])
        tensors[name] = _tensor_of_value(column, kinds[name]) if quick is None else quick
    return tensors


def _numeric_array(values: list[Any], kind: int) -> np.ndarray | None:
    """Return a numeric tensor made by NumPy, or None where each value must be looked at."""
    if kind not in _FLOATS and kind not in _INTEGERS:
        return None
    try:
        array = np.array(values)
    except (ValueError, OverflowError):
        return None
    if array.dtype.kind not in ("f" if kind in _FLOATS and array.dtype.kind == "f" else "i"):
        return None
    if kind in _INTEGERS and kind != DataType.DT_INT64 and array.size and np.abs(array).max() >= 2**31:
        return None
    with np.errstate(over="ignore"):
        return array.astype(NUMPY_DTYPES[kind])


def _tensor_of_value(value: Any, kind: int) -> np.ndarray:
    """Convert a value, a list, or lists of lists, value by value."""
    leaves: list[Any] = []
    shape = _read_value(value, kind, leaves)
    return _array_of_leaves(leaves, shape, kind)


def _read_value(value: Any, kind: int, leaves: list[Any]) -> list[int]:
    """Add the single values of `value` to `leaves`, and return its shape, which its first elements determine."""
    shape: list[int] = []
    first = value
    while isinstance(first, list):
        shape.append(len(first))
        if not first or len(shape) > _MOST_DIMENSIONS:
            break
        first = first[0]
    if len(shape) > _MOST_DIMENSIONS:
        raise invalid_error(f"A tensor has {_MOST_DIMENSIONS} dimensions at most.")
    _collect_leaves(value, 0, shape, kind, leaves)
    return shape


def _array_of_leaves(leaves: list[Any], shape: list[int], kind: int) -> np.ndarray:
    dtype = np.dtype(object) if kind == DataType.DT_STRING else NUMPY_DTYPES.get(kind, np.dtype(object))
    array = np.empty(len(leaves), dtype)
    with np.errstate(over="ignore"):
        array[:] = np.array(leaves, np.int64).astype(dtype) if dtype == np.uint8 else leaves
    return array.reshape(shape)


def _collect_leaves(value: Any, level: int, shape: list[int], kind: int, leaves: list[Any]) -> None:
    if not isinstance(value, list):
        if level != len(shape):
            where = f"found at incorrect level: {level + 1} in the JSON DOM. Expected at level: {len(shape)}"
            raise invalid_error(f"JSON Value: {format_value(value)} {where}")
        leaves.append(_convert_leaf(value, kind))
        return
    if level >= len(shape):
        raise invalid_error(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
    if len(value) != shape[level]:
        found = f"Encountered list at unexpected size: {len(value)} at level: {level}"
        raise invalid_error(f"{found} expected size: {shape[level]}")
    for element in value:
        _collect_leaves(element, level + 1, shape, kind, leaves)


def _convert_leaf(value: Any, kind: int) -> Any:
    """Check a single value against its type, and return it as NumPy takes it."""
    if kind not in _TYPE_NAMES:
        raise RuntimeFailure("UNIMPLEMENTED", f"Conversion of JSON Value: {format_value(value)} to type: {kind}")
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind in _FLOATS:
        fits = number
    elif kind in _INTEGERS:
        bound = 2 ** _INTEGERS[kind]
        fits = isinstance(value, int) and number and -bound <= value < bound
    elif kind == DataType.DT_STRING:
        if isinstance(value, dict):
            return decode_base64(value)
        fits = isinstance(value, str)
    else:
        fits = isinstance(value, bool)
    if not fits:
        found = f"JSON Value: {format_value(value)} Type: {json_type_name(value)}"
        raise invalid_error(f"{found} is not of expected type: {_TYPE_NAMES[kind]}")
    return value.encode(errors="surrogateescape") if isinstance(value, str) else value


def is_base64(value: Any) -> bool:
    """Return whether a value is `{"b64": "..."}` and nothing else."""
    one = isinstance(value, dict) and not isinstance(value, RepeatedKeys)
    return one and list(value) == ["b64"] and isinstance(value["b64"], str)


def decode_base64(value: Mapping[str, Any]) -> bytes:
    """Return the bytes of `{"b64": "..."}`, whose padding may be left out."""
    if not is_base64(value):
        raise invalid_error(f"JSON Value: {format_value(value)} not formatted correctly for base64 data")
    text = value["b64"].rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise invalid_error("Unable to base64 decode") from None


def _is_object(value: Any) -> bool:
    """Return whether a value is an object of named tensors rather than the bytes of a string."""
    return isinstance(value, dict) and not is_base64(value)


def json_type_name(value: Any) -> str:
    """Return the type of a value as error messages of TF Serving name it (`JsonTypeString`)."""
    names = {type(None): "Null", bool: str(value), dict: "Object", list: "Array", str: "String"}
    return names.get(type(value), "Number")


def _format_shape(shape: list[int]) -> str:
    return f"[{','.join(map(str, shape))}]"
