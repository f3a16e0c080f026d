"""What Pillow wrote is what the headers say."""

import io

import numpy as np
import pytest
from PIL import Image

from kresnet.data.survey.image_headers import read_headers


def encoded(mode: str, kind: str, size=(5, 4), **options: object) -> bytes:
    file = io.BytesIO()
    Image.new(mode, size).save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("mode", "kind", "words"),
    [
        ("1", "PNG", "black and white"),
        ("L", "PNG", "grey"),
        ("L", "JPEG", "grey"),
        ("LA", "PNG", "grey with transparency"),
        ("P", "PNG", "palette"),
        ("P", "GIF", "palette"),
        ("RGB", "JPEG", "RGB"),
        ("RGBA", "PNG", "RGB with transparency"),
        ("RGBA", "WEBP", "RGB with transparency"),
        ("CMYK", "JPEG", "CMYK"),
        ("I;16", "PNG", "16-bit grey"),
        ("RGB", "BMP", "RGB"),
    ],
)
def test_modes_and_formats(mode, kind, words):
    found = read_headers([("a", encoded(mode, kind))])
    assert (dict(found.modes), dict(found.formats), dict(found.sizes)) == ({words: 1}, {kind: 1}, {(5, 4): 1})
    assert found.only_size == (5, 4)
    assert found.channels == (1 if "grey" in words or "black" in words else 3)


def test_sixteen_bits_of_colour_are_seen():
    import zlib

    def chunk(name, data):
        return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")

    header = (2).to_bytes(4, "big") * 2 + bytes([16, 2, 0, 0, 0])
    pixels = zlib.compress((b"\0" + bytes(12)) * 2)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    assert np.asarray(Image.open(io.BytesIO(png))).shape == (2, 2, 3)
    assert dict(read_headers([("a", png)]).modes) == {"16-bit RGB": 1}


def test_orientations_are_counted(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "a.jpg").write_bytes(encoded("RGB", "JPEG", exif=exif.tobytes()))
    (tmp_path / "b.jpg").write_bytes(encoded("RGB", "JPEG", size=(7, 4)))
    found = read_headers((path.name, path) for path in sorted(tmp_path.iterdir()))
    assert dict(found.orientations) == {6: 1}
    assert found.only_size is None
    assert found.as_dict()["widths"] == {"smallest": 5, "median": 6, "largest": 7}


def test_what_is_no_image_is_named(tmp_path):
    (tmp_path / "folder.png").mkdir()
    images = [("empty", b""), ("text", b"hello"), ("tiff", encoded("RGB", "TIFF")), ("fine", encoded("RGB", "PNG")),
              ("gone", tmp_path / "gone.png"), ("folder", tmp_path / "folder.png")]  # fmt: skip
    found = read_headers(images)
    assert found.read == 6
    assert found.unreadable == {
        "empty": "is empty",
        "text": "is not an image that can be read",
        "tiff": "is in a format that is not read",
        "gone": "there is no such file",
        "folder": "it cannot be read: Is a directory",
    }
    assert found.as_dict()["unreadable"] == 5
