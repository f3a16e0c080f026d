"""What processing and storing do to an image: contrast, elastic distortion, coarse pixels, JPEG."""

from __future__ import annotations

import io

import numpy as np
from numpy.random import Generator
from PIL import Image
from scipy import ndimage

from kresnet.data.corruptions.corruption import Corruption


def _contrast(image: np.ndarray, kept: float, _: Generator) -> np.ndarray:
    means = image.mean(axis=(0, 1), keepdims=True)
    return means + (image - means) * kept


def _elastic_transform(image: np.ndarray, strength: tuple[float, float, float], generator: Generator) -> np.ndarray:
    """Move three points, and the image with them, at random; then all pixels by a smooth field.

    The strengths are the field's amplitude, its smoothness, and how far the points move, in parts of the shorter side.
    """
    height, width = image.shape[:2]
    side = min(height, width)
    amplitude, smoothness, reach = (part * side for part in strength)
    middle, arm = np.array([height // 2, width // 2], np.float64), side // 3
    corners = middle + np.array([[arm, arm], [-arm, arm], [-arm, -arm]])
    moved = corners + generator.uniform(-reach, reach, corners.shape)
    # The affine map from where the points came to be back to where they were.
    back = np.linalg.solve(np.column_stack([moved, np.ones(3)]), corners)
    rows, columns = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    places = np.stack([rows, columns, np.ones_like(rows)], axis=-1) @ back
    moved_image = _sample(image, places, "mirror")
    field = generator.uniform(-1, 1, (2, height, width))
    smooth = [ndimage.gaussian_filter(each, smoothness, mode="reflect", truncate=3) * amplitude for each in field]
    return _sample(moved_image, np.stack([rows + smooth[0], columns + smooth[1]], axis=-1), "reflect")


def _sample(image: np.ndarray, places: np.ndarray, mode: str) -> np.ndarray:
    """Return an image's values at places `(H, W, 2)` between its pixels, bilinearly."""
    coordinates = np.moveaxis(places, -1, 0)
    channels = [
        ndimage.map_coordinates(channel, coordinates, order=1, mode=mode) for channel in np.moveaxis(image, 2, 0)
    ]
    return np.stack(channels, axis=-1)


def _pixelate(image: np.ndarray, part: float, _: Generator) -> np.ndarray:
    height, width = image.shape[:2]
    small = _as_pillow(image).resize((max(1, int(width * part)), max(1, int(height * part))), Image.Resampling.BOX)
    return _from_pillow(small.resize((width, height), Image.Resampling.BOX))


def _jpeg_compression(image: np.ndarray, quality: int, _: Generator) -> np.ndarray:
    file = io.BytesIO()
    _as_pillow(image).save(file, "JPEG", quality=quality)
    return _from_pillow(Image.open(file))


def _as_pillow(image: np.ndarray) -> Image.Image:
    pixels = np.rint(image * 255).astype(np.uint8)
    return Image.fromarray(pixels if pixels.shape[2] == 3 else pixels[..., 0])


def _from_pillow(image: Image.Image) -> np.ndarray:
    pixels = np.asarray(image, np.float64) / 255
    return pixels if pixels.ndim == 3 else pixels[..., np.newaxis]


#: Kinds of digital corruption, in the paper's order.
DIGITAL = {
    "contrast": Corruption(_contrast, cifar=(0.75, 0.5, 0.4, 0.3, 0.15), imagenet=(0.4, 0.3, 0.2, 0.1, 0.05)),
    "elastic_transform": Corruption(
        _elastic_transform,
        cifar=((0, 0, 0.08), (0.05, 0.2, 0.07), (0.08, 0.06, 0.06), (0.1, 0.04, 0.05), (0.1, 0.03, 0.03)),
        imagenet=tuple(  # stated in multiples of 244 pixels, for images of 224
            tuple(multiple * (244 / 224) for multiple in each)
            for each in ((2, 0.7, 0.1), (2, 0.08, 0.2), (0.05, 0.01, 0.02), (0.07, 0.01, 0.02), (0.12, 0.01, 0.02))
        ),
    ),
    "pixelate": Corruption(_pixelate, cifar=(0.95, 0.9, 0.85, 0.75, 0.65), imagenet=(0.6, 0.5, 0.4, 0.3, 0.25)),
    "jpeg_compression": Corruption(_jpeg_compression, cifar=(80, 65, 58, 50, 40), imagenet=(25, 18, 15, 10, 7)),
}
