"""How training images are changed at random."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from kresnet.spec.base import Document, Flag


class Augment(Document):
    """Random changes of training images; evaluation images are never changed."""

    crop_padding: Annotated[int, Field(strict=True, ge=0, le=64)] = 0
    """Pad by this many black pixels a side, then cut at random (He et al. 2015, section 4.2, uses 4)."""
    flip: Flag = False
    """Mirror half of the images left to right."""
