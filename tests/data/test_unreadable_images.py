"""Why bytes are no image that is read, in words."""

import io

import pytest
from PIL import Image

from kresnet.data.unreadable_images import explain_unreadable


def encoded(kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "a.png is empty."),
        (b"hello", "a.png is not an image that can be read."),
        (encoded("TIFF"), "a.png is in a format that is not read."),
        (encoded("WEBP", save_all=True, append_images=[Image.new("RGB", (8, 8), "red")]), "a.png is an animated WebP."),
        (encoded("PNG")[:60], "a.png is damaged, or an unusual kind of PNG."),
    ],
)
def test_each_reason_is_told(content, said):
    problem = explain_unreadable("a.png", content)
    assert (problem.code, problem.message) == ("image_unreadable", said)
    assert problem.remedy
