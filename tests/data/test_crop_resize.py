"""The pixels of random crops against Pillow's, from files, decoded images and batches."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache, partial

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from kresnet.data.augment.crops import make_random_crop
from kresnet.data.counter_rng import CounterRng
from kresnet.data.crop_resize import crop_batch, crop_image, decode_crop
from kresnet.spec.inputs import Input, Stretch
from kresnet.spec.recipe import RescaledCrop, ResizedCrop

RESIZED, RESCALED = ResizedCrop(kind="resized"), RescaledCrop(kind="rescaled", shorter_side=(32, 48))


PILLOW = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


@cache
def traced(crop: ResizedCrop | RescaledCrop, input: Input) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """`decode_crop` of a file and random numbers, as a graph that the tests share."""
    random_crop = make_random_crop(crop, input)
    return tf.function(lambda encoded, numbers: decode_crop(encoded, numbers, random_crop, input), autograph=False)


def expected_part(photo: np.ndarray, box: np.ndarray, input: Input, crop_first: bool) -> np.ndarray:
    """Pillow's own cut and resize."""
    top, left, tall, wide = map(float, box)
    image, kind = Image.fromarray(photo), PILLOW[input.resize.interpolation]
    size = (input.shape[1], input.shape[0])
    if crop_first:
        return np.asarray(image.crop((int(left), int(top), int(left + wide), int(top + tall))).resize(size, kind))
    # Resize the whole so that the part has the right size, then cut it out.
    full = round(photo.shape[1] * size[0] / wide), round(photo.shape[0] * size[1] / tall)
    x, y = round(left * size[0] / wide), round(top * size[1] / tall)
    return np.asarray(image.resize(full, kind).crop((x, y, x + size[0], y + size[1])))


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("crop", [RESIZED, RESCALED], ids=["resized", "rescaled"])
def test_pixels_are_pillows(photo: np.ndarray, crop: ResizedCrop | RescaledCrop, interpolation: str) -> None:
    """A file, a decoded image and a batch in memory give the same part, which is Pillow's."""
    input = Input(shape=(32, 24, 3), resize=Stretch(kind="stretch", interpolation=interpolation))
    random_crop = make_random_crop(crop, input)
    file = io.BytesIO()
    Image.fromarray(photo).save(file, "PNG")
    decode = partial(traced(crop, input), tf.constant(file.getvalue()))
    for numbers in tf.constant(random_crop.draw(CounterRng(1, 0, np.arange(25)))):
        box = random_crop.boxes(numbers[tf.newaxis], *photo.shape[:2]).numpy()[0]
        ours = decode(numbers).numpy()
        np.testing.assert_array_equal(ours, crop_image(tf.constant(photo), numbers, random_crop, input))
        difference = np.abs(ours.astype(int) - expected_part(photo, box, input, random_crop.crop_first))
        assert difference.max() <= 3  # Pillow rounds between its two passes


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("crop", [RESIZED, RESCALED], ids=["resized", "rescaled"])
def test_a_batch_in_memory_is_cut_as_one_image(
    photo: np.ndarray, crop: ResizedCrop | RescaledCrop, interpolation: str
) -> None:
    native = np.ascontiguousarray(photo[:32, :24])
    input = Input(shape=(32, 24, 3), resize=Stretch(kind="stretch", interpolation=interpolation))
    random_crop = make_random_crop(crop, input)
    numbers = tf.constant(random_crop.draw(CounterRng(1, 0, np.arange(40))))
    images = tf.constant(np.stack([np.roll(native, each, axis=0) for each in range(40)]))
    parts = crop_batch(images, random_crop.boxes(numbers, 32, 24), random_crop.crop_first, input).numpy()
    for image, drawn, part in zip(images, numbers, parts, strict=True):
        alone = crop_image(image, drawn, random_crop, input).numpy()
        assert np.abs(part.astype(int) - alone).max() <= 1


@pytest.mark.parametrize("crop", [RESIZED, RESCALED], ids=["resized", "rescaled"])
def test_nearest_takes_the_pixel_of_each_centre(crop: ResizedCrop | RescaledCrop) -> None:
    """Pixels that name their own place, so that both ways to cut tell where they read."""
    places = np.stack(np.broadcast_arrays(*np.ogrid[:32, :24], 0), axis=-1).astype(np.uint8)
    input = Input(shape=(32, 24, 3), resize=Stretch(kind="stretch", interpolation="nearest"))
    random_crop = make_random_crop(crop, input)
    numbers = tf.constant(random_crop.draw(CounterRng(1, 0, np.arange(40))))
    boxes = random_crop.boxes(numbers, 32, 24)
    repeated = tf.constant(np.repeat(places[np.newaxis], 40, axis=0))
    batch = crop_batch(repeated, boxes, random_crop.crop_first, input).numpy()
    for part, drawn, box in zip(batch, numbers, boxes.numpy().astype(float), strict=True):
        for found in (part, crop_image(tf.constant(places), drawn, random_crop, input).numpy()):
            rows, columns = (
                box[axis] + (np.arange(size) + 0.5) * box[axis + 2] / size for axis, size in ((0, 32), (1, 24))
            )
            for centres, read in ((rows[:, np.newaxis], found[..., 0]), (columns, found[..., 1])):
                assert (np.abs(read + 0.5 - centres) <= 0.5001).all()  # a centre on a border falls either way


@pytest.mark.parametrize("crop", [RESIZED, RESCALED], ids=["resized", "rescaled"])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_is_decoded_in_part(crop: ResizedCrop | RescaledCrop, mode: str) -> None:
    random = np.random.default_rng(0)
    large = Image.fromarray(random.integers(0, 256, (20, 25, 3), np.uint8)).resize((250, 200), PILLOW["bicubic"])
    file = io.BytesIO()
    large.convert(mode).save(file, "JPEG", quality=90)
    encoded = tf.constant(file.getvalue())
    input = Input(shape=(32, 32, 1 if mode == "L" else 3))
    random_crop = make_random_crop(crop, input)
    whole = tf.io.decode_image(encoded, channels=1 if mode == "L" else 3)
    read = traced(crop, input)
    for numbers in tf.constant(random_crop.draw(CounterRng(2, 0, np.arange(20)))):
        ours, expected = read(encoded, numbers).numpy(), crop_image(whole, numbers, random_crop, input).numpy()
        # Colour of half resolution is interpolated a little differently at the border of what is decoded.
        assert np.abs(ours.astype(int) - expected).mean() < 1.5


@pytest.mark.parametrize("orientation", range(2, 9))
def test_the_part_of_a_photo_on_its_side_is_that_of_the_upright_one(orientation: int) -> None:
    random = np.random.default_rng(0)
    stored = Image.fromarray(random.integers(0, 256, (20, 25, 3), np.uint8)).resize((250, 200), PILLOW["bicubic"])
    tags = Image.Exif()
    tags[274] = orientation
    file = io.BytesIO()
    stored.save(file, "JPEG", quality=95, subsampling=0, exif=tags.tobytes())
    input = Input(shape=(32, 32, 3))
    random_crop = make_random_crop(RESIZED, input)
    upright = tf.constant(np.asarray(ImageOps.exif_transpose(Image.open(file))))
    read, encoded = traced(RESIZED, input), tf.constant(file.getvalue())
    for numbers in tf.constant(random_crop.draw(CounterRng(2, 0, np.arange(6)))):
        ours, expected = read(encoded, numbers).numpy(), crop_image(upright, numbers, random_crop, input).numpy()
        assert np.abs(ours.astype(int) - expected).mean() < 1.5  # two decoders


def test_what_is_no_image_is_an_ordinary_error() -> None:
    input = Input(shape=(32, 32, 3))
    random_crop = make_random_crop(RESIZED, input)
    numbers = tf.constant(random_crop.draw(CounterRng(0, 0, np.arange(1)))[0])
    for bytes_ in (b"", b"\xff\xd8\xff\xe0 no JPEG", b"nonsense"):
        with pytest.raises(tf.errors.InvalidArgumentError):
            decode_crop(tf.constant(bytes_), numbers, random_crop, input)
