"""Cut a part out of an image and resize it to the network's input: of one encoded image, or of a batch in memory."""

from __future__ import annotations

import tensorflow as tf

from kresnet.data.augment.crops import RandomCrop
from kresnet.data.decoding import decode_pixels, to_grey
from kresnet.data.resampling import Resampler, resample_in_graph
from kresnet.data.scaled_jpeg import jpeg_frame, scale_down
from kresnet.spec.inputs import Input

#: Pixels that a kernel reads beyond a part's border, in pixels of the result: Keys's cubic, the widest, reaches 2.
_REACH = 2.0


def decode_crop(
    encoded: tf.Tensor, numbers: tf.Tensor, crop: RandomCrop, input: Input, resample: Resampler = resample_in_graph
) -> tf.Tensor:
    """Decode the part of an image file that random numbers choose; of a JPEG nothing else is decoded in full.

    Args:
        encoded: scalar string, as for `kresnet.data.images.decode`.
        numbers: float32 (n,), what `RandomCrop.draw` drew for this image.
        crop: which part to cut out.
        input: the spec's input; gives shape and interpolation.
        resample: how; the numbers are the same.

    Returns:
        uint8 (H, W, C).

    Raises:
        tf.errors.InvalidArgumentError: when run, for bytes that are no image that can be read.
    """

    def jpeg() -> tuple[tf.Tensor, tf.Tensor]:
        frame = jpeg_frame(encoded)
        box = crop.boxes(numbers[tf.newaxis], *tf.unstack(frame.size))[0]
        if input.jpeg_decoding == "scaled":
            frame, factor, offset = scale_down(frame, box[2:] / input.shape[:2])
            box = tf.concat([box[:2] * factor + offset, box[2:] * factor], axis=0)
        first, extent = _region(box, frame.size, crop, input)
        image = frame.decode(encoded, first, extent)
        return image if input.shape[2] == 3 else to_grey(image), _within(box, first)

    def other() -> tuple[tf.Tensor, tf.Tensor]:
        return _cut_region(decode_pixels(encoded, input), numbers, crop, input)

    region, box = tf.cond(tf.io.is_jpeg(encoded), jpeg, other)
    return tf.ensure_shape(_resample(region, box, input, resample), input.shape)


def crop_image(
    image: tf.Tensor, numbers: tf.Tensor, crop: RandomCrop, input: Input, resample: Resampler = resample_in_graph
) -> tf.Tensor:
    """Do to a decoded image, uint8 (h, w, C), what `decode_crop` does to an encoded one; returns uint8 (H, W, C)."""
    region, box = _cut_region(image, numbers, crop, input)
    return tf.ensure_shape(_resample(region, box, input, resample), input.shape)


def _cut_region(image: tf.Tensor, numbers: tf.Tensor, crop: RandomCrop, input: Input) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the region of an image that resampling reads, and the box within it."""
    size = tf.shape(image)[:2]
    box = crop.boxes(numbers[tf.newaxis], size[0], size[1])[0]
    first, extent = _region(box, size, crop, input)
    return tf.slice(image, [*tf.unstack(first), 0], [*tf.unstack(extent), input.shape[2]]), _within(box, first)


def _region(box: tf.Tensor, size: tf.Tensor, crop: RandomCrop, input: Input) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the first pixel and the extent (each int32 (2,)) of what the resampling of a box reads."""
    start, length = box[:2], box[2:]
    reach = 0.0 if crop.crop_first else _REACH * tf.maximum(length / tf.constant(input.shape[:2], tf.float32), 1.0)
    first = tf.clip_by_value(tf.cast(tf.floor(start - reach), tf.int32), 0, size - 1)
    last = tf.clip_by_value(tf.cast(tf.math.ceil(start + length + reach), tf.int32), first + 1, size)
    return first, last - first


def _within(box: tf.Tensor, first: tf.Tensor) -> tf.Tensor:
    """Return the box relative to the region that starts at `first`."""
    return box - tf.concat([tf.cast(first, tf.float32), [0.0, 0.0]], axis=0)


def _resample(region: tf.Tensor, box: tf.Tensor, input: Input, resample: Resampler) -> tf.Tensor:
    """Return the part `box` (float32 (4,)) of `region` (uint8 (h, w, C)), at the network's size."""
    kind = input.interpolation
    if kind == "nearest":
        for axis in (0, 1):
            region = tf.gather(region, _nearest(box[axis], box[axis + 2], input.shape[axis]), axis=axis)
        return region
    scale = tf.constant(input.shape[:2], tf.float32) / box[2:]
    return resample(region, input.shape[:2], scale, -box[:2] * scale, kind)


def crop_batch(images: tf.Tensor, boxes: tf.Tensor, crop_first: bool, input: Input) -> tf.Tensor:
    """Cut a part out of each image of a batch and bring it back to the images' size.

    Resampling is linear in the pixels: a matrix for the rows and one for the columns of each image, which TensorFlow
    multiplies for the whole batch at once.

    Args:
        images: uint8 (B, H, W, C), of the network's size.
        boxes: float32 (B, 4), of `RandomCrop.boxes`.
        crop_first: `RandomCrop.crop_first`.
        input: the spec's input; gives interpolation.

    Returns:
        uint8 (B, H, W, C).
    """
    _, height, width, channels = images.shape
    kind = input.interpolation
    rows = _weights(boxes[:, 0], boxes[:, 2], height, crop_first, kind)  # (B, H, H)
    columns = _weights(boxes[:, 1], boxes[:, 3], width, crop_first, kind)  # (B, W, W)
    pixels = tf.reshape(tf.cast(images, tf.float32), (-1, height, width * channels))
    pixels = tf.reshape(rows @ pixels, (-1, height, width, channels))
    pixels = tf.einsum("bvw,bhwc->bhvc", columns, pixels)
    return tf.saturate_cast(tf.round(pixels), tf.uint8)


def _weights(start: tf.Tensor, length: tf.Tensor, size: int, crop_first: bool, kind: str) -> tf.Tensor:
    """Return the weight of each of `size` pixels (last axis) in each of `size` results, float32 (B, size, size).

    The results divide the interval of `length` pixels from `start` evenly.
    """
    pixels = tf.range(size, dtype=tf.float32) + 0.5
    if kind == "nearest":
        return tf.one_hot(_nearest(start[:, tf.newaxis], length[:, tf.newaxis], size), size)
    step = length / size
    centres = start[:, tf.newaxis] + pixels * step[:, tf.newaxis]  # (B, results)
    distance = tf.abs(pixels - centres[:, :, tf.newaxis]) / tf.maximum(step, 1.0)[:, tf.newaxis, tf.newaxis]
    weights = _cubic(distance) if kind == "bicubic" else tf.maximum(1.0 - distance, 0.0)
    if crop_first:
        inside = (pixels > start[:, tf.newaxis]) & (pixels < (start + length)[:, tf.newaxis])
        weights = tf.where(inside[:, tf.newaxis], weights, 0.0)
    return weights / tf.reduce_sum(weights, axis=-1, keepdims=True)


def _cubic(x: tf.Tensor) -> tf.Tensor:
    """Return Keys's kernel with a = -1/2 (Keys 1981, "Cubic convolution interpolation", equation 15), for x >= 0."""
    near = (1.5 * x - 2.5) * x * x + 1.0
    far = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return tf.where(x < 1.0, near, tf.where(x < 2.0, far, 0.0))


def _nearest(start: tf.Tensor, length: tf.Tensor, size: int) -> tf.Tensor:
    """Return the pixel in which the centre of each of `size` results lies."""
    return tf.cast(tf.floor(start + (tf.range(size, dtype=tf.float32) + 0.5) * length / size), tf.int32)
