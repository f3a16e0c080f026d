"""Files are decoded as one by one, in order, a few batches ahead; an unreadable one is told in its place."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from kresnet.data.file_batches import file_batches
from kresnet.data.images import read_image
from kresnet.spec.inputs import Input

INPUT = Input(shape=(8, 8, 1))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    random = np.random.default_rng(0)
    for number in range(10):
        pixels = random.integers(0, 256, (8 + number, 12, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    (folder / "text.png").write_bytes(b"hello")
    return folder


def test_files_are_read_as_single_ones_are(folder):
    paths = [str(folder / f"{number}.png") for number in range(10)]
    batches = list(file_batches(paths, INPUT, 4))
    assert [batch.paths for batch in batches] == [tuple(paths[:4]), tuple(paths[4:8]), tuple(paths[8:])]
    expected = np.stack([read_image(path, INPUT) for path in paths])
    np.testing.assert_array_equal(np.concatenate([batch.images for batch in batches]), expected)
    assert not any(batch.problems for batch in batches)


def test_unreadable_files_are_told_and_the_others_read(folder):
    names = ["0", "text", "1", "none", "2", "3", "4", "text"]
    paths = [str(folder / f"{name}.png") for name in names]
    batches = list(file_batches(paths, INPUT, 3))
    assert [path for batch in batches for path in batch.paths] == paths
    codes = [{place: problem.code for place, problem in batch.problems.items()} for batch in batches]
    assert codes == [{1: "image_unreadable"}, {0: "file_missing"}, {1: "image_unreadable"}]
    np.testing.assert_array_equal(batches[0].images[2], read_image(paths[2], INPUT))
    np.testing.assert_array_equal(batches[1].images[1], read_image(paths[4], INPUT))
    assert not batches[0].images[1].any()


def test_paths_are_taken_a_few_batches_ahead_and_their_errors_raised(folder):
    taken = 0

    def paths():
        nonlocal taken
        for _ in range(1000):
            taken += 1
            yield str(folder / "0.png")
        raise KeyError("from the paths")

    batches = file_batches(paths(), INPUT, 2)
    next(batches)
    assert taken < 100
    with pytest.raises(KeyError, match="from the paths"):
        list(batches)
