"""Operations on batches against Pillow's, one image at a time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageEnhance, ImageOps

from kresnet.data.augment import operations


@pytest.fixture(scope="module", params=[3, 1], ids=["colour", "grey"])
def images(request: pytest.FixtureRequest, photo: np.ndarray) -> np.ndarray:
    """Images of all sorts: textured, dark, flat, of two bytes, full range: uint8 (N, 48, 60, C)."""
    random = np.random.default_rng(1)
    two = np.where(random.random(photo.shape) < 0.5, 7, 9).astype(np.uint8)
    noise = random.integers(0, 256, photo.shape, np.uint8)
    batch = np.stack([photo, photo // 3 + 40, np.full_like(photo, 77), two, noise, np.zeros_like(photo)])
    return batch[..., : request.param]


def pillow(image: np.ndarray) -> Image.Image:
    return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)


def each(images: np.ndarray, change: Callable[[Image.Image], Image.Image]) -> np.ndarray:
    return np.stack([np.asarray(change(pillow(image))).reshape(image.shape) for image in images])


def by_table(images: np.ndarray, name: str, argument: float = 0.0) -> np.ndarray:
    kinds = tf.fill([len(images)], operations.TABLES.index(name))
    table = operations.tables(tf.constant(images), kinds, tf.fill([len(images)], float(argument)))
    return operations.look_up(tf.constant(images), table).numpy()


@pytest.mark.parametrize("name", ["autocontrast", "equalize", "invert"])
def test_tables_without_argument(images: np.ndarray, name: str) -> None:
    np.testing.assert_array_equal(by_table(images, name), each(images, getattr(ImageOps, name)))


@pytest.mark.parametrize("threshold", [0.0, 100.0, 178.5, 255.0, 256.0])
def test_solarize(images: np.ndarray, threshold: float) -> None:
    np.testing.assert_array_equal(
        by_table(images, "solarize", threshold), each(images, lambda image: ImageOps.solarize(image, threshold))
    )


@pytest.mark.parametrize("added", [0, 55, 110])
def test_solarize_add(images: np.ndarray, added: int) -> None:
    table = [min(255, byte + added) if byte < 128 else byte for byte in range(256)]
    expected = each(images, lambda image: image.point(table * images.shape[-1]))
    np.testing.assert_array_equal(by_table(images, "solarize_add", added), expected)


@pytest.mark.parametrize("bits", [1, 4, 7, 8])
def test_posterize(images: np.ndarray, bits: int) -> None:
    expected = each(images, lambda image: ImageOps.posterize(image, bits))
    np.testing.assert_array_equal(by_table(images, "posterize", bits), expected)


def test_posterize_to_no_bits_is_black(images: np.ndarray) -> None:
    assert not by_table(images, "posterize", 0).any()


def test_each_image_has_its_own_operation(images: np.ndarray) -> None:
    kinds = tf.range(len(operations.TABLES))
    arguments = tf.constant([0.0, 0.0, 0.0, 100.0, 50.0, 4.0])
    together = operations.look_up(tf.constant(images), operations.tables(tf.constant(images), kinds, arguments)).numpy()
    for index, name in enumerate(operations.TABLES):
        alone = by_table(images[index : index + 1], name, float(arguments[index]))
        np.testing.assert_array_equal(together[index : index + 1], alone)


@pytest.mark.parametrize("factor", [0.0, 0.1, 0.55, 1.0, 1.45, 1.9])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (operations.brightness, ImageEnhance.Brightness),
        (operations.contrast, ImageEnhance.Contrast),
        (operations.saturation, ImageEnhance.Color),
        (operations.sharpness, ImageEnhance.Sharpness),
    ],
    ids=["brightness", "contrast", "saturation", "sharpness"],
)
def test_blends(images: np.ndarray, ours: Callable, theirs: Callable, factor: float) -> None:
    result = ours(tf.constant(images), tf.fill([len(images)], factor)).numpy()
    expected = each(images, lambda image: theirs(image).enhance(factor))
    difference = np.abs(result.astype(int) - expected)
    assert difference.max() <= 1  # float32 against Pillow's: a fraction is dropped on either side of a whole number
    assert (difference == 0).mean() > 0.99


def test_an_empty_batch_stays_empty(images: np.ndarray) -> None:
    none, factors = tf.constant(images[:0]), tf.zeros(0)
    for function in (operations.brightness, operations.contrast, operations.saturation, operations.sharpness):
        assert function(none, factors).shape == none.shape
    tables = operations.tables(none, tf.zeros(0, tf.int32), factors)
    assert operations.look_up(none, tables).shape == none.shape
    assert operations.move(none, tf.zeros((0, 8)), np.zeros(none.shape[-1], np.uint8), smooth=True).shape == none.shape
