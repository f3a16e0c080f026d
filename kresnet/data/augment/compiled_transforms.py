"""The transforms of a batch of bytes, compiled for this processor by Numba: the graph's own bytes, much sooner.

Where the graph goes over the batch once for each operation, and makes floats of bytes each time, an image is changed
here in place. Every number is computed from the same numbers in the same order, each step rounded to float32.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kresnet.data.augment.compiled_operations import brightness, contrast, saturation
from kresnet.data.compiling import ROUNDS, compiled

f = np.float32


@compiled
def shift_and_flip(images: Any, shifts: Any, flips: Any, padding: int) -> None:
    """See `kresnet.data.augment.shift.shift_and_flip`."""
    batch, height, width, channels = images.shape
    rows = images.reshape(batch, height, width * channels)
    before = np.empty((height, width * channels), np.uint8)
    for index in range(batch):
        down, across = int(shifts[index, 0]) - padding, (int(shifts[index, 1]) - padding) * channels
        if down != 0 or across != 0:
            for y in range(height):
                _copy(before[y], rows[index, y])
            for y in range(height):
                _shift(rows[index, y], before[min(max(y + down, 0), height - 1)], across, 0 <= y + down < height)
        if flips[index]:
            for y in range(height):
                _mirror(rows[index, y], before[0], channels)


@compiled
def _copy(to: Any, row: Any) -> None:
    for place in range(np.uint64(len(row))):
        to[place] = row[place]


@compiled
def _shift(to: Any, row: Any, across: int, inside: bool) -> None:
    """Write a row of bytes shifted `across` to the left, and black where there is none, or where it is not `inside`."""
    size = len(to)
    first, last = (min(max(-across, 0), size), max(min(size - across, size), 0)) if inside else (size, size)
    to[:first] = np.uint8(0)
    _copy(to[first:last], row[first + across : last + across])
    to[last:] = np.uint8(0)


@compiled
def _mirror(row: Any, before: Any, channels: int) -> None:
    """Turn a row of pixels left to right; `before` is room to work in, as large as the row."""
    _copy(before, row)
    one, two, step = np.uint64(1), np.uint64(2), np.uint64(channels)
    last = np.uint64(len(row)) - step
    if channels == 3:
        for place in range(np.uint64(0), np.uint64(len(row)), step):
            row[place] = before[last - place]
            row[place + one] = before[last - place + one]
            row[place + two] = before[last - place + two]
    else:
        for place in range(np.uint64(len(row))):
            row[place] = before[last - place]


@compiled
def color_jitter(images: Any, factors: Any, brighten: bool, contrasts: bool, saturates: bool) -> None:
    """Multiply brightness, contrast and saturation, those that are asked for, by factors float32 (B, 3)."""
    for index in range(len(images)):
        if brighten:
            brightness(images[index], factors[index, 0])
        if contrasts:
            contrast(images[index], factors[index, 1])
        if saturates:
            saturation(images[index], factors[index, 2])


@compiled
def light(images: Any, colors: Any) -> None:
    """Add colours, float32 (B, 3), to all pixels of their images."""
    batch, height, width, channels = images.shape
    rows = images.reshape(batch, height, width * channels)
    line = np.empty(width * channels, np.float32)
    for index in range(batch):
        for place in range(width * channels):
            line[place] = colors[index, place % channels]
        for y in range(height):
            row = rows[index, y]
            for place in range(width * channels):
                total = f(row[place]) + line[place]
                row[place] = np.uint8((min(max(total, f(0.0)), f(255.0)) + ROUNDS) - ROUNDS)


@compiled
def erase(images: Any, rectangles: Any, windows: Any, flips: Any, sheet: Any, mean: Any, noise: bool) -> None:
    """See `kresnet.data.augment.erase.RandomErasing`."""
    channels = images.shape[3]
    for index in range(len(images)):
        top, left, bottom, right = rectangles[index]
        down, across = windows[index]
        for y in range(top, bottom):
            for x in range(left, right):
                for channel in range(channels):
                    byte = mean[channel]
                    if noise:
                        byte = sheet[y + down, x + across, channel] ^ flips[index, channel]
                    images[index, y, x, channel] = byte


@compiled
def mix(images: Any, weight: Any, rectangle: Any) -> None:
    """Mix the images 0 and 1, 2 and 3, and so on, as `kresnet.data.augment.mix.PairMixing` does."""
    batch, height, width, channels = images.shape
    top, left, bottom, right = rectangle
    first, last = left * channels, right * channels
    rows = images.reshape(batch, height, width * channels)
    for index in range(0, batch - 1, 2):
        for y in range(height):
            one, two = rows[index, y], rows[index + 1, y]
            if top <= y < bottom:
                _blend_both(one[:first], two[:first], weight)
                for place in range(first, last):
                    one[place], two[place] = two[place], one[place]
                _blend_both(one[last:], two[last:], weight)
            else:
                _blend_both(one, two, weight)


@compiled
def _blend_both(one: Any, two: Any, weight: Any) -> None:
    """Blend two rows of bytes, each with the other."""
    if weight == f(1.0):
        return
    for place in range(len(one)):
        a, b = f(one[place]), f(two[place])
        one[place] = np.uint8((b + weight * (a - b) + ROUNDS) - ROUNDS)
        two[place] = np.uint8((a + weight * (b - a) + ROUNDS) - ROUNDS)


__all__ = ["color_jitter", "erase", "light", "mix", "shift_and_flip"]
