"""From an encoded image to the pixels the network takes: one function for training, evaluation, prediction and serving.

What a pixel *means* (range, mean, deviation, channel order) is the model's own first layer's business; images stay
RGB (or grey) bytes 0-255 up to there.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import tensorflow as tf

from kresnet.data.decoding import decode_pixels, to_grey
from kresnet.data.image_limits import require_pixel_limit
from kresnet.data.resampling import Resampler, resample_in_graph
from kresnet.data.scaled_jpeg import jpeg_frame, scale_down
from kresnet.data.unreadable_images import explain_unreadable
from kresnet.errors import make_error
from kresnet.spec.inputs import CenterCrop, Input


def require_image(input: Input) -> None:
    """Raise `KresnetError` (`data_mismatch`) unless the network takes grey or colour images."""
    if not input.is_image:
        raise make_error(
            "data_mismatch",
            "The data are images, but this network takes vectors.",
            path="input.shape",
            expected="[height, width, channels]",
            found=str(list(input.shape)),
            remedy="choose a spec whose input is an image",
        )
    if input.shape[2] not in (1, 3):
        raise make_error(
            "data_mismatch",
            "An image is read as grey (1 channel) or colour (3 channels).",
            path="input.shape.2",
            expected="1 or 3",
            found=str(input.shape[2]),
            remedy=f"--set input.shape=[{input.shape[0]},{input.shape[1]},3]",
        )
    if isinstance(input.resize, CenterCrop) and input.resize.shorter_side < min(input.shape[:2]):
        raise make_error(
            "contradiction",
            "The centre to cut out is larger than the image it is cut from.",
            path="input.resize.shorter_side",
            expected=f"at least {min(input.shape[:2])}, the shorter side of input.shape",
            found=str(input.resize.shorter_side),
        )


def decode(encoded: tf.Tensor, input: Input, resample: Resampler = resample_in_graph) -> tf.Tensor:
    """Decode one image file's bytes and bring it to the network's size.

    Graph code without Python calls unless `resample` makes one, so that it can be exported; `kresnet.data.decoding` has
    the rule of each kind of file.

    Args:
        encoded: scalar string, the contents of a JPEG, PNG, GIF, BMP or (still) WebP file.
        input: the spec's input; gives shape and resize rule.
        resample: how; the numbers are the same.

    Returns:
        uint8 (H, W, C), RGB or grey, 0-255.

    Raises:
        KresnetError: at construction, as `require_image`.
        tf.errors.InvalidArgumentError: when run, for bytes that are no such image.
    """
    require_image(input)
    whole = lambda: resize(decode_pixels(encoded, input), input, resample)  # noqa: E731
    if input.jpeg_decoding != "scaled":
        return whole()
    return tf.cond(tf.io.is_jpeg(encoded), lambda: _decode_scaled(encoded, input, resample), whole)


def _decode_scaled(encoded: tf.Tensor, input: Input, resample: Resampler) -> tf.Tensor:
    """Decode a JPEG at a part of its size, where that has pixels to spare, and bring it to the network's."""
    frame = jpeg_frame(encoded)
    size, full = frame.size, _full_size(frame.size, input)
    scale = tf.cast(full / tf.cast(size, tf.int64), tf.float32)
    frame, factor, offset = scale_down(frame, 1.0 / scale)
    image = frame.decode(encoded, tf.zeros(2, tf.int32), frame.size)
    image = image if input.shape[2] == 3 else to_grey(image)

    def resampled() -> tf.Tensor:
        translation = -tf.cast(_cut_offset(full, input), tf.float32) - offset * (scale / factor)
        return resample(image, input.shape[:2], scale / factor, translation, input.interpolation)

    native = tf.reduce_all(size == input.shape[:2])
    return tf.ensure_shape(tf.cond(native, lambda: image, resampled), input.shape)


def resize(image: tf.Tensor, input: Input, resample: Resampler = resample_in_graph) -> tf.Tensor:
    """Bring one image to the network's height and width; an image that has them already comes through unchanged.

    An antialiasing filter is used when shrinking (except by nearest); results are rounded and clipped to bytes.

    Args:
        image: uint8 (h, w, C), of any size.
        input: the spec's input; gives shape and resize rule.
        resample: how; the numbers are the same.

    Returns:
        uint8 (H, W, C).

    Raises:
        KresnetError: at construction, as `require_image`.
    """
    require_image(input)
    size = tf.shape(image)[:2]
    native = tf.reduce_all(size == input.shape[:2])
    image = tf.cond(native, lambda: image, lambda: _resample(image, size, input, resample))
    return tf.ensure_shape(image, input.shape)


def read_image(path: str | os.PathLike[str], input: Input) -> np.ndarray:
    """Read an image file as the network takes it.

    Returns:
        uint8 (H, W, C).

    Raises:
        KresnetError: `file_missing` or `image_unreadable`, naming the file; or as `require_image`.
    """
    require_image(input)
    path = Path(path)
    try:
        encoded = path.read_bytes()
    except FileNotFoundError:
        raise make_error("file_missing", f"There is no file {path}.", remedy="check the path") from None
    except OSError as error:
        raise make_error("image_unreadable", f"{path} can not be read: {error.strerror or error}.") from None
    try:
        with tf.device("CPU:0"):
            return decode(require_pixel_limit(tf.constant(encoded)), input).numpy()
    except tf.errors.OpError:
        problem = explain_unreadable(str(path), encoded)
    raise make_error(problem.code, problem.message, found=problem.found, remedy=problem.remedy)


def image_from_array(pixels: np.ndarray, input: Input, name: str) -> np.ndarray:
    """Bring an array to what the network takes, as `read_image` brings a file.

    Args:
        pixels: uint8 `(h, w)` or `(h, w, 1)`, grey, or `(h, w, 3)`, RGB, of any size.
        input: the spec's input; gives shape and resize rule.
        name: how messages call it.

    Returns:
        uint8 (H, W, C).

    Raises:
        KresnetError: `data_mismatch` for any other array; or as `require_image`.
    """
    require_image(input)
    image = pixels[..., np.newaxis] if pixels.ndim == 2 else pixels
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (1, 3) or not image.size:
        message = f"{name} is no array of pixels."
        expected, found = "uint8 (h, w), (h, w, 1) or (h, w, 3), values 0-255", f"{pixels.dtype} {pixels.shape}"
        raise make_error("data_mismatch", message, expected=expected, found=found)
    with tf.device("CPU:0"):
        if image.shape[2] != input.shape[2]:
            image = to_grey(image) if input.shape[2] == 1 else np.repeat(image, 3, axis=2)
        return resize(tf.constant(image), input).numpy()


def _resample(image: tf.Tensor, size: tf.Tensor, input: Input, resample: Resampler) -> tf.Tensor:
    """Resize to the rule's full size and cut out (H, W), in one go: what is cut away is never computed."""
    full, target = _full_size(size, input), tf.constant(input.shape[:2], tf.int64)
    size, offset, interpolation = tf.cast(size, tf.int64), _cut_offset(full, input), input.interpolation
    if interpolation == "nearest":
        # floor((i + offset + 1/2) size / full), in integers, so that no pixel is missed by rounding
        for axis in (0, 1):
            odd = tf.range(1, 2 * target[axis], 2) + 2 * offset[axis]
            image = tf.gather(image, odd * size[axis] // (2 * full[axis]), axis=axis)
        return image
    scale, translation = tf.cast(full / size, tf.float32), tf.cast(-offset, tf.float32)
    return resample(image, input.shape[:2], scale, translation, interpolation)


def _cut_offset(full: tf.Tensor, input: Input) -> tf.Tensor:
    """Return row and column, int64 (2,), of the rule's full size at which the network's input begins."""
    left = full - tf.constant(input.shape[:2], tf.int64)
    offset = left // 2
    if isinstance(input.resize, CenterCrop) and input.resize.rounding == "half_even":
        return offset + left % 2 * (offset % 2)
    return offset


def _full_size(size: tf.Tensor, input: Input) -> tf.Tensor:
    """Return the size, int64 (2,), to which the rule brings an image of `size`, int32 (2,), before anything is cut."""
    size, target = tf.cast(size, tf.int64), tf.constant(input.shape[:2], tf.int64)
    rule = input.resize
    return _size_before_cut(size, target, rule.shorter_side) if isinstance(rule, CenterCrop) else target


def _size_before_cut(size: tf.Tensor, target: tf.Tensor, shorter_side: int) -> tf.Tensor:
    """Return the size, int64 (2,), to which an image is brought before the centre is cut out.

    The side that is shorter in relation to the network's is made as long as the network's, times `shorter_side` over
    the network's shorter side; the other keeps the proportions, as timm's `ResizeKeepRatio` does. Of a square input the
    image's shorter side is made `shorter_side` long.
    """
    axis = tf.cast(size[0] * target[1] > size[1] * target[0], tf.int32)  # which side is shorter, in relation
    return size * (target[axis] * shorter_side) // (tf.reduce_min(target) * size[axis])


def mean_color(input: Input) -> np.ndarray:
    """Return the mean of the spec's `input.pixels` as bytes, uint8 (C,)."""
    assert input.pixels is not None
    low, high = input.pixels.range
    mean = (np.broadcast_to(input.pixels.mean, input.shape[2]) - low) / (high - low)
    mean = mean[::-1] if input.pixels.channel_order == "bgr" else mean
    return np.rint(np.clip(mean, 0, 1) * 255).astype(np.uint8)
