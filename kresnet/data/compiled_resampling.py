"""TensorFlow's `ScaleAndTranslate` on bytes, compiled for this processor by Numba: the same numbers, much sooner.

Where the operation goes over an image once for each pixel that weighs in a result, this keeps a row of sums in the
processor's first cache and works on many pixels at once. Every sum is made in the same order, of the same products,
each rounded to float32, so that the bytes that come out are the operation's own
(`tensorflow/core/kernels/image/scale_and_translate_op.cc` in TensorFlow's source); tests compare them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kresnet.data.compiling import ROUNDS, compiled

f = np.float32

#: Weights whose sum is smaller are taken as none, as the operation does.
_LEAST_SUM = f(1000.0) * np.finfo(np.float32).tiny


@compiled
def _spans(size: int, length: int, scale: Any, translation: Any, cubic: bool) -> tuple[Any, Any, Any]:
    """Return for each of `size` results its first pixel, the number of pixels that weigh in it, and their weights."""
    inverse = f(1.0 / np.float64(scale))
    shift = -inverse * translation
    widened = max(inverse, f(1.0))
    radius = (f(2.0) if cubic else f(1.0)) * widened
    narrowed = f(1.0) / widened
    starts, counts = np.zeros(size, np.uint64), np.zeros(size, np.uint64)
    weights = np.zeros((size, min(2 * int(np.ceil(radius)) + 1, length)), np.float32)
    for place in range(size):
        centre = (f(place) + f(0.5)) * inverse + shift
        if centre < f(0.0) or centre > f(length):
            continue
        start = min(max(int(np.ceil(centre - radius - f(0.5))), 0), length - 1)
        stop = min(max(int(np.floor(centre + radius - f(0.5))), 0), length - 1) + 1
        total = f(0.0)
        for pixel in range(start, stop):
            x = abs((f(pixel) + f(0.5) - centre) * narrowed)
            weight = f(0.0)
            if not cubic:
                weight = max(f(1.0) - x, f(0.0))
            elif x < f(1.0):
                weight = ((f(1.5) * x - f(2.5)) * x) * x + f(1.0)
            elif x < f(2.0):
                weight = ((f(-0.5) * x + f(2.5)) * x - f(4.0)) * x + f(2.0)
            total += weight
            weights[place, pixel - start] = weight
        if abs(total) >= _LEAST_SUM:
            starts[place], counts[place] = start, stop - start
            weights[place] *= f(1.0) / total
    return starts, counts, weights


@compiled
def _sum_rows(pixels: Any, start: Any, count: Any, weights: Any, sums: Any) -> None:
    """Write the weighted sum of `count` rows of `pixels` from `start` on to `sums`; four rows at a time at first."""
    one, two, three = np.uint64(1), np.uint64(2), np.uint64(3)
    length = np.uint64(len(sums))
    if count == 0:
        sums[:] = f(0.0)
        return
    row, weight = pixels[start], weights[0]
    if count == 1:
        for i in range(length):
            sums[i] = f(row[i]) * weight
        return
    row_1, weight_1 = pixels[start + one], weights[1]
    if count == 2:
        for i in range(length):
            sums[i] = f(row[i]) * weight + f(row_1[i]) * weight_1
        return
    row_2, weight_2 = pixels[start + two], weights[2]
    if count == 3:
        for i in range(length):
            sums[i] = f(row[i]) * weight + f(row_1[i]) * weight_1 + f(row_2[i]) * weight_2
        return
    row_3, weight_3 = pixels[start + three], weights[3]
    for i in range(length):
        sums[i] = f(row[i]) * weight + f(row_1[i]) * weight_1 + f(row_2[i]) * weight_2 + f(row_3[i]) * weight_3
    for other in range(np.uint64(4), count):
        row, weight = pixels[start + other], weights[other]
        for i in range(length):
            sums[i] += f(row[i]) * weight


@compiled
def resample(image: Any, height: int, width: int, scale: Any, translation: Any, cubic: bool) -> Any:
    """Resample an image, antialiased where it shrinks.

    Args:
        image: uint8 (h, w, C), contiguous; one channel or three.
        height: rows of the result.
        width: columns of the result.
        scale: float32 (2,), pixels of the result to one of the image, down and across.
        translation: float32 (2,), where the image's corner lies in the result.
        cubic: the kernel is Keys's cubic, not the triangle.

    Returns:
        uint8 (height, width, C), rounded and clipped.
    """
    rows, columns, channels = image.shape
    row_starts, row_counts, row_weights = _spans(height, rows, scale[0], translation[0], cubic)
    starts, counts, weights = _spans(width, columns, scale[1], translation[1], cubic)
    pixels = image.reshape(rows, columns * channels)
    sums, result = np.empty(columns * channels, np.float32), np.empty(width * channels, np.float32)
    resampled = np.empty((height, width * channels), np.uint8)
    one, two, three = np.uint64(1), np.uint64(2), np.uint64(3)
    for y in range(height):
        _sum_rows(pixels, row_starts[y], row_counts[y], row_weights[y], sums)
        for x in range(width):
            at = starts[x] * np.uint64(channels)
            red, green, blue = f(0.0), f(0.0), f(0.0)
            if channels == 3:
                for i in range(counts[x]):
                    weight = weights[x, i]
                    red += sums[at] * weight
                    green += sums[at + one] * weight
                    blue += sums[at + two] * weight
                    at += three
                result[3 * x], result[3 * x + 1], result[3 * x + 2] = red, green, blue
            else:
                for i in range(counts[x]):
                    red += sums[at] * weights[x, i]
                    at += one
                result[x] = red
        for i in range(width * channels):
            resampled[y, i] = np.uint8((min(max(result[i], f(0.0)), f(255.0)) + ROUNDS) - ROUNDS)
    return resampled.reshape(height, width, channels)


__all__ = ["resample"]
