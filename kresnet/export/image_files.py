"""One image as files of every kind that an exported model decodes, to hold its decoder to evaluation's."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image


def every_kind(image: np.ndarray) -> Iterator[tuple[str, bytes]]:
    """The kind of file in words, and the file: formats, and ways of keeping colours, that decoders trip over.

    Args:
        image: uint8 `(h, w, 3)` or `(h, w, 1)`.
    """
    colour = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).convert("RGB")
    colour = colour.resize((colour.width + colour.width // 2, colour.height + 5))  # to be resized, out of proportion
    grey = colour.convert("L")
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    yield "JPEG", _file(colour, "JPEG", quality=92)
    yield "grey JPEG", _file(grey, "JPEG", quality=92)
    yield "CMYK JPEG", _file(colour.convert("CMYK"), "JPEG", quality=92)
    yield "palette PNG", _file(colour.convert("P"), "PNG")
    yield "transparent PNG", _file(colour.convert("RGBA"), "PNG")
    yield "16-bit PNG", _file(deep, "PNG")
    yield "GIF", _file(colour.convert("P"), "GIF")
    yield "BMP", _file(colour, "BMP")
    yield "palette BMP", _file(grey, "BMP")
    yield "WebP", _file(colour, "WEBP", quality=90)
    yield "lossless WebP", _file(colour, "WEBP", lossless=True)


def _file(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


__all__ = ["every_kind"]
