"""Input pipelines on TensorFlow: kresnet's own, what tutorials show, and decoding with nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from kresnet.data.file_batches import file_batches
from kresnet.data.pipeline import evaluation_batches, training_batches
from kresnet.data.sources.folder import FileSource
from kresnet.data.splits import Split
from kresnet.spec.inputs import Input
from kresnet.spec.recipe import Augment

if TYPE_CHECKING:
    from benchmarks.input_worker import Files, Pipeline

SIDE, SHORTER_SIDE = 224, 256
_INPUT = {"shape": (SIDE, SIDE, 3), "resize": {"kind": "center_crop", "shorter_side": SHORTER_SIDE}}
#: What the decoder divides sizes by.
_RATIOS = (1, 2, 4, 8)
#: Of an epoch that no turn comes to the end of.
_EPOCH = 100_000


def versions() -> dict[str, str]:
    found = {"tensorflow": tf.__version__}
    try:
        import numba

        return found | {"numba": numba.__version__}
    except ImportError:
        return found


def _input(scaled: bool) -> Input:
    return Input.model_validate({**_INPUT, "jpeg_decoding": "scaled" if scaled else "full"})


def _split(files: Files, scaled: bool) -> Split:
    input = _input(scaled)
    source = FileSource(tf.constant(files.many(_EPOCH)), np.zeros(_EPOCH, np.int64), input)
    return Split("train", source, input, resident_bytes=0)


def _kresnet_training(scaled: bool) -> Pipeline:
    """Read as kresnet trains: a random resized crop, and a flip."""
    augment = Augment.model_validate({"crop": {"kind": "resized"}, "flip": True})

    def batches(files: Files) -> Iterator[object]:
        split = _split(files, scaled)
        made = training_batches(
            split, augment=augment, classes=10, batch_size=files.batch, seed=0, start_step=0, stop_step=10**9
        )
        return (images for images, _ in made)

    return batches


def _kresnet_evaluation(scaled: bool) -> Pipeline:
    """Read as kresnet evaluates: the shorter side to 256, and the centre."""
    return lambda files: (images for images, _ in evaluation_batches(_split(files, scaled), files.batch))


def kresnet_predict(files: Files) -> Iterator[object]:
    """What `kresnet predict DIR` reads its files by."""
    return (batch.images for batch in file_batches(files.endless(), _input(scaled=False), files.batch))


def _mapped(files: Files, function: object) -> Iterator[object]:
    paths = tf.data.Dataset.from_tensor_slices(files.paths).repeat()
    images = paths.map(function, num_parallel_calls=tf.data.AUTOTUNE)
    return iter(images.batch(files.batch).prefetch(tf.data.AUTOTUNE))


def _random_window(shape: tf.Tensor) -> tf.Tensor:
    """Draw the random part of an image, as tutorials do: top, left, height and width."""
    begin, size, _ = tf.image.sample_distorted_bounding_box(
        shape, tf.zeros((1, 1, 4)), 1, 0.1, (3 / 4, 4 / 3), (0.08, 1.0), 10, use_image_if_no_bounding_boxes=True
    )
    return tf.stack([begin[0], begin[1], size[0], size[1]])


def _crop_and_flip(antialias: bool) -> Pipeline:
    """Decode the random part of a JPEG alone, resize and flip it, as tutorials do."""

    def one(path: tf.Tensor) -> tf.Tensor:
        encoded = tf.io.read_file(path)
        window = _random_window(tf.io.extract_jpeg_shape(encoded))
        image = tf.image.resize(tf.io.decode_and_crop_jpeg(encoded, window, 3), (SIDE, SIDE), antialias=antialias)
        return tf.image.random_flip_left_right(tf.cast(image, tf.uint8), seed=1)

    return lambda files: _mapped(files, one)


def tf_evaluation(files: Files) -> Iterator[object]:
    """The shorter side to 256 with antialias, then the centre."""

    def one(path: tf.Tensor) -> tf.Tensor:
        image = tf.io.decode_jpeg(tf.io.read_file(path), channels=3)
        size = tf.cast(tf.shape(image)[:2], tf.float32)
        full = tf.cast(tf.round(size * SHORTER_SIDE / tf.reduce_min(size)), tf.int32)
        image = tf.image.resize(image, full, antialias=True)
        return tf.cast(tf.image.resize_with_crop_or_pad(image, SIDE, SIDE), tf.uint8)

    return _mapped(files, one)


def _decoding(ratio: int) -> Pipeline:
    """Decode at a part of the size, and make batches of how many bytes that gave."""

    def one(path: tf.Tensor) -> tf.Tensor:
        return tf.size(tf.io.decode_jpeg(tf.io.read_file(path), channels=3, ratio=ratio))

    return lambda files: _mapped(files, one)


def decode_part(files: Files) -> Iterator[object]:
    """Decode a random part, at the least of the decoder's sizes that has twice the pixels wanted, and count its bytes.

    The fewest pixels which a crop with antialiasing needs, then, and nothing done with them.
    """

    def one(path: tf.Tensor) -> tf.Tensor:
        encoded = tf.io.read_file(path)
        window = _random_window(tf.io.extract_jpeg_shape(encoded))
        least = tf.reduce_min(window[2:]) // (2 * SIDE)

        def decode(ratio: int) -> tf.Tensor:
            return tf.size(tf.io.decode_and_crop_jpeg(encoded, window // ratio, 3, ratio=ratio))

        place = tf.reduce_sum(tf.cast(least >= tf.constant(_RATIOS[1:]), tf.int32))
        return tf.switch_case(place, [partial(decode, ratio) for ratio in _RATIOS])

    return _mapped(files, one)


PIPELINES: dict[str, Pipeline] = {
    "kresnet_training": _kresnet_training(scaled=False),
    "kresnet_evaluation": _kresnet_evaluation(scaled=False),
    "kresnet_scaled_training": _kresnet_training(scaled=True),
    "kresnet_scaled_evaluation": _kresnet_evaluation(scaled=True),
    "kresnet_predict": kresnet_predict,
    "tf_training": _crop_and_flip(antialias=True),
    "tf_tutorial": _crop_and_flip(antialias=False),
    "tf_evaluation": tf_evaluation,
    **{f"decode_{ratio}": _decoding(ratio) for ratio in _RATIOS},
    "decode_part": decode_part,
}
