"""`TensorProto` to NumPy and back, within a bound on memory."""

from __future__ import annotations

import math

import numpy as np

from kresnet.export.capi import NUMPY_DTYPES, RuntimeFailure
from kresnet.export.protos import DataType, TensorProto

#: Where a message holds a type's values when they are not packed in `tensor_content`.
_FIELDS = {
    DataType.DT_FLOAT: "float_val",
    DataType.DT_DOUBLE: "double_val",
    DataType.DT_INT32: "int_val",
    DataType.DT_UINT8: "int_val",
    DataType.DT_INT64: "int64_val",
    DataType.DT_BOOL: "bool_val",
    DataType.DT_STRING: "string_val",
}


def array_of_proto(proto: TensorProto, limit: int) -> np.ndarray:
    """Return the values of a message; strings as an array of `object` that holds `bytes`.

    As TensorFlow reads it: values are packed in `tensor_content`, or listed, and the last one listed fills up the rest.

    Args:
        proto: a message from a client, of which nothing is trusted.
        limit: number of bytes that the array may take, since a message of a few bytes may declare a shape of any size.

    Raises:
        RuntimeFailure: INVALID_ARGUMENT, UNIMPLEMENTED for a type that no signature of ours has.
    """
    kind = proto.dtype
    if kind not in _FIELDS:
        name = DataType.Name(kind) if kind in DataType.values() else str(kind)
        raise RuntimeFailure("UNIMPLEMENTED", f"Tensors of type {name} are not taken.")
    dtype = np.dtype(object) if kind == DataType.DT_STRING else NUMPY_DTYPES[kind]
    shape = tuple(dimension.size for dimension in proto.tensor_shape.dim)
    if proto.tensor_shape.unknown_rank or any(size < 0 for size in shape):
        raise RuntimeFailure("INVALID_ARGUMENT", "tensor parsing error: the shape is not fully known")
    count = math.prod(shape)
    if count * dtype.itemsize > limit:
        raise RuntimeFailure("INVALID_ARGUMENT", f"tensor parsing error: shape {list(shape)} is over {limit} bytes")
    if proto.tensor_content:
        if kind == DataType.DT_STRING or len(proto.tensor_content) != count * dtype.itemsize:
            raise RuntimeFailure("INVALID_ARGUMENT", f"tensor parsing error: content is not of shape {list(shape)}")
        return np.frombuffer(proto.tensor_content, dtype).reshape(shape)
    listed = getattr(proto, _FIELDS[kind])
    if len(listed) > count or (count and not listed and kind == DataType.DT_STRING):
        message = f"tensor parsing error: {len(listed)} values for shape {list(shape)}"
        raise RuntimeFailure("INVALID_ARGUMENT", message)
    values = np.empty(count, dtype)
    with np.errstate(over="ignore"):
        values[: len(listed)] = np.array(listed, np.int64).astype(dtype) if dtype == np.uint8 else listed
    values[len(listed) :] = listed[-1] if listed else 0
    return values.reshape(shape)


def proto_of_array(array: np.ndarray) -> TensorProto:
    """Return an output as a message, as TF Serving writes it by default: every value listed."""
    if array.dtype == object:
        kind = DataType.DT_STRING
    else:
        kind = next(code for code, dtype in NUMPY_DTYPES.items() if dtype == array.dtype)
    proto = TensorProto(dtype=kind)
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    getattr(proto, _FIELDS[kind]).extend(array.ravel().tolist())
    return proto
