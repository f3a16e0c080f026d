"""The operations of RandAugment and colour jitter on batches of bytes, each image with its own argument.

Values are those of Pillow's `ImageOps` and `ImageEnhance`, to the bit but for interpolation.
"""

from __future__ import annotations

import tensorflow as tf

from kresnet.data.decoding import to_grey

#: Names of the operations that map each byte by a table, in the order of their numbers in `tables`.
TABLES = ("autocontrast", "equalize", "invert", "solarize", "solarize_add", "posterize")

#: Most pixels of which float32 holds the sum of any bytes exactly, in whatever order they are added up.
MOST_GREY_PIXELS = 2**24 // 255


def move(images: tf.Tensor, transforms: tf.Tensor, fill: tf.Tensor, *, smooth: bool) -> tf.Tensor:
    """Rotate, shear and shift.

    Args:
        images: uint8 (N, H, W, C).
        transforms: float32 (N, 8), from the places of the result's pixels to places in the image, as
            `ImageProjectiveTransformV3` takes them.
        fill: uint8 (C,), the colour of what comes from outside.
        smooth: interpolate linearly, else take the nearest pixel.

    Returns:
        uint8 (N, H, W, C).
    """
    # One fill value is all that the kernel takes: zero, about which the colours are shifted.
    pixels = tf.cast(images, tf.float32) - tf.cast(fill, tf.float32)
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=pixels,
        transforms=transforms,
        output_shape=tf.shape(images)[1:3],
        fill_value=0.0,
        interpolation="BILINEAR" if smooth else "NEAREST",
        fill_mode="CONSTANT",
    )
    return tf.cast(tf.round(moved + tf.cast(fill, tf.float32)), tf.uint8)


def look_up(images: tf.Tensor, tables: tf.Tensor) -> tf.Tensor:
    """Replace each byte by its entry in a table of its image and channel.

    Args:
        images: uint8 (N, H, W, C).
        tables: uint8 (N, C, 256).

    Returns:
        uint8 (N, H, W, C).
    """
    channels = images.shape[-1]
    starts = tf.range(tf.shape(images)[0])[:, tf.newaxis] * channels + tf.range(channels)  # (N, C)
    places = tf.cast(images, tf.int32) + 256 * starts[:, tf.newaxis, tf.newaxis]
    return tf.gather(tf.reshape(tables, (-1,)), places)


def tables(images: tf.Tensor, kinds: tf.Tensor, arguments: tf.Tensor) -> tf.Tensor:
    """Make the table of one operation for each image.

    Args:
        images: uint8 (N, H, W, C).
        kinds: int32 (N,), indexes of `TABLES`.
        arguments: float32 (N,): the threshold of `solarize`, what `solarize_add` adds, the bits that `posterize` keeps.

    Returns:
        uint8 (N, C, 256).
    """
    bytes_ = tf.range(256)
    counts = _histograms(images)
    whole = tf.cast(arguments, tf.int32)[:, tf.newaxis, tf.newaxis]  # (N, 1, 1)
    dropped = tf.bitwise.left_shift(1, tf.clip_by_value(8 - whole, 0, 8)) - 1
    by_kind = (
        _autocontrast(counts),
        _equalize(counts),
        255 - bytes_,
        tf.where(tf.cast(bytes_, tf.float32) < arguments[:, tf.newaxis, tf.newaxis], bytes_, 255 - bytes_),
        tf.where(bytes_ < 128, tf.minimum(bytes_ + whole, 255), bytes_),
        bytes_ - tf.bitwise.bitwise_and(bytes_, dropped),
    )
    chosen = tf.zeros_like(counts)
    for number, table in enumerate(by_kind):
        chosen = tf.where((kinds == number)[:, tf.newaxis, tf.newaxis], table, chosen)
    return tf.cast(chosen, tf.uint8)


def _histograms(images: tf.Tensor) -> tf.Tensor:
    """Count how often each byte occurs in each channel: int32 (N, C, 256)."""
    channels = images.shape[-1]
    values = tf.reshape(tf.transpose(images, (0, 3, 1, 2)), (-1, images.shape[1] * images.shape[2]))
    counts = tf.raw_ops.DenseBincount(input=tf.cast(values, tf.int32), size=256, weights=tf.constant([], tf.int32))
    return tf.reshape(counts, (-1, channels, 256))


def _autocontrast(counts: tf.Tensor) -> tf.Tensor:
    """Make tables that stretch the darkest and lightest byte of each channel to 0 and 255."""
    low = tf.argmax(counts > 0, axis=-1)[..., tf.newaxis]
    high = 255 - tf.argmax(tf.reverse(counts, [-1]) > 0, axis=-1)[..., tf.newaxis]
    low, high = tf.cast(low, tf.float64), tf.cast(high, tf.float64)
    bytes_ = tf.range(256, dtype=tf.float64)
    scale = 255.0 / tf.maximum(high - low, 1.0)
    stretched = tf.clip_by_value(bytes_ * scale - low * scale, 0.0, 255.0)
    return tf.cast(tf.where(high > low, stretched, bytes_), tf.int32)


def _equalize(counts: tf.Tensor) -> tf.Tensor:
    """Make tables that spread the bytes of each channel so that each occurs about equally often."""
    last = 255 - tf.argmax(tf.reverse(counts, [-1]) > 0, axis=-1, output_type=tf.int32)
    step = (tf.reduce_sum(counts, axis=-1) - tf.gather(counts, last, batch_dims=2))[..., tf.newaxis] // 255
    spread = (step // 2 + tf.cumsum(counts, axis=-1, exclusive=True)) // tf.maximum(step, 1)
    return tf.where(step > 0, tf.minimum(spread, 255), tf.range(256))


def blend(base: tf.Tensor, images: tf.Tensor, factors: tf.Tensor) -> tf.Tensor:
    """Return `base + factor · (image - base)`, clipped, its fraction dropped; the factor 0 gives the base, 1 the image.

    Args:
        base: numbers that broadcast to the images.
        images: uint8 (N, H, W, C).
        factors: float32 (N,).

    Returns:
        uint8 (N, H, W, C).
    """
    base = tf.cast(base, tf.float32)
    mixed = base + factors[:, tf.newaxis, tf.newaxis, tf.newaxis] * (tf.cast(images, tf.float32) - base)
    return tf.cast(tf.clip_by_value(mixed, 0.0, 255.0), tf.uint8)


def brightness(images: tf.Tensor, factors: tf.Tensor) -> tf.Tensor:
    """Multiply brightness: blend each image with black."""
    return blend(tf.constant(0.0), images, factors)


def contrast(images: tf.Tensor, factors: tf.Tensor) -> tf.Tensor:
    """Multiply contrast: blend each image with its mean grey, rounded to a whole number."""
    mean = tf.reduce_mean(tf.cast(_luma(images), tf.float32), axis=(1, 2, 3), keepdims=True)
    return blend(tf.floor(mean + 0.5), images, factors)


def saturation(images: tf.Tensor, factors: tf.Tensor) -> tf.Tensor:
    """Multiply saturation: blend each image with itself in grey."""
    return blend(_luma(images), images, factors)


def sharpness(images: tf.Tensor, factors: tf.Tensor) -> tf.Tensor:
    """Multiply sharpness: blend each image with itself smoothed, save at its border.

    The smoothing window is 3x3 and counts its middle five times.
    """
    height, width = images.shape[1:3]
    pixels = tf.cast(images, tf.int32)
    total = 4 * pixels[:, 1:-1, 1:-1]
    for row in range(3):
        for column in range(3):
            total += pixels[:, row : height - 2 + row, column : width - 2 + column]
    inner = (2 * total + 13) // 26  # total / 13, rounded
    padded = tf.pad(inner - pixels[:, 1:-1, 1:-1], [[0, 0], [1, 1], [1, 1], [0, 0]])
    return blend(pixels + padded, images, factors)


def _luma(images: tf.Tensor) -> tf.Tensor:
    return images if images.shape[-1] == 1 else to_grey(images)
