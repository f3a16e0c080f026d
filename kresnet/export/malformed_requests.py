"""Requests that a server must refuse with INVALID_ARGUMENT, and survive."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image

from kresnet.export.request_inputs import serialize_example, string_tensor
from kresnet.export.signature_contract import Shape, Signature

_MalformedInput = tuple[str, np.ndarray]


def malformed_requests(name: str, signature: Signature, row: np.ndarray, encoded: bytes) -> Iterator[_MalformedInput]:
    """Return malformed requests for a signature: what is wrong, in words, and the request's only input.

    Args:
        name: name of the signature that the requests are for.
        signature: the signature, which has one input.
        row: a row that is well formed, `(H, W, C)` or `(D,)`.
        encoded: the same row as a PNG file; empty where there is none.
    """
    _, tensor = signature.input
    if tensor.dtype != "string":
        yield from _malformed_tensors(row.astype(np.float32)[np.newaxis], tensor.shape)
        return
    right = encoded if name == "image_bytes" else serialize_example(encoded or row)
    yield from _malformed_strings(right)
    if name == "image_bytes":
        yield from ((wrong, string_tensor(*files)) for wrong, files in _malformed_images(encoded))
    else:
        yield from _malformed_examples(row, encoded)


def _malformed_tensors(batch: np.ndarray, shape: Shape) -> Iterator[_MalformedInput]:
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
    yield "a string for float32", string_tensor(b"0")


def _malformed_strings(right: bytes) -> Iterator[_MalformedInput]:
    yield "a scalar", string_tensor(right).reshape(())
    yield "a dimension too many", string_tensor(right).reshape(1, 1)
    yield "an empty batch", string_tensor()
    yield "float32 for a string", np.zeros(1, np.float32)


def _malformed_images(encoded: bytes) -> Iterator[tuple[str, tuple[bytes, ...]]]:
    yield "bytes of no image", (b"this is not an image",)
    yield "empty bytes", (b"",)
    yield "a truncated image", (encoded[: len(encoded) // 2],)
    yield "one bad image of two", (encoded, b"\x89PNG\r\n\x1a\n")
    yield "a small file of a huge image", (huge_png(),)
    yield "an animated WebP", (_animated_webp(),)


def _malformed_examples(row: np.ndarray, encoded: bytes) -> Iterator[_MalformedInput]:
    yield "bytes of no tf.Example", string_tensor(b"this is no example")
    yield "a tf.Example without features", string_tensor(b"")
    yield (
        "a tf.Example of other features",
        string_tensor(serialize_example(row.reshape(-1)[:1].astype(np.float32) if encoded else b"bytes")),
    )
    if encoded:
        yield from (
            (f"{wrong} in a tf.Example", string_tensor(*map(serialize_example, files)))
            for wrong, files in _malformed_images(encoded)
        )
    else:
        yield "a vector too long", string_tensor(serialize_example(np.append(row, row)))


def _animated_webp() -> bytes:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "green")]
    buffer = io.BytesIO()
    frames[0].save(buffer, "WEBP", save_all=True, append_images=frames[1:])
    return buffer.getvalue()


def huge_png(side: int = 60_000) -> bytes:
    """Return a PNG file of a few bytes that declares `side` x `side` pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


__all__ = ["huge_png", "malformed_requests"]
