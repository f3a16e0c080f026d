"""Requests that a server must refuse with INVALID_ARGUMENT, and survive."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kresnet.export.contract import Signature

_Request = tuple[str, np.ndarray]


def requests(signature: Signature, row: np.ndarray, encoded: bytes) -> Iterator[_Request]:
    """What is wrong in words, and the request's only input.

    Args:
        signature: the signature that the requests are for; one input.
        row: a right row, `(H, W, C)` or `(D,)`.
        encoded: the same row as a PNG file; empty where there is none.
    """
    [tensor] = signature.inputs.values()
    if tensor.dtype == "string":
        return _encoded(encoded)
    return _tensor(row.astype(np.float32)[np.newaxis], tensor.shape)


def _tensor(batch: np.ndarray, shape: tuple[int | None, ...]) -> Iterator[_Request]:
    yield "no batch dimension", batch[0]
    yield "a dimension too many", batch[np.newaxis]
    yield "a scalar", np.zeros((), np.float32)
    yield "an empty batch", batch[:0]
    names = ("height", "width", "channels") if batch.ndim == 4 else ("length",)
    for axis, name in enumerate(names, start=1):
        yield f"{name} zero", np.take(batch, [], axis)
        if shape[axis] is not None:
            yield f"{name} too large", np.concatenate([batch, np.take(batch, [0], axis)], axis)
    yield "uint8 for float32", batch.astype(np.uint8)
    yield "float64 for float32", batch.astype(np.float64)
    yield "a string for float32", _strings(b"0")


def _encoded(encoded: bytes) -> Iterator[_Request]:
    yield "bytes of no image", _strings(b"this is not an image")
    yield "empty bytes", _strings(b"")
    yield "a truncated image", _strings(encoded[: len(encoded) // 2])
    yield "one bad image of two", _strings(encoded, b"\x89PNG\r\n\x1a\n")
    yield "no batch dimension", _strings(encoded).reshape(())
    yield "a dimension too many", _strings(encoded).reshape(1, 1)
    yield "an empty batch", _strings()
    yield "float32 for a string", np.zeros(1, np.float32)


def _strings(*values: bytes) -> np.ndarray:
    return np.array(values, object)
