"""Requests that a server must refuse with INVALID_ARGUMENT, and survive."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image

from kresnet.export.contract import Shape, Signature
from kresnet.export.requests import example, strings

_Request = tuple[str, np.ndarray]


def requests(name: str, signature: Signature, row: np.ndarray, encoded: bytes) -> Iterator[_Request]:
    """What is wrong in words, and the request's only input.

    Args:
        name: of the signature that the requests are for.
        signature: its inputs; it has one.
        row: a right row, `(H, W, C)` or `(D,)`.
        encoded: the same row as a PNG file; empty where there is none.
    """
    _, tensor = signature.input
    if tensor.dtype != "string":
        yield from _tensor(row.astype(np.float32)[np.newaxis], tensor.shape)
        return
    right = encoded if name == "image_bytes" else example(encoded or row)
    yield from _strings(right)
    if name == "image_bytes":
        yield from ((wrong, strings(*files)) for wrong, files in _images(encoded))
    else:
        yield from _examples(row, encoded)


def _tensor(batch: np.ndarray, shape: Shape) -> Iterator[_Request]:
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
    yield "a string for float32", strings(b"0")


def _strings(right: bytes) -> Iterator[_Request]:
    yield "a scalar", strings(right).reshape(())
    yield "a dimension too many", strings(right).reshape(1, 1)
    yield "an empty batch", strings()
    yield "float32 for a string", np.zeros(1, np.float32)


def _images(encoded: bytes) -> Iterator[tuple[str, tuple[bytes, ...]]]:
    yield "bytes of no image", (b"this is not an image",)
    yield "empty bytes", (b"",)
    yield "a truncated image", (encoded[: len(encoded) // 2],)
    yield "one bad image of two", (encoded, b"\x89PNG\r\n\x1a\n")
    yield "a small file of a huge image", (huge_png(),)
    yield "an animated WebP", (_animated_webp(),)


def _examples(row: np.ndarray, encoded: bytes) -> Iterator[_Request]:
    yield "bytes of no tf.Example", strings(b"this is no example")
    yield "a tf.Example without features", strings(b"")
    yield (
        "a tf.Example of other features",
        strings(example(row.reshape(-1)[:1].astype(np.float32) if encoded else b"bytes")),
    )
    if encoded:
        yield from ((f"{wrong} in a tf.Example", strings(*map(example, files))) for wrong, files in _images(encoded))
    else:
        yield "a vector too long", strings(example(np.append(row, row)))


def _animated_webp() -> bytes:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "green")]
    buffer = io.BytesIO()
    frames[0].save(buffer, "WEBP", save_all=True, append_images=frames[1:])
    return buffer.getvalue()


def huge_png(side: int = 60_000) -> bytes:
    """A PNG file of a few bytes that declares `side` x `side` pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


__all__ = ["huge_png", "requests"]
