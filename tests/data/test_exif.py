"""Orientation of photographs: all eight, in every kind of file that states one, against Pillow."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from kresnet.data.exif import read_orientation, stored_window, turn_upright, upright_size
from tests.data.test_images import encode

PIXELS = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)


def exif(orientation: int) -> bytes:
    tags = Image.Exif()
    tags[271], tags[274], tags[305] = "a camera", orientation, "a program"
    return tags.tobytes()


def tagged(kind: str, orientation: int) -> bytes:
    options = {"lossless": True} if kind == "WEBP" else {}
    return encode(Image.fromarray(PIXELS), kind, exif=exif(orientation), **options)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_read(kind: str, orientation: int) -> None:
    assert int(read_orientation(tagged(kind, orientation))) == orientation


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
def test_a_file_that_states_none_is_upright(kind: str) -> None:
    assert int(read_orientation(encode(Image.fromarray(PIXELS), kind))) == 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_image_is_turned_as_pillow_turns_it(orientation: int) -> None:
    stored = Image.fromarray(PIXELS)
    stored.getexif()[274] = orientation
    expected = np.asarray(ImageOps.exif_transpose(stored))
    upright = turn_upright(tf.constant(PIXELS), tf.constant(orientation))
    np.testing.assert_array_equal(upright, expected)
    assert tuple(upright_size(tf.constant([5, 7]), tf.constant(orientation)).numpy()) == expected.shape[:2]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_window_of_the_upright_image_is_found_in_the_stored_one(orientation: int) -> None:
    upright = turn_upright(tf.constant(PIXELS), tf.constant(orientation)).numpy()
    window = stored_window(tf.constant([1, 2]), tf.constant([3, 2]), tf.constant([5, 7]), tf.constant(orientation))
    row, column, height, width = window.numpy()
    part = turn_upright(tf.constant(PIXELS[row : row + height, column : column + width]), tf.constant(orientation))
    np.testing.assert_array_equal(part, upright[1:4, 2:4])


@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize("kind", ["short", "long"])
def test_either_order_of_bytes_and_either_width_is_read(order: str, kind: str) -> None:
    sign, mark = ("<", b"II*\0") if order == "little" else (">", b"MM\0*")
    value = struct.pack(sign + "HHI", 274, 3, 1) + struct.pack(sign + "HH", 6, 0)
    if kind == "long":
        value = struct.pack(sign + "HHII", 274, 4, 1, 6)
    tiff = mark + struct.pack(sign + "IH", 8, 1) + value + bytes(4)
    segment = b"Exif\0\0" + tiff
    jpeg = encode(Image.fromarray(PIXELS), "JPEG")
    app1 = b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment
    assert int(read_orientation(jpeg[:2] + app1 + jpeg[2:])) == 6
    comment = b"\xff\xfe" + struct.pack(">H", 12) + b"0123456789"
    assert int(read_orientation(jpeg[:2] + comment + app1 + jpeg[2:])) == 6, "behind another segment"


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(["JPEG", "PNG", "WEBP"]),
    cut=st.integers(0, 400),
    changes=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=12),
)
def test_damaged_files_give_some_orientation_and_no_error(kind: str, cut: int, changes: list[tuple[int, int]]) -> None:
    data = bytearray(tagged(kind, 6)[: cut or None])
    for place, value in changes:
        if place < len(data):
            data[place] = value
    assert 1 <= int(read_orientation(bytes(data))) <= 8


def test_the_pixels_that_a_phone_stored_on_their_side_are_those_of_the_upright_photo() -> None:
    upright = Image.fromarray(np.kron(PIXELS, np.ones((8, 8, 1), np.uint8)))
    stored = io.BytesIO()
    upright.transpose(Image.Transpose.ROTATE_90).save(stored, "PNG", exif=exif(6))
    decoded = turn_upright(tf.io.decode_png(stored.getvalue()), read_orientation(tf.constant(stored.getvalue())))
    np.testing.assert_array_equal(decoded, np.asarray(upright))
