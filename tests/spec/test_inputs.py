"""What enters a network: images have defaults that vectors have not."""

from __future__ import annotations

import pytest

from kresnet.spec.inputs import CenterCrop, Input, Pixels, Stretch
from tests.spec.refusals import refused


def test_an_image_has_pixels_and_is_stretched_by_default():
    images = Input(shape=(32, 24, 3))
    assert images.is_image
    assert images.resize == Stretch(kind="stretch", interpolation="bilinear")
    assert images.pixels == Pixels(range=(0.0, 1.0), mean=(0.0,), std=(1.0,), channel_order="rgb")
    assert not images.any_size
    assert (images.background, images.sample_range) == ((255, 255, 255), (0, 65535))


def test_a_vector_has_neither():
    vectors = Input(shape=(8,))
    assert not vectors.is_image
    assert (vectors.pixels, vectors.resize, vectors.background, vectors.sample_range) == (None,) * 4


def test_what_an_image_states_takes_the_place_of_its_defaults():
    images = Input.model_validate(
        {"shape": [8, 8, 1], "pixels": {"mean": [0.5]}, "resize": {"kind": "center_crop", "shorter_side": 9}}
    )
    assert images.pixels.mean == (0.5,)
    assert images.resize == CenterCrop(kind="center_crop", shorter_side=9, interpolation="bilinear")
    assert Input.model_validate({"shape": [8, 8, 1], "pixels": None}).pixels is None


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"shape": []}, ("out_of_range", "shape")),
        ({"shape": [8, 8, 3, 1]}, ("out_of_range", "shape")),
        ({"shape": [0, 8, 3]}, ("out_of_range", "shape.0")),
        ({"shape": [8, 8, 3], "pixels": {"std": [0.0]}}, ("out_of_range", "pixels.std.0")),
        ({"shape": [8, 8, 3], "pixels": {"channel_order": "rbg"}}, ("wrong_value", "pixels.channel_order")),
        ({"shape": [8, 8, 3], "background": [0, 0, 256]}, ("out_of_range", "background.2")),
        ({"shape": [8, 8, 3], "background": [0, 0]}, ("missing_field", "background.2")),
        ({"shape": [8, 8, 3], "sample_range": [0, 65536]}, ("out_of_range", "sample_range.1")),
        ({"shape": [8, 8, 3], "resize": {"kind": "center_crop"}}, ("missing_field", "resize.shorter_side")),
        ({"shape": [8, 8, 3], "resize": {"kind": "stretch", "shorter_side": 9}},
         ("unknown_field", "resize.shorter_side")),
    ],
)  # fmt: skip
def test_what_is_refused(settings, expected):
    assert refused(Input, settings) == expected
