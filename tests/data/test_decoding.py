"""The rule of each kind of image file, against Pillow: transparency, samples of 16 bits, orientation."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from kresnet.data.decoding import decode_pixels
from kresnet.spec.inputs import Input
from tests.data.test_exif import exif
from tests.data.test_images import encode


def decoded(encoded: bytes, channels: int = 3, **settings: object) -> np.ndarray:
    input = Input.model_validate({"shape": [8, 8, channels], **settings})
    return decode_pixels(tf.constant(encoded), input).numpy()


def over(image: Image.Image, background: tuple[int, int, int]) -> np.ndarray:
    """What Pillow makes of an image over a background."""
    image = image.convert("RGBA")
    return np.asarray(Image.alpha_composite(Image.new("RGBA", image.size, (*background, 255)), image).convert("RGB"))


def glass(photo: np.ndarray) -> Image.Image:
    """A photo whose opacity rises from left to right, from nothing to all."""
    opacity = np.broadcast_to(np.linspace(0, 255, photo.shape[1]).astype(np.uint8), photo.shape[:2])
    return Image.fromarray(np.concatenate([photo, opacity[..., np.newaxis]], axis=-1))


@pytest.mark.parametrize("background", [(255, 255, 255), (0, 128, 255)])
@pytest.mark.parametrize(("mode", "kind"), [("RGBA", "PNG"), ("LA", "PNG"), ("RGBA", "WEBP")])
def test_what_is_transparent_shows_the_background(photo, mode, kind, background) -> None:
    image = glass(photo).convert(mode)
    encoded = encode(image, kind, **({"lossless": True, "exact": True} if kind == "WEBP" else {}))
    assert np.abs(decoded(encoded, background=background).astype(int) - over(image, background)).max() <= 1  # rounding


@pytest.mark.parametrize(("mode", "options"), [("P", {"transparency": 3}), ("L", {"transparency": 0})])
def test_a_colour_that_is_declared_transparent_shows_it_too(photo, mode, options) -> None:
    image = Image.fromarray(photo // 32 * 32).convert(mode)
    encoded = encode(image, "PNG", **options)
    opened = Image.open(io.BytesIO(encoded))
    np.testing.assert_array_equal(decoded(encoded), over(opened, (255, 255, 255)))


def test_what_lies_below_full_transparency_has_no_say(photo) -> None:
    """Two files that look alike to every viewer."""
    black, white = np.zeros((8, 8, 4), np.uint8), np.full((8, 8, 4), 255, np.uint8)
    white[..., 3] = 0
    for image in (black, white):
        image[2:5, 2:5] = (200, 60, 30, 255)
    for channels in (1, 3):
        one, other = (decoded(encode(Image.fromarray(each), "PNG"), channels) for each in (black, white))
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("low", [0, 100])
def test_samples_of_twelve_bits_fill_the_bytes(low: int) -> None:
    samples = (np.arange(64, dtype=np.uint16).reshape(8, 8) * 64 + low).astype(np.uint16)
    encoded = encode(Image.fromarray(samples), "PNG")
    levels = np.clip(np.round((samples.astype(float) - low) * 255 / (4095 - low)), 0, 255)
    np.testing.assert_array_equal(decoded(encoded, 1, sample_range=[low, 4095])[..., 0], levels)
    np.testing.assert_array_equal(decoded(encoded, 1)[..., 0], samples >> 8)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photos_stand_upright(photo, orientation: int) -> None:
    encoded = encode(Image.fromarray(photo), "PNG", exif=exif(orientation))
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(encoded))))
    np.testing.assert_array_equal(decoded(encoded), expected)


def test_of_a_multi_picture_file_the_first_picture_is_read(photo: np.ndarray) -> None:
    """As Pillow opens it; a telephone's second picture is smaller, or the other eye's."""
    first, second = Image.fromarray(photo), Image.fromarray(photo[::-1])
    encoded = encode(first, "MPO", save_all=True, append_images=[second], quality=90)
    opened = Image.open(io.BytesIO(encoded))
    assert (opened.format, opened.n_frames) == ("MPO", 2)
    assert np.abs(decoded(encoded).astype(int) - np.asarray(opened)).max() <= 8  # inverse transforms of JPEG may differ


def test_cmyk_is_inverted_where_adobe_says_so_and_ink_elsewhere(photo: np.ndarray) -> None:
    """Photoshop's files have Adobe's marker; without it, 255 is full ink."""
    cmyk = np.asarray(Image.fromarray(photo).convert("CMYK"))
    encoded = encode(Image.fromarray(cmyk, "CMYK"), "JPEG", quality=95)  # which writes the marker, and inverts
    expected = np.asarray(Image.fromarray(photo).convert("CMYK").convert("RGB")).astype(int)
    assert np.abs(decoded(encoded) - expected).mean() < 5
    at = encoded.index(b"\xff\xee")
    unmarked = encode(Image.fromarray(255 - cmyk, "CMYK"), "JPEG", quality=95)
    assert unmarked[at : at + 2] == b"\xff\xee"
    unmarked = unmarked[:at] + unmarked[at + 2 + int.from_bytes(unmarked[at + 2 : at + 4]) :]
    assert np.abs(decoded(unmarked) - expected).mean() < 5
