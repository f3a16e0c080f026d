"""Data for the tests: files made on the spot, and the shared data sets where they are there."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.data.written_tables import write_table

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of shared test data; skips the test where it is missing."""
    folder = Path(os.environ.get("KRESNET_TEST_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no test data in {folder}; set KRESNET_TEST_DATA")
    return folder


@pytest.fixture(scope="session")
def photo() -> np.ndarray:
    """A smooth colour image with some texture: uint8 (48, 60, 3)."""
    random = np.random.default_rng(0)
    small = random.integers(0, 256, (12, 15, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((60, 48), Image.Resampling.BICUBIC))


@pytest.fixture
def make_folder(tmp_path: Path) -> Callable[..., Path]:
    """A maker of image folders: `make_folder(train={"cat": 3, "dog": 2}, test={"cat": 1, "dog": 1})`."""

    def make(**splits: dict[str, int]) -> Path:
        random = np.random.default_rng(1)
        for split, classes in splits.items():
            for name, count in classes.items():
                folder = tmp_path / "pictures" / split / name
                folder.mkdir(parents=True)
                for number in range(count):
                    pixels = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
                    Image.fromarray(pixels).save(folder / f"{number:03}.png")
        return tmp_path / "pictures"

    return make


@pytest.fixture
def image_folder(make_folder: Callable[..., Path]) -> Path:
    """Two classes, eleven images to train on and four to test on."""
    return make_folder(train={"cat": 6, "dog": 5}, test={"cat": 2, "dog": 2})


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with twelve images of 8 x 8, `0.png` to `11.png`, the first pixel of each its number."""
    for number in range(12):
        pixels = np.random.default_rng(number).integers(0, 256, (8, 8, 3), np.uint8)
        pixels[0, 0] = number
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    return tmp_path


@pytest.fixture
def make_table(pictures: Path) -> Callable[..., Path]:
    """A maker of tables beside the pictures: from their rows, or from the text of a file."""

    def make(content: list[dict[str, Any]] | str, name: str = "table.csv") -> Path:
        if isinstance(content, str):
            (pictures / name).write_text(content)
            return pictures / name
        return write_table(pictures / name, content)

    return make
