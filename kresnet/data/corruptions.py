"""Common corruptions of images, to measure how a network bears them: Hendrycks and Dietterich 2019 (arXiv:1903.12261).

Fourteen of the paper's fifteen kinds (section 3.1 and appendix B), at five severities. Frost is left out: it overlays
photographs of frosted glass that come without a licence. The strengths are those of the authors' published scripts,
github.com/hendrycks/robustness, `ImageNet-C/create_c/`: of `make_cifar_c.py` for images whose shorter side is at most
`SMALL` pixels, of `make_imagenet_c.py` for larger ones. Where these scripts state a length in pixels of 32 or 224, it
grows with the image. Pixels of glass blur are exchanged, as the paper says; the scripts copy them.

Everything is drawn from the place of an image in its split, the kind and the severity, so that an image is corrupted
the same way whenever it is asked for.
"""

from __future__ import annotations

import io
import os
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image
from scipy import ndimage

from kresnet.errors import make_error, nearest

#: Kinds of corruption by family, in the paper's order.
FAMILIES: dict[str, tuple[str, ...]] = {
    "noise": ("gaussian_noise", "shot_noise", "impulse_noise"),
    "blur": ("defocus_blur", "glass_blur", "motion_blur", "zoom_blur"),
    "weather": ("snow", "fog", "brightness"),
    "digital": ("contrast", "elastic_transform", "pixelate", "jpeg_compression"),
}
KINDS = tuple(kind for kinds in FAMILIES.values() for kind in kinds)
SEVERITIES = (1, 2, 3, 4, 5)

#: Longest shorter side, in pixels, of images that are corrupted as those of CIFAR; those of ImageNet have 224.
SMALL = 64

#: Side of the images that the lengths in pixels are meant for which a script states.
_IMAGENET_SIDE = 224

Generator = np.random.Generator


def parse_corruptions(text: str) -> dict[str, tuple[int, ...]]:
    """Return kinds of corruption and their severities, in the paper's order.

    Args:
        text: `all`, families, or kinds, separated by commas, each with one severity where not all five are meant:
            `noise,fog:3`.

    Raises:
        KresnetError: `bad_option`.
    """
    found: dict[str, set[int]] = {}
    for part in text.split(","):
        name, colon, severity = part.strip().partition(":")
        kinds = KINDS if name == "all" else FAMILIES.get(name, (name,) if name in KINDS else ())
        if not kinds:
            names = ["all", *FAMILIES, *KINDS]
            message = (
                f"There is no corruption {name}." if name != "frost" else "Frost needs photographs that are not here."
            )
            raise make_error("bad_option", message, path="--corrupt", expected=", ".join(names), found=name,
                             nearest=nearest(name, names))  # fmt: skip
        if colon and severity not in map(str, SEVERITIES):
            message = f"{severity or 'Nothing'} is no severity of a corruption."
            raise make_error("bad_option", message, path="--corrupt", expected=f"{name}:1 to {name}:5", found=part)
        for kind in kinds:
            found.setdefault(kind, set()).update([int(severity)] if colon else SEVERITIES)
    return {kind: tuple(sorted(found[kind])) for kind in KINDS if kind in found}


def corrupt_images(images: np.ndarray, kind: str, severity: int, positions: Sequence[int] | np.ndarray) -> np.ndarray:
    """Return corrupted copies of images.

    Args:
        images: uint8 `(N, H, W, C)`, grey or RGB.
        kind: one of `KINDS`.
        severity: from 1 to 5.
        positions: integers `(N,)`, the images' places in their split, by which is drawn what is random.
    """
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        corrupted = threads.map(
            lambda image, position: corrupt(image, kind, severity, int(position)), images, positions
        )
        return np.stack(list(corrupted))


def corrupt(image: np.ndarray, kind: str, severity: int, position: int) -> np.ndarray:
    """Return a corrupted copy of one image, uint8 `(H, W, C)`; see `corrupt_images`."""
    function, cifar, imagenet = _CORRUPTIONS[kind]
    strengths = cifar if min(image.shape[:2]) <= SMALL else imagenet
    key = np.array([position, zlib.crc32(f"{kind} {severity}".encode())], np.uint64)
    generator = np.random.Generator(np.random.Philox(key=key))
    result = function(image.astype(np.float64) / 255, strengths[severity - 1], generator)
    return (np.clip(result, 0, 1) * 255).astype(np.uint8)


def _gaussian_noise(image: np.ndarray, deviation: float, generator: Generator) -> np.ndarray:
    return image + generator.normal(0, deviation, image.shape)


def _shot_noise(image: np.ndarray, photons: float, generator: Generator) -> np.ndarray:
    return generator.poisson(image * photons) / photons


def _impulse_noise(image: np.ndarray, amount: float, generator: Generator) -> np.ndarray:
    """Set a part of all values to 0 or 1."""
    struck = generator.random(image.shape) < amount
    return np.where(struck, generator.integers(0, 2, image.shape), image)


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
    return _blur_along(image, *strength, generator.uniform(-45, 45))


def _blur_along(image: np.ndarray, radius: float, deviation: float, degrees: float) -> np.ndarray:
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
    return (image + sum(_zoom(image, factor) for factor in factors)) / (len(factors) + 1)


def _zoom(image: np.ndarray, factor: float) -> np.ndarray:
    """Return the centre of an image, enlarged by a factor to the image's size, bilinearly."""
    size = np.array(image.shape[:2])
    parts = np.ceil(size / factor).astype(int)
    top, left = (size - parts) // 2
    larger = ndimage.zoom(image[top : top + parts[0], left : left + parts[1]], (factor, factor, 1), order=1)
    top, left = np.maximum(np.array(larger.shape[:2]) - size, 0) // 2
    cut = larger[top : top + size[0], left : left + size[1]]
    missing = [(0, max(0, wanted - there)) for wanted, there in zip(size, cut.shape, strict=False)]
    return np.pad(cut, (*missing, (0, 0)), mode="edge")


def _snow(image: np.ndarray, strength: tuple[float, ...], generator: Generator) -> np.ndarray:
    """Whiten an image and add flakes, which are blurred along their fall, and the same again upside down."""
    mean, deviation, zoom, least, radius, blur, kept = strength
    height, width = image.shape[:2]
    flakes = _zoom(generator.normal(mean, deviation, (height, width, 1)), zoom)
    flakes = np.where(flakes < least, 0, flakes).clip(0, 1)
    flakes = _blur_along(flakes, radius, blur, generator.uniform(-135, -45))
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


def _parts(*strengths: tuple[float, float, float], pixels: float = 1.0) -> tuple[tuple[float, ...], ...]:
    """Return strengths, stated in multiples of some pixels, in parts of the image's side."""
    return tuple(tuple(value * pixels for value in each) for each in strengths)


#: Function of each kind, and its strengths for images of CIFAR's and of ImageNet's size, by severity.
_CORRUPTIONS: dict[str, tuple[Callable[..., np.ndarray], Sequence, Sequence]] = {
    "gaussian_noise": (_gaussian_noise, (0.04, 0.06, 0.08, 0.09, 0.10), (0.08, 0.12, 0.18, 0.26, 0.38)),
    "shot_noise": (_shot_noise, (500, 250, 100, 75, 50), (60, 25, 12, 5, 3)),
    "impulse_noise": (_impulse_noise, (0.01, 0.02, 0.03, 0.05, 0.07), (0.03, 0.06, 0.09, 0.17, 0.27)),
    "defocus_blur": (
        _defocus_blur,
        ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)),
        ((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)),
    ),
    "glass_blur": (
        _glass_blur,
        ((0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2)),
        ((0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2)),
    ),
    "motion_blur": (
        _motion_blur,
        ((6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5)),
        ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15)),
    ),
    "zoom_blur": (
        _zoom_blur,
        ((1.06, 0.01), (1.11, 0.01), (1.16, 0.01), (1.21, 0.01), (1.26, 0.01)),
        ((1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03)),
    ),
    "snow": (
        _snow,
        (
            (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
            (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
            (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
            (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
            (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
        ),
        (
            (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
            (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
            (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
            (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
            (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
        ),
    ),
    "fog": (
        _fog,
        ((0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)),
        ((1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4)),
    ),
    "brightness": (_brightness, (0.05, 0.1, 0.15, 0.2, 0.3), (0.1, 0.2, 0.3, 0.4, 0.5)),
    "contrast": (_contrast, (0.75, 0.5, 0.4, 0.3, 0.15), (0.4, 0.3, 0.2, 0.1, 0.05)),
    "elastic_transform": (
        _elastic_transform,
        ((0, 0, 0.08), (0.05, 0.2, 0.07), (0.08, 0.06, 0.06), (0.1, 0.04, 0.05), (0.1, 0.03, 0.03)),
        # in multiples of 244 pixels, for images of 224
        _parts(
            (2, 0.7, 0.1),
            (2, 0.08, 0.2),
            (0.05, 0.01, 0.02),
            (0.07, 0.01, 0.02),
            (0.12, 0.01, 0.02),
            pixels=244 / _IMAGENET_SIDE,
        ),
    ),
    "pixelate": (_pixelate, (0.95, 0.9, 0.85, 0.75, 0.65), (0.6, 0.5, 0.4, 0.3, 0.25)),
    "jpeg_compression": (_jpeg_compression, (80, 65, 58, 50, 40), (25, 18, 15, 10, 7)),
}

__all__ = [
    "FAMILIES",
    "KINDS",
    "SEVERITIES",
    "SMALL",
    "corrupt",
    "corrupt_images",
    "parse_corruptions",
    "plasma_fractal",
]
