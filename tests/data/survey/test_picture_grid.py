"""Some images of each class on one picture."""

import numpy as np
from PIL import Image

from kresnet.data.survey.picture_grid import draw_grid


def test_each_image_stands_in_its_place(tmp_path):
    Image.new("RGB", (40, 20), "red").save(tmp_path / "red.png")
    (tmp_path / "broken.png").write_bytes(b"x")
    blue = np.zeros((4, 4, 3), np.uint8)
    blue[..., 2] = 255
    pictures = {
        "warm": [tmp_path / "red.png"],
        "a name that is far too long for the few pictures below it to stand above them in one line": [
            blue, (tmp_path / "red.png").read_bytes(), tmp_path / "broken.png", np.full((4, 4, 1), 7, np.uint8)],
    }  # fmt: skip
    pixels = np.asarray(draw_grid(pictures))
    row, column = 96 + 6 + 18, 96 + 6
    middle_y, middle_x = 6 + 18 + 48, 6 + 48
    assert pixels[middle_y, middle_x].tolist() == [255, 0, 0]
    assert pixels[middle_y - 40, middle_x].tolist() == [255, 255, 255]  # it is twice as wide as high
    found = [pixels[middle_y + row, middle_x + n * column].tolist() for n in range(4)]
    assert found == [[0, 0, 255], [255, 0, 0], [208, 208, 208], [7, 7, 7]]
    assert (pixels[:20] < 128).any()  # the name
