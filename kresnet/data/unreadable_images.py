"""Why a file is refused as an image, in plain words and without TensorFlow."""

from __future__ import annotations

import io
import warnings

from PIL import Image

from kresnet.errors import Problem

#: What is read, in words.
FORMATS = "JPEG, PNG, GIF, BMP or WebP"

#: Pixels of the largest image that is decoded. They take 0.4 GB as bytes, which resizing reads without another copy.
#: Photographs of a telephone, up to 108 megapixels (12,000 x 9,000), pass; the rare ones of 200 megapixels do not, and
#: a file of some kilobytes that declares thousands of megapixels does not.
MAX_PIXELS = 2**27


def explain_unreadable(name: str, encoded: bytes) -> Problem:
    """Return why `kresnet.data.images.decode` refuses the bytes of a file, as a problem in plain words."""
    convert = f"convert it to {FORMATS}"
    if not encoded:
        return Problem("image_unreadable", f"{name} is empty.", remedy="replace or remove it")
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(encoded)) as image:
            kind, frames = image.format or "", getattr(image, "n_frames", 1)
            width, height = image.size
    except Image.DecompressionBombError as error:
        return Problem("image_unreadable", f"{name} is larger than any photograph: {error}", remedy="make it smaller")
    except Exception:  # Pillow's readers raise whatever the damage made them stumble over
        return Problem("image_unreadable", f"{name} is not an image that can be read.", remedy=f"give a {FORMATS} file")
    if width * height > MAX_PIXELS:
        message = f"{name} has {width} x {height} pixels; at most {MAX_PIXELS:,} are decoded."
        return Problem("image_unreadable", message, remedy="make it smaller")
    if kind == "WEBP" and frames > 1:
        return Problem("image_unreadable", f"{name} is an animated WebP.", remedy="save one frame of it as an image")
    kind = "JPEG" if kind == "MPO" else kind  # several pictures in a file, of which the first is read
    if kind.upper() not in FORMATS.upper():
        return Problem("image_unreadable", f"{name} is in a format that is not read.", found=kind, remedy=convert)
    return Problem(
        "image_unreadable", f"{name} is damaged, or an unusual kind of {kind}.", remedy=f"replace it, or {convert}"
    )


__all__ = ["FORMATS", "MAX_PIXELS", "explain_unreadable"]
