"""Decoding and resizing against Pillow, torchvision's crop rule, and what users hand in by mistake."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kresnet.data.image_limits import MAX_PIXELS
from kresnet.data.images import decode, read_image, resize
from kresnet.errors import KresnetError
from kresnet.export.malformed_requests import huge_png
from kresnet.spec.inputs import Input


def image_input(*shape: int, **resize_rule: object) -> Input:
    return Input.model_validate({"shape": shape} | ({"resize": resize_rule} if resize_rule else {}))


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def decoded(encoded: bytes, input: Input) -> np.ndarray:
    return decode(tf.constant(encoded), input).numpy()


def pillow_resize(image: np.ndarray, size: tuple[int, int], interpolation: str) -> np.ndarray:
    """Pillow's resize in floating point; in bytes it rounds, and clips bicubic's overshoot, between the two axes."""
    channels = [Image.fromarray(image[..., channel].astype(np.float32)) for channel in range(3)]
    resized = [np.asarray(one.resize(size[::-1], Image.Resampling[interpolation.upper()])) for one in channels]
    return np.clip(np.round(np.stack(resized, axis=-1)), 0, 255).astype(int)


MODES = [
    ("RGB", "PNG"), ("L", "PNG"), ("LA", "PNG"), ("RGBA", "PNG"), ("P", "PNG"), ("1", "PNG"),
    ("RGB", "BMP"), ("L", "BMP"), ("P", "BMP"), ("RGBA", "BMP"),
    ("RGB", "GIF"), ("L", "GIF"), ("P", "GIF"),
    ("RGB", "WEBP"), ("RGBA", "WEBP"),
    ("RGB", "JPEG"), ("L", "JPEG"), ("CMYK", "JPEG"),
]  # fmt: skip


@pytest.mark.parametrize(("mode", "kind"), MODES)
def test_every_mode_decodes_as_pillow_does(photo: np.ndarray, mode: str, kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    encoded = encode(Image.fromarray(photo).convert(mode), kind, **options)
    opened = Image.open(io.BytesIO(encoded))
    tolerance = 4 if kind == "JPEG" else 0  # inverse transforms of JPEG may differ
    colour = decoded(encoded, image_input(48, 60, 3)).astype(int)
    assert np.abs(colour - np.asarray(opened.convert("RGB"))).max() <= tolerance
    grey = decoded(encoded, image_input(48, 60, 1)).astype(int)
    assert np.abs(grey[..., 0] - np.asarray(opened.convert("RGB").convert("L"))).max() <= tolerance
    if mode in ("L", "LA", "1"):
        np.testing.assert_array_equal(grey[..., 0], colour[..., 1])  # grey stays as it is


def test_sixteen_bits_keep_the_high_byte(photo: np.ndarray) -> None:
    samples = photo[..., 0].astype(np.uint16) * 256 + 77
    np.testing.assert_array_equal(
        decoded(encode(Image.fromarray(samples), "PNG"), image_input(48, 60, 1))[..., 0], photo[..., 0]
    )


def test_animated_gif_gives_its_first_frame(photo: np.ndarray) -> None:
    first, second = Image.fromarray(photo).convert("P"), Image.fromarray(255 - photo).convert("P")
    encoded = encode(first, "GIF", save_all=True, append_images=[second])
    np.testing.assert_array_equal(decoded(encoded, image_input(48, 60, 3)), np.asarray(first.convert("RGB")))


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "nearest"])
@pytest.mark.parametrize("size", [(32, 20), (48, 31), (96, 120)])
def test_stretch_agrees_with_pillow(photo: np.ndarray, size: tuple[int, int], interpolation: str) -> None:
    input = image_input(*size, 3, kind="stretch", interpolation=interpolation)
    ours = resize(tf.constant(photo), input).numpy().astype(int)
    theirs = pillow_resize(photo, size, interpolation)
    assert np.abs(ours - theirs).max() <= (0 if interpolation == "nearest" else 1)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "nearest"])
@pytest.mark.parametrize("shorter_side", [24, 32, 70])
def test_center_crop_is_resize_then_cut(photo: np.ndarray, shorter_side: int, interpolation: str) -> None:
    input = image_input(24, 24, 3, kind="center_crop", shorter_side=shorter_side, interpolation=interpolation)
    ours = resize(tf.constant(photo), input).numpy().astype(int)
    longer = 60 * shorter_side // 48
    full = pillow_resize(photo, (shorter_side, longer), interpolation)
    left, top = (longer - 24) // 2, (shorter_side - 24) // 2
    theirs = full[top : top + 24, left : left + 24]
    assert np.abs(ours - theirs).max() <= (0 if interpolation == "nearest" else 1)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "nearest"])
@pytest.mark.parametrize(
    ("shape", "shorter_side", "full"),
    [
        ((16, 32), 16, (25, 32)),  # of 48x60, the width is shorter in relation
        ((16, 32), 20, (32, 40)),
        ((32, 16), 16, (32, 40)),
        ((32, 38), 32, (32, 40)),
    ],
)
def test_center_crop_of_an_input_that_is_not_square_covers_it(
    photo: np.ndarray, shape: tuple[int, int], shorter_side: int, full: tuple[int, int], interpolation: str
) -> None:
    input = image_input(*shape, 3, kind="center_crop", shorter_side=shorter_side, interpolation=interpolation)
    ours = resize(tf.constant(photo), input).numpy().astype(int)
    top, left = ((whole - part) // 2 for whole, part in zip(full, shape, strict=True))
    theirs = pillow_resize(photo, full, interpolation)[top : top + shape[0], left : left + shape[1]]
    assert np.abs(ours - theirs).max() <= (0 if interpolation == "nearest" else 1)


@pytest.mark.parametrize("shorter_side", [24, 25, 27, 29, 31])
def test_an_odd_pixel_left_over_goes_where_torchvision_has_it(photo: np.ndarray, shorter_side: int) -> None:
    rule = {"kind": "center_crop", "shorter_side": shorter_side, "interpolation": "bilinear", "rounding": "half_even"}
    ours = resize(tf.constant(photo), image_input(24, 24, 3, **rule)).numpy().astype(int)
    longer = 60 * shorter_side // 48
    full = pillow_resize(photo, (shorter_side, longer), "bilinear")
    # torchvision.transforms.functional.center_crop; Python rounds halves to the even number
    left, top = round((longer - 24) / 2.0), round((shorter_side - 24) / 2.0)
    assert np.abs(ours - full[top : top + 24, left : left + 24]).max() <= 1


def test_an_image_of_the_right_size_is_unchanged(photo: np.ndarray) -> None:
    for rule in ({"kind": "stretch"}, {"kind": "center_crop", "shorter_side": 64}):
        np.testing.assert_array_equal(resize(tf.constant(photo), image_input(48, 60, 3, **rule)), photo)
    np.testing.assert_array_equal(decoded(encode(Image.fromarray(photo), "PNG"), image_input(48, 60, 3)), photo)


def test_a_long_thin_image_is_cropped_without_being_blown_up() -> None:
    # Resizing before the cut would take 256 x 5,120,000 x 3 floats.
    thin = tf.fill((1, 20_000, 3), tf.constant(9, tf.uint8))
    cropped = resize(thin, image_input(224, 224, 3, kind="center_crop", shorter_side=256))
    assert np.all(cropped.numpy() == 9)


def test_decode_serves_from_a_saved_graph(photo: np.ndarray, tmp_path) -> None:
    input = image_input(24, 24, 3)

    class Decoder(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None,), tf.string)])
        def __call__(self, encoded: tf.Tensor) -> tf.Tensor:
            return tf.map_fn(lambda one: decode(one, input), encoded, fn_output_signature=tf.uint8)

    tf.saved_model.save(Decoder(), str(tmp_path / "decoder"))
    files = [encode(Image.fromarray(photo), kind) for kind in ("PNG", "BMP", "JPEG")]
    served = tf.saved_model.load(str(tmp_path / "decoder"))(tf.constant(files))
    np.testing.assert_array_equal(served, np.stack([decoded(file, input) for file in files]))


def test_read_image_gives_what_decode_gives(photo: np.ndarray, tmp_path) -> None:
    path = tmp_path / "photo.png"
    Image.fromarray(photo).save(path)
    image = read_image(path, image_input(48, 60, 3))
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, photo)


def bad_files(photo: np.ndarray) -> dict[str, tuple[bytes, str]]:
    image = Image.fromarray(photo)
    return {
        "empty.png": (b"", "is empty"),
        "text.png": (b"hello, I am not a picture", "is not an image"),
        "cut.png": (encode(image, "PNG")[:300], "is damaged"),
        "cut.jpg": (encode(image, "JPEG")[:-200], "is damaged"),
        "scan.tiff": (encode(image, "TIFF"), "in a format that is not read"),
        "moving.webp": (encode(image, "WEBP", save_all=True, append_images=[image.rotate(90)]), "animated WebP"),
        "bits.bmp": (encode(image.convert("1"), "BMP"), "unusual kind of BMP"),
    }


@pytest.mark.parametrize("name", bad_files(np.zeros((48, 60, 3), np.uint8)))
def test_unreadable_images_are_explained(photo: np.ndarray, tmp_path, name: str) -> None:
    contents, reason = bad_files(photo)[name]
    path = tmp_path / name
    path.write_bytes(contents)
    for channels in (1, 3):
        with pytest.raises(KresnetError) as caught:
            read_image(path, image_input(48, 60, channels))
        (problem,) = caught.value.problems
        assert problem.code == "image_unreadable"
        assert str(path) in problem.message
        assert reason in problem.message
        assert problem.remedy
        assert not any(word in str(problem) for word in ("Op:", "tensorflow", "function_node", "Error"))


def test_missing_file_and_folder(tmp_path) -> None:
    with pytest.raises(KresnetError, match=r"There is no file .*nothing.png") as caught:
        read_image(tmp_path / "nothing.png", image_input(8, 8, 3))
    assert caught.value.problems[0].code == "file_missing"
    with pytest.raises(KresnetError, match="can not be read: Is a directory") as caught:
        read_image(tmp_path, image_input(8, 8, 3))
    assert caught.value.problems[0].code == "image_unreadable"


def test_inputs_that_do_not_suit_images() -> None:
    image = tf.zeros((8, 8, 3), tf.uint8)
    with pytest.raises(KresnetError, match="takes vectors"):
        resize(image, Input.model_validate({"shape": [12]}))
    with pytest.raises(KresnetError, match=r"grey .* or colour"):
        decode(tf.constant(b""), image_input(8, 8, 4))
    with pytest.raises(KresnetError, match="larger than the image"):
        resize(image, image_input(8, 9, 3, kind="center_crop", shorter_side=7))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "WEBP"])
def test_the_limit_of_pixels_is_read_off_each_format(kind, tmp_path, monkeypatch):
    for module in ("image_limits", "unreadable_images"):
        monkeypatch.setattr(f"kresnet.data.{module}.MAX_PIXELS", 30 * 40)
    for height, width in ((30, 40), (31, 40), (1300, 1)):
        path = tmp_path / f"{height}.{kind.lower()}"
        Image.new("RGB", (width, height)).save(path, kind)
        if height * width <= 1200:
            assert read_image(path, image_input(8, 8, 3)).shape == (8, 8, 3)
        else:
            with pytest.raises(KresnetError, match=f"{width} x {height} pixels; at most 1,200"):
                read_image(path, image_input(8, 8, 3))
    assert MAX_PIXELS == 2**27


def test_a_small_file_of_a_huge_image_is_refused(tmp_path):
    (tmp_path / "huge.png").write_bytes(huge_png())
    with pytest.raises(KresnetError, match=r"60000.*image_unreadable"):
        read_image(tmp_path / "huge.png", image_input(8, 8, 3))
