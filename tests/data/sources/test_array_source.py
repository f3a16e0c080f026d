"""Arrays in memory are read as they are, resized, or cropped, by position."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from kresnet.data.augment.crops import make_random_crop
from kresnet.data.counter_rng import CounterRng
from kresnet.data.images import image_from_array
from kresnet.data.sources.array_source import ArraySource
from kresnet.spec.inputs import Input
from kresnet.spec.recipe import ResizedCrop

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 12, 10, 3), np.uint8)
POSITIONS = tf.constant([4, 0, 4], tf.int64)


def test_images_of_the_networks_size_are_read_as_they_are() -> None:
    source = ArraySource(IMAGES, np.arange(6), Input(shape=(12, 10, 3)))
    images, labels = source.fetch(POSITIONS)
    assert source.native
    assert len(source) == 6
    np.testing.assert_array_equal(images, IMAGES[[4, 0, 4]])
    np.testing.assert_array_equal(labels, [4, 0, 4])


def test_other_images_are_resized_as_an_array_of_the_user_is() -> None:
    input = Input(shape=(5, 4, 3))
    source = ArraySource(IMAGES, np.arange(6), input)
    images, _ = source.fetch(POSITIONS)
    assert not source.native
    np.testing.assert_array_equal(images[0], image_from_array(IMAGES[4], input, "four"))


def test_a_crop_of_the_whole_image_is_the_image() -> None:
    input = Input(shape=(12, 10, 3))
    crop = make_random_crop(ResizedCrop(kind="resized", area=(1.0, 1.0), aspect=(10 / 12, 10 / 12)), input)
    numbers = tf.constant(crop.draw(CounterRng(0, 0, POSITIONS.numpy())))
    images, labels = ArraySource(IMAGES, np.arange(6), input).fetch_crops(POSITIONS, crop, numbers)
    np.testing.assert_array_equal(images, IMAGES[[4, 0, 4]])
    np.testing.assert_array_equal(labels, [4, 0, 4])


def test_vectors_and_float_targets_stay_floats() -> None:
    targets = np.eye(3, dtype=np.float32)
    vectors, labels = ArraySource(targets * 2, targets, Input.model_validate({"shape": [3]})).fetch(POSITIONS[1:2])
    np.testing.assert_array_equal(vectors, [[2.0, 0.0, 0.0]])
    assert labels.dtype == tf.float32
