"""Blurs of lenses, glass and movement."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from scipy import ndimage

from kresnet.data.corruptions.corruption import Corruption


def _defocus_blur(image: np.ndarray, strength: tuple[float, float], _: Generator) -> np.ndarray:
    """Spread each pixel over a disk, whose edge is smoothed by a Gaussian."""
    radius, smoothing = strength
    reach = max(8, int(radius))
    along = np.arange(-reach, reach + 1)
    kernel = (along[:, np.newaxis] ** 2 + along**2 <= radius**2).astype(np.float64)
    edge = np.exp(-0.5 * (np.arange(-2, 3) / smoothing) ** 2)
    edge = edge[1:-1] if radius <= 8 else edge
    for axis in (0, 1):
        kernel = ndimage.correlate1d(kernel, edge / edge.sum(), axis=axis, mode="mirror")
    return ndimage.correlate(image, (kernel / kernel.sum())[..., np.newaxis], mode="mirror")


def _glass_blur(image: np.ndarray, strength: tuple[float, int, int], generator: Generator) -> np.ndarray:
    """Exchange pixels with others nearby, between two Gaussian blurs."""
    deviation, reach, rounds = strength
    blurred = ndimage.gaussian_filter(image, (deviation, deviation, 0), mode="nearest")
    height, width, channels = image.shape
    places = list(range(height * width))
    rows, columns = range(height - reach, reach, -1), range(width - reach, reach, -1)
    for _ in range(rounds):
        shifts = iter((generator.integers(-reach, reach, (len(rows) * len(columns), 2)) @ (width, 1)).tolist())
        for row in rows:
            for column in columns:
                here = row * width + column
                there = here + next(shifts)
                places[here], places[there] = places[there], places[here]
    shuffled = blurred.reshape(-1, channels)[places].reshape(image.shape)
    return ndimage.gaussian_filter(shuffled, (deviation, deviation, 0), mode="nearest")


def _motion_blur(image: np.ndarray, strength: tuple[float, float], generator: Generator) -> np.ndarray:
    return blur_along(image, *strength, generator.uniform(-45, 45))


def blur_along(image: np.ndarray, radius: float, deviation: float, degrees: float) -> np.ndarray:
    """Return the mean of an image and of copies shifted along a line, weighed by half a Gaussian, as ImageMagick's.

    Args:
        image: float `(H, W, C)`.
        radius: the line is 2 radius + 1 pixels long.
        deviation: of the Gaussian, in pixels.
        degrees: direction of the line.
    """
    length = 2 * int(radius) + 1
    weights = np.exp(-0.5 * (np.arange(length) / deviation) ** 2)
    angle = np.deg2rad(degrees)
    steps = np.ceil(np.outer(np.arange(length), (np.sin(angle), np.cos(angle))) - 0.5).astype(int)
    margin = length
    padded = np.pad(image, ((margin, margin), (margin, margin), (0, 0)), mode="edge")
    height, width = image.shape[:2]
    total = np.zeros_like(image)
    for weight, (down, right) in zip(weights / weights.sum(), steps, strict=True):
        total += weight * padded[margin + down : margin + down + height, margin + right : margin + right + width]
    return total


def _zoom_blur(image: np.ndarray, strength: tuple[float, float], _: Generator) -> np.ndarray:
    """Return the mean of an image and of its centre brought nearer by more and more."""
    factors = np.arange(1, *strength)
    return (image + sum(enlarge_centre(image, factor) for factor in factors)) / (len(factors) + 1)


def enlarge_centre(image: np.ndarray, factor: float) -> np.ndarray:
    """Return the centre of an image, enlarged by a factor to the image's size, bilinearly."""
    size = np.array(image.shape[:2])
    parts = np.ceil(size / factor).astype(int)
    top, left = (size - parts) // 2
    larger = ndimage.zoom(image[top : top + parts[0], left : left + parts[1]], (factor, factor, 1), order=1)
    top, left = np.maximum(np.array(larger.shape[:2]) - size, 0) // 2
    cut = larger[top : top + size[0], left : left + size[1]]
    missing = [(0, max(0, wanted - there)) for wanted, there in zip(size, cut.shape, strict=False)]
    return np.pad(cut, (*missing, (0, 0)), mode="edge")


#: Kinds of blur, in the paper's order.
BLUR = {
    "defocus_blur": Corruption(
        _defocus_blur,
        cifar=((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)),
        imagenet=((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)),
    ),
    "glass_blur": Corruption(
        _glass_blur,
        cifar=((0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2)),
        imagenet=((0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2)),
    ),
    "motion_blur": Corruption(
        _motion_blur,
        cifar=((6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5)),
        imagenet=((10, 3), (15, 5), (15, 8), (15, 12), (20, 15)),
    ),
    "zoom_blur": Corruption(
        _zoom_blur,
        cifar=((1.06, 0.01), (1.11, 0.01), (1.16, 0.01), (1.21, 0.01), (1.26, 0.01)),
        imagenet=((1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03)),
    ),
}
