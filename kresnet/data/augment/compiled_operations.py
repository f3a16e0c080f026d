"""The operations of `kresnet.data.augment.operations` on one image, in place, compiled by Numba: the same bytes."""

from __future__ import annotations

from typing import Any

import numpy as np

from kresnet.data.compiling import ROUNDS, compiled
from kresnet.data.decoding import GREY_WEIGHTS

f = np.float32
_RED, _GREEN, _BLUE = (np.uint32(weight) for weight in GREY_WEIGHTS)
_HALF, _SIXTEEN = np.uint32(0x8000), np.uint32(16)

#: What RandAugment does to an image in a round, and `operations.TABLES`, by their numbers.
_MOVE, _TABLE, _SATURATION, _CONTRAST, _BRIGHTNESS, _SHARPNESS = 1, 2, 3, 4, 5, 6
_AUTOCONTRAST, _EQUALIZE, _INVERT, _SOLARIZE, _SOLARIZE_ADD = 0, 1, 2, 3, 4


@compiled
def rand_augment(
    images: Any, groups: Any, tables: Any, arguments: Any, transforms: Any, fill: Any, smooth: bool
) -> None:
    """See `kresnet.data.augment.rand_augment.RandAugmentTransform.apply`; images, uint8 (B, H, W, C), are changed."""
    before = np.empty(images.shape[1:], np.uint8)
    for index in range(len(images)):
        image = images[index]
        for step in range(groups.shape[1]):
            group, argument = groups[index, step], arguments[index, step]
            if group == _MOVE:
                _move(image, before, transforms[index, step], fill, smooth)
            elif group == _TABLE:
                _look_up(image, tables[index, step], argument)
            elif group == _SATURATION:
                saturation(image, argument)
            elif group == _CONTRAST:
                contrast(image, argument)
            elif group == _BRIGHTNESS:
                brightness(image, argument)
            elif group == _SHARPNESS:
                _sharpness(image, before, argument)


@compiled
def _blended(base: Any, byte: Any, factor: Any) -> Any:
    """Return `base + factor · (byte - base)`, clipped, its fraction dropped."""
    return np.uint8(min(max(base + factor * (f(byte) - base), f(0.0)), f(255.0)))


@compiled
def _luma(red: Any, green: Any, blue: Any) -> Any:
    return (np.uint32(red) * _RED + np.uint32(green) * _GREEN + np.uint32(blue) * _BLUE + _HALF) >> _SIXTEEN


@compiled
def brightness(image: Any, factor: Any) -> None:
    """See `operations.brightness`; of an image, uint8 (H, W, C), as all that follow."""
    flat = image.reshape(image.size)
    for place in range(len(flat)):
        flat[place] = _blended(f(0.0), flat[place], factor)


@compiled
def contrast(image: Any, factor: Any) -> None:
    """See `operations.contrast`; of at most `operations.MOST_GREY_PIXELS` pixels, whose sum float32 holds exactly."""
    pixels = image.shape[0] * image.shape[1]
    flat, total = image.reshape(image.size), np.uint32(0)
    if image.shape[2] == 3:
        for pixel in range(pixels):
            total += _luma(flat[3 * pixel], flat[3 * pixel + 1], flat[3 * pixel + 2])
    else:
        for pixel in range(pixels):
            total += np.uint32(flat[pixel])
    mean = np.floor(f(total) / f(pixels) + f(0.5))
    for place in range(len(flat)):
        flat[place] = _blended(mean, flat[place], factor)


@compiled
def saturation(image: Any, factor: Any) -> None:
    """See `operations.saturation`."""
    flat = image.reshape(image.size)
    if image.shape[2] == 3:
        for pixel in range(image.shape[0] * image.shape[1]):
            red, green, blue = flat[3 * pixel], flat[3 * pixel + 1], flat[3 * pixel + 2]
            grey = f(_luma(red, green, blue))
            flat[3 * pixel] = _blended(grey, red, factor)
            flat[3 * pixel + 1] = _blended(grey, green, factor)
            flat[3 * pixel + 2] = _blended(grey, blue, factor)


@compiled
def _sharpness(image: Any, before: Any, factor: Any) -> None:
    """See `operations.sharpness`; `before` is room to work in, as large as the image."""
    height, width, channels = image.shape
    before[:] = image
    rows, changed = before.reshape(height, width * channels), image.reshape(height, width * channels)
    for y in range(1, height - 1):
        above, here, below, row = rows[y - 1], rows[y], rows[y + 1], changed[y]
        for place in range(channels, (width - 1) * channels):
            left, right = place - channels, place + channels
            total = (
                np.uint32(above[left]) + np.uint32(above[place]) + np.uint32(above[right])
                + np.uint32(here[left]) + np.uint32(5) * np.uint32(here[place]) + np.uint32(here[right])
                + np.uint32(below[left]) + np.uint32(below[place]) + np.uint32(below[right])
            )  # fmt: skip
            smoothed = (np.uint32(2) * total + np.uint32(13)) // np.uint32(26)
            row[place] = _blended(f(smoothed), here[place], factor)


@compiled
def _move(image: Any, before: Any, transform: Any, fill: Any, smooth: bool) -> None:
    """See `operations.move`; `before` is room to work in, as large as the image."""
    height, width, _ = image.shape
    before[:] = image
    for y in range(height):
        for x in range(width):
            at_x = (transform[0] * f(x) + transform[1] * f(y)) + transform[2]
            at_y = (transform[3] * f(x) + transform[4] * f(y)) + transform[5]
            if smooth:
                _take_between(image[y, x], before, at_y, at_x, fill)
            else:
                _take_nearest(image[y, x], before, _rounded(at_y), _rounded(at_x), fill)


@compiled
def _rounded(number: Any) -> int:
    """Round to the nearest integer, halves away from zero."""
    whole = np.trunc(number)
    if abs(number - whole) >= f(0.5):
        whole += f(1.0) if number > f(0.0) else f(-1.0)
    return int(whole)


@compiled
def _take_nearest(pixel: Any, image: Any, y: int, x: int, fill: Any) -> None:
    inside = 0 <= y < image.shape[0] and 0 <= x < image.shape[1]
    for channel in range(len(pixel)):
        pixel[channel] = image[y, x, channel] if inside else fill[channel]


@compiled
def _take_between(pixel: Any, image: Any, at_y: Any, at_x: Any, fill: Any) -> None:
    """Interpolate linearly between four pixels, each less the fill, of which outside of the image there is nothing."""
    height, width, _ = image.shape
    low_y, low_x = np.floor(at_y), np.floor(at_x)
    high_y, high_x = low_y + f(1.0), low_x + f(1.0)
    y, x = int(low_y), int(low_x)
    above, below = 0 <= y < height, 0 <= y + 1 < height
    left, right = 0 <= x < width, 0 <= x + 1 < width
    to_left, to_right = high_x - at_x, at_x - low_x
    to_above, to_below = high_y - at_y, at_y - low_y
    for channel in range(len(pixel)):
        base = f(fill[channel])
        one = f(image[y, x, channel]) - base if above and left else f(0.0)
        two = f(image[y, x + 1, channel]) - base if above and right else f(0.0)
        three = f(image[y + 1, x, channel]) - base if below and left else f(0.0)
        four = f(image[y + 1, x + 1, channel]) - base if below and right else f(0.0)
        moved = to_above * (to_left * one + to_right * two) + to_below * (to_left * three + to_right * four)
        pixel[channel] = np.uint8((moved + base + ROUNDS) - ROUNDS)


@compiled
def _look_up(image: Any, kind: int, argument: Any) -> None:
    """See `operations.tables` and `operations.look_up`."""
    channels = image.shape[2]
    flat, pixels = image.reshape(image.size), image.shape[0] * image.shape[1]
    table = np.empty((channels, 256), np.uint8)
    if kind in (_AUTOCONTRAST, _EQUALIZE):
        counts = np.zeros((channels, 256), np.int32)
        for pixel in range(pixels):
            for channel in range(channels):
                counts[channel, flat[channels * pixel + channel]] += 1
        for channel in range(channels):
            if kind == _EQUALIZE:
                _equalize(counts[channel], table[channel])
            else:
                _autocontrast(counts[channel], table[channel])
    else:
        whole = int(argument)
        dropped = (1 << min(max(8 - whole, 0), 8)) - 1
        for byte in range(256):
            new = byte - (byte & dropped)  # posterize
            if kind == _INVERT:
                new = 255 - byte
            elif kind == _SOLARIZE:
                new = byte if f(byte) < argument else 255 - byte
            elif kind == _SOLARIZE_ADD:
                new = min(byte + whole, 255) if byte < 128 else byte
            table[:, byte] = new
    for pixel in range(pixels):
        for channel in range(channels):
            place = channels * pixel + channel
            flat[place] = table[channel, flat[place]]


@compiled
def _autocontrast(counts: Any, table: Any) -> None:
    there = np.flatnonzero(counts)
    low, high = np.float64(there[0]), np.float64(there[-1])
    scale = 255.0 / max(high - low, 1.0)
    for byte in range(256):
        stretched: Any = np.float64(byte)
        if high > low:
            stretched = min(max(np.float64(byte) * scale - low * scale, 0.0), 255.0)
        table[byte] = np.uint8(stretched)


@compiled
def _equalize(counts: Any, table: Any) -> None:
    last = np.flatnonzero(counts)[-1]
    step = (counts.sum() - counts[last]) // 255
    before = 0
    for byte in range(256):
        table[byte] = min((step // 2 + before) // step, 255) if step > 0 else byte
        before += counts[byte]


__all__ = ["brightness", "contrast", "rand_augment", "saturation"]
