"""What sources of encoded images share: each image as one decoded alone, its part as the part of one."""

from __future__ import annotations

import io
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kresnet.data.augment.crops import make_random_crop
from kresnet.data.counter_rng import CounterRng
from kresnet.data.crop_resize import decode_crop
from kresnet.data.images import decode
from kresnet.data.sources.encoded_images import EncodedImages
from kresnet.spec.inputs import Input
from kresnet.spec.recipe import ResizedCrop

INPUT = Input(shape=(12, 16, 3))


class Compressed(EncodedImages):
    """Images in memory, compressed once more; each one's target is its position."""

    def __init__(self, images: list[bytes]) -> None:
        super().__init__(INPUT)
        self._images = images
        self._stored = tf.constant([zlib.compress(image) for image in images])

    def _find(self, positions: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.gather(self._stored, positions), tf.cast(positions, tf.int32)

    def _encoded(self, found: tf.Tensor) -> tf.Tensor:
        return tf.io.decode_compressed(found, "ZLIB")

    def encoded(self, position: int) -> bytes | None:
        return self._images[position] or None


def encoded(size: tuple[int, int], kind: str) -> bytes:
    pixels, file = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8), io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


IMAGES = [encoded((30, 20), "JPEG"), encoded((12, 16), "PNG"), encoded((9, 40), "BMP"), b""]


def test_images_are_decoded_as_each_alone() -> None:
    images, targets = tf.function(Compressed(IMAGES).fetch)(tf.constant([2, 0, 1, 2], tf.int64))
    np.testing.assert_array_equal(targets, [2, 0, 1, 2])
    np.testing.assert_array_equal(images, [decode(tf.constant(IMAGES[at]), INPUT) for at in (2, 0, 1, 2)])


def test_parts_are_those_of_each_alone() -> None:
    crop = make_random_crop(ResizedCrop(kind="resized"), INPUT)
    numbers = tf.constant(crop.draw(CounterRng(0, 0, np.arange(3))))
    images, _ = tf.function(lambda at: Compressed(IMAGES).fetch_crops(at, crop, numbers))(tf.range(3, dtype=tf.int64))
    alone = [
        decode_crop(tf.constant(image), drawn, crop, INPUT) for image, drawn in zip(IMAGES[:3], numbers, strict=True)
    ]
    np.testing.assert_array_equal(images, alone)


def test_what_is_stored() -> None:
    assert Compressed(IMAGES).encoded_images(np.array([3, 1])) == [b"", IMAGES[1]]


def test_an_image_of_too_many_pixels_is_refused_before_it_is_decoded() -> None:
    header = bytearray(IMAGES[1])
    header[16:24] = (60_000).to_bytes(4, "big") * 2  # width and height, in a file that ends soon after
    source = Compressed([bytes(header)])
    with pytest.raises(tf.errors.InvalidArgumentError, match="pixels"):
        source.fetch(tf.constant([0], tf.int64))
