"""Makes an image file smaller: fewer pixels, and fewer bytes, or the file stays as it is."""

from __future__ import annotations

import io
import warnings

from PIL import Image, ImageOps

from kresnet.data.unreadable_images import MAX_PIXELS

#: What a file of each kind becomes. What is stored without loss stays so.
_BECOMES = {"JPEG": "JPEG", "MPO": "JPEG", "PNG": "PNG", "BMP": "PNG"}
#: Pillow's modes of 8 bits a sample without transparency. Others are read by rules of their own, and left as they are.
_PLAIN_MODES = ("L", "RGB")
#: Where the header of a PNG says how many bits a sample has, which Pillow does not tell of colours.
_PNG_DEPTH = 24


def shrink_image(encoded: bytes, shorter_side: int, quality: int) -> bytes:
    """Return an image file with a shorter side of at most `shorter_side` pixels, or the same bytes.

    The same bytes: of an image that is no larger, of one whose smaller version takes as many bytes, and of transparent,
    animated, CMYK and 16-bit images, which are read by rules of their own. A photograph that lies on its side is turned
    upright, and nothing of EXIF is kept; pixels are not converted to another colour space.

    Args:
        encoded: the contents of an image file.
        shorter_side: in pixels.
        quality: of JPEG, 1 to 100.
    """
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(encoded)) as image:
            becomes = _BECOMES.get(image.format or "")
            deep = image.format == "PNG" and encoded[_PNG_DEPTH : _PNG_DEPTH + 1] == b"\x10"
            plain = image.mode in _PLAIN_MODES and "transparency" not in image.info and not deep
            if not becomes or not plain or min(image.size) <= shorter_side or image.width * image.height > MAX_PIXELS:
                return encoded
            scale = shorter_side / min(image.size)
            width, height = (max(1, round(side * scale)) for side in image.size)
            if image.format == "JPEG":  # decodes at 1/2, 1/4 or 1/8 where twice the pixels that are needed are left
                image.draft(image.mode, (2 * width, 2 * height))
            smaller = image.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=3.0)
            smaller.info = {}
            smaller.getexif().update(image.getexif())
            upright = ImageOps.exif_transpose(smaller)
            written = io.BytesIO()
            upright.save(written, becomes, exif=b"", **({"quality": quality} if becomes == "JPEG" else {}))
    except Exception:  # what Pillow stumbles over and TensorFlow reads stays as it is
        return encoded
    found = written.getvalue()
    return found if len(found) < len(encoded) else encoded


__all__ = ["shrink_image"]
