"""One image as files of every kind that an exported model decodes, to compare its decoder with evaluation's."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image


def encode_every_kind(image: np.ndarray) -> Iterator[tuple[str, bytes]]:
    """Return the kind of file in words, and the file: formats, and ways of keeping colours, that decoders trip over.

    Args:
        image: uint8 `(h, w, 3)` or `(h, w, 1)`.
    """
    colour = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).convert("RGB")
    colour = colour.resize((colour.width + colour.width // 2, colour.height + 5))  # to be resized, out of proportion
    grey = colour.convert("L")
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    yield "JPEG", _encode(colour, "JPEG", quality=92)
    yield "grey JPEG", _encode(grey, "JPEG", quality=92)
    yield "CMYK JPEG", _encode(colour.convert("CMYK"), "JPEG", quality=92)
    yield "palette PNG", _encode(colour.convert("P"), "PNG")
    yield "transparent PNG", _encode(colour.convert("RGBA"), "PNG")
    yield "16-bit PNG", _encode(deep, "PNG")
    yield "GIF", _encode(colour.convert("P"), "GIF")
    yield "BMP", _encode(colour, "BMP")
    yield "palette BMP", _encode(grey, "BMP")
    yield "WebP", _encode(colour, "WEBP", quality=90)
    yield "lossless WebP", _encode(colour, "WEBP", lossless=True)


def _encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


__all__ = ["encode_every_kind"]
