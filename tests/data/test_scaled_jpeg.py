"""JPEG files decoded at a part of their size against the same files in full, upright or not, whole or in part."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kresnet.data.augment.crops import make_random_crop
from kresnet.data.counter_rng import CounterRng
from kresnet.data.images import decode
from kresnet.data.scaled_jpeg import JpegFrame, jpeg_frame, scale_down
from kresnet.spec.inputs import Input
from kresnet.spec.recipe import RescaledCrop, ResizedCrop
from tests.data.test_crop_resize import traced

#: How far bytes may be from those of full decoding, on average and at most: these pictures are sharp down to 5 pixels,
#: and their bytes vary by 70 or so.
MEAN, MOST = 1.6, 16


def photo(size: tuple[int, int], orientation: int = 1, grains: tuple[int, ...] = (80, 20, 5)) -> bytes:
    """A JPEG with structure of several sizes, of a width and a height that no ratio divides."""
    random, (width, height) = np.random.default_rng(0), size
    total = np.full((height, width, 3), 128.0)
    for grain in grains:
        noise = random.normal(128, 40, (height // grain + 2, width // grain + 2, 3)).clip(0, 255).astype(np.uint8)
        total += np.asarray(Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)) - 128.0
    tags, file = Image.Exif(), io.BytesIO()
    tags[274] = orientation
    Image.fromarray(total.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=90, exif=tags.tobytes())
    return file.getvalue()


def inputs(shape: tuple[int, int, int], **resize: object) -> tuple[Input, Input]:
    """The same input, decoded in full and scaled."""
    stated = {"shape": shape} | ({"resize": resize} if resize else {})
    full, scaled = (Input.model_validate(stated | {"jpeg_decoding": how}) for how in ("full", "scaled"))
    return full, scaled


def difference(one: tf.Tensor, other: tf.Tensor) -> np.ndarray:
    return np.abs(one.numpy().astype(int) - other.numpy().astype(int))


@pytest.mark.parametrize(
    ("shrink", "ratio"), [(0.5, 1), (3.9, 1), (4.0, 2), (7.9, 2), (8.0, 4), (15.9, 4), (16.0, 8), (500.0, 8)]
)
def test_twice_the_pixels_are_left(shrink: float, ratio: int) -> None:
    """By the axis that shrinks less; the size is libjpeg's own, rounded up."""
    frame = JpegFrame(tf.constant([1001, 803]), tf.constant(1))
    scaled, factor, offset = scale_down(frame, tf.constant([shrink * 1.5, shrink]))
    assert scaled.stored.numpy().tolist() == [-(-1001 // ratio), -(-803 // ratio)]
    assert factor.numpy().tolist() == [1 / ratio] * 2
    assert offset.numpy().tolist() == [0, 0]


def test_pillow_scales_as_far() -> None:
    """By its `draft`, asked for twice the pixels, as its `thumbnail` does."""
    for width, height in ((3000, 4001), (1000, 1333), (450, 455), (897, 901)):
        file = io.BytesIO()
        Image.new("RGB", (width, height)).save(file, "JPEG")
        image = Image.open(file)
        image.draft("RGB", (448, 448))
        frame = jpeg_frame(tf.constant(file.getvalue()))
        shrink = tf.cast(frame.size, tf.float32) / (224.0, 224.0)
        assert scale_down(frame, shrink)[0].stored.numpy().tolist() == [image.height, image.width]


@pytest.mark.parametrize("size", [(451, 605), (1003, 1501)])
def test_an_image_is_nearly_that_of_full_decoding(size: tuple[int, int]) -> None:
    """At a half and at an eighth, and the same however the camera was held: nothing is off by a part of a pixel."""
    for full, scaled in (inputs((56, 56, 3)), inputs((48, 48, 3), kind="center_crop", shorter_side=56)):
        whole, smaller = (
            tf.function(lambda encoded, input=input: decode(encoded, input), autograph=False)
            for input in (full, scaled)
        )
        photos = [tf.constant(photo(size, orientation)) for orientation in (1, 3, 6, 8)]
        found = [difference(smaller(encoded), whole(encoded)) for encoded in photos]
        assert all(0 < each.max() <= MOST for each in found)
        means = [each.mean() for each in found]
        assert max(means) < MEAN
        assert max(means) - min(means) < 0.02


RESIZED, RESCALED = ResizedCrop(kind="resized"), RescaledCrop(kind="rescaled", shorter_side=(56, 80))


@pytest.mark.parametrize(
    ("settings", "orientation"),
    [
        pytest.param(settings, number, id=f"{settings.kind}-{number}", marks=pytest.mark.slow if often else [])
        for settings, number, often in (
            (RESIZED, 1, True),
            (RESIZED, 3, True),
            (RESIZED, 6, False),
            (RESCALED, 1, True),
            (RESCALED, 3, False),
            (RESCALED, 6, True),
        )
    ],
)
def test_a_part_is_nearly_that_of_full_decoding(settings: ResizedCrop | RescaledCrop, orientation: int) -> None:
    encoded = tf.constant(photo((1003, 1501), orientation))
    full, scaled = inputs((48, 48, 3))
    crop = make_random_crop(settings, full)
    numbers = tf.constant(crop.draw(CounterRng(0, 0, np.arange(8))))
    in_full, in_part = (traced(settings, input) for input in (full, scaled))
    for drawn in numbers:
        found = difference(in_part(encoded, drawn), in_full(encoded, drawn))
        assert found.mean() < MEAN
        assert found.max() <= MOST


def test_what_is_hardly_shrunk_is_decoded_in_full() -> None:
    encoded = tf.constant(photo((200, 180), grains=(20,)))
    full, scaled = inputs((48, 52, 3))
    np.testing.assert_array_equal(decode(encoded, scaled), decode(encoded, full))


def test_what_is_no_jpeg_is_decoded_in_full() -> None:
    file = io.BytesIO()
    Image.open(io.BytesIO(photo((451, 605)))).save(file, "PNG")
    full, scaled = inputs((48, 52, 3))
    np.testing.assert_array_equal(*(decode(tf.constant(file.getvalue()), input) for input in (full, scaled)))


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grey_and_cmyk_are_scaled_too(mode: str) -> None:
    file = io.BytesIO()
    Image.open(io.BytesIO(photo((451, 605)))).convert(mode).save(file, "JPEG", quality=90)
    for channels in (1, 3):
        full, scaled = inputs((48, 52, channels))
        found = difference(*(decode(tf.constant(file.getvalue()), input) for input in (scaled, full)))
        assert 0 < found.max() <= MOST
