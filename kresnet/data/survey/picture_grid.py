"""Some images of each class on one picture."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from kresnet.data.survey.data_survey import Picture

#: Height and width of one image, and of what is between two of them.
_SIDE, _GAP = 96, 6
_NAME_HEIGHT = 18
_BACKGROUND, _TEXT, _UNREADABLE = "white", "black", "#d0d0d0"


def draw_grid(pictures: Mapping[str, Sequence[Picture]]) -> Image.Image:
    """Draw a row for each class, its name above its images; what cannot be read is a grey square.

    Args:
        pictures: of each class, some images.

    Returns:
        An RGB image.
    """
    columns = max((len(images) for images in pictures.values()), default=1)
    step, row_height = _SIDE + _GAP, _SIDE + _GAP + _NAME_HEIGHT
    size = (_GAP + max(columns, 4) * step, _GAP + max(len(pictures), 1) * row_height)
    grid = Image.new("RGB", size, _BACKGROUND)
    draw, font = ImageDraw.Draw(grid), ImageFont.load_default(12)
    for row, (name, images) in enumerate(pictures.items()):
        top = _GAP + row * row_height
        draw.text((_GAP, top), _shortened(name, draw, font, size[0] - 2 * _GAP), _TEXT, font)
        for column, image in enumerate(images):
            small = _thumbnail(image)
            x = _GAP + column * step + (_SIDE - small.width) // 2
            grid.paste(small, (x, top + _NAME_HEIGHT + (_SIDE - small.height) // 2))
    return grid


def _thumbnail(picture: Picture) -> Image.Image:
    """Return an image in RGB and at most `_SIDE` high and wide; a small one is enlarged without smoothing."""
    try:
        with warnings.catch_warnings(action="ignore"):
            image = _open(picture)
            image.draft("RGB", (_SIDE, _SIDE))
            image = image.convert("RGB")
    except Exception:  # Pillow's readers raise whatever the damage made them stumble over
        return Image.new("RGB", (_SIDE, _SIDE), _UNREADABLE)
    scale = _SIDE / max(image.size)
    size = (max(round(image.width * scale), 1), max(round(image.height * scale), 1))
    return image.resize(size, Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BILINEAR)


def _open(picture: Picture) -> Image.Image:
    if isinstance(picture, np.ndarray):
        return Image.fromarray(picture[..., 0] if picture.shape[-1] != 3 else picture)
    return Image.open(io.BytesIO(picture) if isinstance(picture, bytes) else Path(picture))


def _shortened(
    name: str, draw: ImageDraw.ImageDraw, font: ImageFont.ImageFont | ImageFont.FreeTypeFont, width: int
) -> str:
    """Return a name that is not wider than `width`, in characters that the font has."""
    text = "".join(each if each.isprintable() else "?" for each in name)
    while len(text) > 1 and draw.textlength(text, font) > width:
        text = text[:-4] + "..." if len(text) > 4 else text[:1]
    return text


__all__ = ["draw_grid"]
