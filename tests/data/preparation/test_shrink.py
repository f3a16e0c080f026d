"""Smaller image files: where they shrink, turned upright; where they do not, the same bytes."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kresnet.data.decoding import decode_pixels
from kresnet.data.preparation.shrink import shrink_image
from kresnet.spec.inputs import Input


def encoded(image, kind="JPEG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.fixture(scope="module")
def picture():
    ramp = np.add.outer(np.arange(300), np.arange(400)) % 256
    noise = np.random.default_rng(0).integers(0, 40, (300, 400, 3))
    return Image.fromarray(np.clip(ramp[..., None] * [0.8, 0.5, 0.3] + noise, 0, 255).astype(np.uint8))


def test_a_photograph_becomes_smaller_and_stays_the_same_picture(picture):
    before = encoded(picture, quality=95)
    after = shrink_image(before, 120, 90)
    assert len(after) < len(before)
    with Image.open(io.BytesIO(after)) as image:
        assert (image.format, image.size) == ("JPEG", (160, 120))
        difference = np.asarray(image, float) - np.asarray(picture.resize((160, 120), Image.Resampling.BOX), float)
    assert np.abs(difference).mean() < 6


@pytest.mark.parametrize("orientation", range(1, 9))
def test_what_lies_on_its_side_is_turned_and_says_so_no_more(picture, orientation):
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = orientation, "a place that nobody is to know"
    before = encoded(picture, quality=95, exif=exif)
    after = shrink_image(before, 100, 90)
    assert b"nobody" not in after
    seen = [decode_pixels(tf.constant(each), Input(shape=(8, 8, 3))).numpy() for each in (before, after)]
    assert seen[1].shape == ((100, 133, 3) if orientation < 5 else (133, 100, 3))
    size = seen[1].shape[1::-1]
    small = np.asarray(Image.fromarray(seen[0]).resize(size, Image.Resampling.BICUBIC), float)
    assert np.abs(small - seen[1]).mean() < 6
    assert not Image.open(io.BytesIO(after)).getexif()


def test_what_is_stored_without_loss_stays_so(picture):
    after = shrink_image(encoded(picture, "PNG"), 100, 90)
    assert Image.open(io.BytesIO(after)).format == "PNG"


@pytest.mark.parametrize("case", ["small", "alpha", "deep", "cmyk", "animated", "not smaller", "no image", "truncated"])
def test_other_files_stay_as_they_are_to_the_byte(picture, case):
    files = {
        "small": lambda: encoded(picture.resize((100, 90))),
        "alpha": lambda: encoded(picture.convert("RGBA"), "PNG"),
        "deep": lambda: encoded(Image.fromarray(np.arange(90_000, dtype=np.uint16).reshape(300, 300)), "PNG"),
        "cmyk": lambda: encoded(picture.convert("CMYK")),
        "animated": lambda: encoded(picture.quantize(), "GIF", save_all=True, append_images=[picture.quantize()]),
        "not smaller": lambda: encoded(
            Image.new("L", (101, 101)), quality=1
        ),
        "no image": lambda: b"no image",
        "truncated": lambda: encoded(picture)[:300],
    }  # fmt: skip
    before = files[case]()
    assert shrink_image(before, 100, 90) == before
