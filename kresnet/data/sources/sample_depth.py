"""Looks whether 16-bit images use the range of their samples, of which a network sees 256 levels."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from kresnet.data.splits import Split
from kresnet.spec.inputs import SIXTEEN_BITS

#: How many images are looked at, spread evenly over the split.
MAX_IMAGES = 64
#: A range whose upper part is not used is told where less than this share of it is.
_LEAST_SHARE = 0.5


def sample_depth_remark(split: Split) -> str:
    """Return a sentence with the setting to try where 16-bit images fill a small part of the range; else nothing."""
    if not split.input.is_image or split.input.sample_range != SIXTEEN_BITS or not len(split):
        return ""
    places = np.unique(np.linspace(0, len(split) - 1, MAX_IMAGES).astype(int))
    peaks = {int(place): peak for place in places if (peak := _peak(split.encoded(int(place)))) is not None}
    if not peaks or max(peaks.values()) >= _LEAST_SHARE * SIXTEEN_BITS[1]:
        return ""
    place, peak = max(peaks.items(), key=lambda item: item[1])
    high = 2 ** max(peak.bit_length(), 1) - 1
    return (
        f"The samples of 16-bit images, such as {split.example_name(place)}, go up to {peak:,} of {SIXTEEN_BITS[1]:,} "
        f"({len(peaks):,} images looked at), so that {peak // 256 + 1} of 256 levels are used: "
        f"--set 'input.sample_range=[0, {high}]' spreads them."
    )


def _peak(encoded: bytes | None) -> int | None:
    """Return the highest sample of a 16-bit PNG; None for any other file."""
    if not encoded or not encoded.startswith(b"\x89PNG") or encoded[24:25] != b"\x10":
        return None
    try:
        with Image.open(io.BytesIO(encoded)) as image:
            # Pillow reads colours of 16 bits as bytes, their high ones.
            return int(np.asarray(image).max()) if image.mode.startswith("I") else 257 * int(np.asarray(image).max())
    except Exception:  # what is damaged is told when it is trained on
        return None
