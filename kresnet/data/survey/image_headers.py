"""What the headers of image files say: sizes, modes, orientations; which of the files are no images."""

from __future__ import annotations

import io
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image

from kresnet.data.unreadable_images import FORMATS, MAX_PIXELS, explain_unreadable

#: Pillow's modes, in words.
_MODES = {
    "1": "black and white",
    "L": "grey",
    "LA": "grey with transparency",
    "P": "palette",
    "PA": "palette with transparency",
    "RGB": "RGB",
    "RGBA": "RGB with transparency",
    "CMYK": "CMYK",
    "YCbCr": "RGB",
    "I": "16-bit grey",  # how older releases open a PNG of 16 bits
    "I;16": "16-bit grey",
    "I;16B": "16-bit grey",
}
#: Modes without colour.
GREY_MODES = frozenset({"black and white", "grey", "grey with transparency", "16-bit grey"})
#: Most different sizes, and names of unreadable files, that are listed.
MOST_LISTED = 10

#: Where the header of a PNG says how many bits a sample has.
_PNG_DEPTH = 24


@dataclass(frozen=True, slots=True)
class ImageHeaders:
    """What the headers of some images say.

    Attributes:
        read: how many images were looked at.
        formats, modes: how many images are of each.
        sizes: how many images are of each width and height.
        orientations: how many images are to be turned, by their EXIF orientation, 2 to 8.
        unreadable: what is wrong with those that are no images, by name.
    """

    read: int = 0
    formats: Mapping[str, int] = field(default_factory=dict)
    modes: Mapping[str, int] = field(default_factory=dict)
    sizes: Mapping[tuple[int, int], int] = field(default_factory=dict)
    orientations: Mapping[int, int] = field(default_factory=dict)
    unreadable: Mapping[str, str] = field(default_factory=dict)

    @property
    def channels(self) -> int:
        """How many channels a network for these images takes: 1 where all are grey."""
        return 1 if self.modes and GREY_MODES.issuperset(self.modes) else 3

    @property
    def only_size(self) -> tuple[int, int] | None:
        """Width and height, where all images have the same."""
        return next(iter(self.sizes)) if len(self.sizes) == 1 else None

    def as_dict(self) -> dict[str, Any]:
        """Return the findings as JSON-ready values, the most frequent first."""
        widths, heights = ([size[axis] for size in self.sizes for _ in range(self.sizes[size])] for axis in (0, 1))
        return {
            "read": self.read,
            "formats": dict(self.formats),
            "modes": dict(self.modes),
            "sizes": [{"width": w, "height": h, "images": n} for (w, h), n in list(self.sizes.items())[:MOST_LISTED]],
            "different_sizes": len(self.sizes),
            "widths": _extent(widths),
            "heights": _extent(heights),
            "orientations": {str(number): count for number, count in self.orientations.items()},
            "unreadable": len(self.unreadable),
            "unreadable_images": dict(list(self.unreadable.items())[:MOST_LISTED]),
        }


def read_headers(images: Iterable[tuple[str, Path | bytes]]) -> ImageHeaders:
    """Read the headers of images; pixels are not decoded, so that damage within them is not seen.

    Args:
        images: name and file, or its contents, of each.
    """
    formats, modes = Counter[str](), Counter[str]()
    sizes, orientations = Counter[tuple[int, int]](), Counter[int]()
    unreadable: dict[str, str] = {}
    count = 0
    for name, image in images:
        count += 1
        try:
            found = _read_header(image)
        except FileNotFoundError:
            unreadable[name] = "there is no such file"
            continue
        except OSError as error:
            unreadable[name] = f"it cannot be read: {error.strerror or error}"
            continue
        if isinstance(found, str):
            unreadable[name] = found
            continue
        formats[found.format] += 1
        modes[found.mode] += 1
        sizes[found.size] += 1
        if found.orientation > 1:
            orientations[found.orientation] += 1
    return ImageHeaders(
        count,
        dict(formats.most_common()),
        dict(modes.most_common()),
        dict(sizes.most_common()),
        dict(orientations.most_common()),
        unreadable,
    )


@dataclass(frozen=True, slots=True)
class _Header:
    format: str
    mode: str
    size: tuple[int, int]
    orientation: int


def _read_header(image: Path | bytes) -> _Header | str:
    """Return what a header says, or why the file is no image that is read."""
    with io.BytesIO(image) if isinstance(image, bytes) else image.open("rb") as stream:
        beginning = stream.read(_PNG_DEPTH + 1)
        stream.seek(0)
        try:
            with warnings.catch_warnings(action="ignore"), Image.open(stream) as opened:
                kind, mode, size = opened.format or "", opened.mode, opened.size
                frames = getattr(opened, "n_frames", 1) if kind == "WEBP" else 1
                orientation = opened.getexif().get(ExifTags.Base.Orientation, 1)
        except Exception:  # Pillow's readers raise whatever the damage made them stumble over
            kind, mode, size, frames, orientation = "", "", (0, 0), 1, 1
        if kind == "MPO":  # a JPEG with further pictures behind it, as telephones write
            kind = "JPEG"
        if kind.upper() not in FORMATS.upper() or not kind or size[0] * size[1] > MAX_PIXELS or frames > 1:
            stream.seek(0)
            return explain_unreadable("it", stream.read()).message.removeprefix("it ").rstrip(".")
    if kind == "PNG" and mode in ("RGB", "RGBA") and beginning[_PNG_DEPTH:] == b"\x10":
        words = f"16-bit {_MODES[mode]}"
    else:
        words = _MODES.get(mode, mode)
    return _Header(kind, words, size, orientation if orientation in range(1, 9) else 1)


def _extent(values: list[int]) -> dict[str, int]:
    """Return the smallest, the middle and the largest of some numbers; nothing of none."""
    if not values:
        return {}
    return {"smallest": min(values), "median": int(np.median(values)), "largest": max(values)}


__all__ = ["GREY_MODES", "ImageHeaders", "read_headers"]
