"""Input pipelines on TensorFlow: kresnet's own, what tutorials show, and decoding with nothing else."""

from __future__ import annotations

from collections.abc import Iterator
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
#: Of an epoch that no turn comes to the end of.
_EPOCH = 100_000


def versions() -> dict[str, str]:
    found = {"tensorflow": tf.__version__}
    try:
        import numba

        return found | {"numba": numba.__version__}
    except ImportError:
        return found


def _split(files: Files) -> Split:
    input = Input.model_validate(_INPUT)
    source = FileSource(tf.constant(files.many(_EPOCH)), np.zeros(_EPOCH, np.int64), input)
    return Split("train", source, input, resident_bytes=0)


def kresnet_training(files: Files) -> Iterator[object]:
    """A random resized crop, and a flip."""
    augment = Augment.model_validate({"crop": {"kind": "resized"}, "flip": True})
    batches = training_batches(
        _split(files), augment=augment, classes=10, batch_size=files.batch, seed=0, start_step=0, stop_step=10**9
    )
    return (images for images, _ in batches)


def kresnet_evaluation(files: Files) -> Iterator[object]:
    """The shorter side to 256, and the centre."""
    return (images for images, _ in evaluation_batches(_split(files), files.batch))


def kresnet_predict(files: Files) -> Iterator[object]:
    """What `kresnet predict DIR` reads its files by."""
    return (batch.images for batch in file_batches(files.endless(), Input.model_validate(_INPUT), files.batch))


def _mapped(files: Files, function: object) -> Iterator[object]:
    paths = tf.data.Dataset.from_tensor_slices(files.paths).repeat()
    images = paths.map(function, num_parallel_calls=tf.data.AUTOTUNE)
    return iter(images.batch(files.batch).prefetch(tf.data.AUTOTUNE))


def _crop_and_flip(antialias: bool) -> Pipeline:
    """Decode the random part of a JPEG alone, resize and flip it, as tutorials do."""

    def one(path: tf.Tensor) -> tf.Tensor:
        encoded = tf.io.read_file(path)
        shape = tf.io.extract_jpeg_shape(encoded)
        whole = tf.zeros((1, 1, 4))
        begin, size, _ = tf.image.sample_distorted_bounding_box(
            shape, whole, 0, 0.1, (3 / 4, 4 / 3), (0.08, 1.0), 10, use_image_if_no_bounding_boxes=True
        )
        window = tf.stack([begin[0], begin[1], size[0], size[1]])
        image = tf.image.resize(tf.io.decode_and_crop_jpeg(encoded, window, 3), (SIDE, SIDE), antialias=antialias)
        return tf.image.random_flip_left_right(tf.cast(image, tf.uint8))

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


PIPELINES: dict[str, Pipeline] = {
    "kresnet_training": kresnet_training,
    "kresnet_evaluation": kresnet_evaluation,
    "kresnet_predict": kresnet_predict,
    "tf_training": _crop_and_flip(antialias=True),
    "tf_tutorial": _crop_and_flip(antialias=False),
    "tf_evaluation": tf_evaluation,
    **{f"decode_{ratio}": _decoding(ratio) for ratio in (1, 2, 4, 8)},
}
