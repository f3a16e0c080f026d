"""Snow, fog and bright light."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from kresnet.data.corruptions.blur import blur_along, enlarge_centre
from kresnet.data.corruptions.corruption import Corruption


def _snow(image: np.ndarray, strength: tuple[float, ...], generator: Generator) -> np.ndarray:
    """Whiten an image and add flakes, which are blurred along their fall, and the same again upside down."""
    mean, deviation, zoom, least, radius, blur, kept = strength
    height, width = image.shape[:2]
    flakes = enlarge_centre(generator.normal(mean, deviation, (height, width, 1)), zoom)
    flakes = np.where(flakes < least, 0, flakes).clip(0, 1)
    flakes = blur_along(flakes, radius, blur, generator.uniform(-135, -45))
    grey = image if image.shape[2] == 1 else image @ np.array([[0.299], [0.587], [0.114]])
    whitened = kept * image + (1 - kept) * np.maximum(image, grey * 1.5 + 0.5)
    return whitened + flakes + flakes[::-1, ::-1]


def _fog(image: np.ndarray, strength: tuple[float, float], generator: Generator) -> np.ndarray:
    """Add a height map and make the image paler by as much."""
    amount, decay = strength
    height, width = image.shape[:2]
    most = image.max()
    haze = plasma_fractal(1 << (max(height, width) - 1).bit_length(), decay, generator)[:height, :width, np.newaxis]
    return (image + amount * haze) * most / (most + amount) if most else image


def plasma_fractal(size: int, decay: float, generator: Generator) -> np.ndarray:
    """Return a random height map between 0 and 1, float64 `(size, size)`, by the diamond-square algorithm.

    The map is a torus: beyond each edge lies the opposite one.

    Args:
        size: a power of two.
        decay: factor by which the random part becomes smaller whenever the grid becomes finer.
        generator: draws the random part.
    """
    heights = np.zeros((size, size))
    step, roughness = size, 100.0

    def displaced(sums: np.ndarray) -> np.ndarray:
        """Return means of four, each moved at random."""
        return sums / 4 + roughness * generator.uniform(-roughness, roughness, sums.shape)

    while step >= 2:
        half = step // 2
        corners = heights[::step, ::step]
        rows = corners + np.roll(corners, -1, axis=0)
        heights[half::step, half::step] = displaced(rows + np.roll(rows, -1, axis=1))
        centres = heights[half::step, half::step]
        beside = centres + np.roll(centres, 1, axis=0) + corners + np.roll(corners, -1, axis=1)
        heights[::step, half::step] = displaced(beside)
        above = centres + np.roll(centres, 1, axis=1) + corners + np.roll(corners, -1, axis=0)
        heights[half::step, ::step] = displaced(above)
        step, roughness = half, roughness / decay
    heights -= heights.min()
    return heights / heights.max()


def _brightness(image: np.ndarray, amount: float, _: Generator) -> np.ndarray:
    """Raise the value of hue, saturation and value: all channels by the factor that the largest one grows by."""
    value = image.max(axis=2, keepdims=True)
    raised = np.minimum(value + amount, 1)
    return np.where(value > 0, image * raised / np.where(value > 0, value, 1), raised)


#: Kinds of weather, in the paper's order.
WEATHER = {
    "snow": Corruption(
        _snow,
        cifar=(
            (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
            (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
            (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
            (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
            (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
        ),
        imagenet=(
            (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
            (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
            (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
            (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
            (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
        ),
    ),
    "fog": Corruption(
        _fog,
        cifar=((0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)),
        imagenet=((1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4)),
    ),
    "brightness": Corruption(_brightness, cifar=(0.05, 0.1, 0.15, 0.2, 0.3), imagenet=(0.1, 0.2, 0.3, 0.4, 0.5)),
}
