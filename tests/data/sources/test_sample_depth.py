"""16-bit images that use a part of their range are told, with a setting that helps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kresnet.data.sources import open_data
from kresnet.data.sources.inspection import inspect_data
from kresnet.data.sources.sample_depth import sample_depth_remark
from kresnet.spec.inputs import Input
from kresnet.spec.recipe import FolderData


def written(folder: Path, highest: int, kind: type = np.uint16) -> Path:
    """A folder of noise whose highest sample is known."""
    random = np.random.default_rng(0)
    for split in ("train", "test"):
        for name in ("dark", "light"):
            (folder / split / name).mkdir(parents=True)
            for number in range(3):
                samples = random.integers(0, highest + 1, (8, 8)).astype(kind)
                samples[0, 0] = highest
                Image.fromarray(samples).save(folder / split / name / f"{number}.png")
    return folder


def remark(folder: Path, **settings: object) -> str:
    input = Input.model_validate({"shape": [8, 8, 1], **settings})
    return sample_depth_remark(open_data(FolderData(kind="folder", path=str(folder)), input, 0).train)


def test_twelve_bits_are_told_with_their_range(tmp_path):
    told = remark(written(tmp_path, 4095))
    assert "go up to 4,095 of 65,535 (6 images looked at), so that 16 of 256 levels are used" in told
    assert "--set 'input.sample_range=[0, 4095]'" in told
    assert "dark/" in told or "light/" in told


def test_the_setting_answers_it_and_what_fills_its_range_is_not_told(tmp_path):
    assert remark(written(tmp_path / "a", 4095), sample_range=[0, 4095]) == ""
    assert remark(written(tmp_path / "b", 60000)) == ""
    assert remark(written(tmp_path / "c", 200, np.uint8)) == ""


@pytest.mark.parametrize(
    "damage", [b"", b"\x89PNG\r\n\x1a\n" + bytes(16) + b"\x10" + bytes(30)], ids=["empty", "header"]
)
def test_what_cannot_be_read_is_passed_over(tmp_path, damage):
    folder = written(tmp_path, 4095)
    (folder / "train/dark/1.png").write_bytes(damage)
    assert "(5 images looked at)" in remark(folder)


def test_a_run_hears_of_it(tmp_path):
    data = open_data(FolderData(kind="folder", path=str(written(tmp_path, 1000))), Input(shape=(8, 8, 1)), 0)
    assert any("sample_range=[0, 1023]" in sentence for sentence in inspect_data(data))
