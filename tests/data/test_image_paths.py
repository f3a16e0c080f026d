"""Images are found by path, folder, pattern and list, in order, and what names none is told at once."""

from __future__ import annotations

import io
import os
from types import SimpleNamespace

import pytest

from kresnet.data.image_paths import find_images
from kresnet.errors import KresnetError


@pytest.fixture
def files(tmp_path, monkeypatch):
    for name in ("b.png", "a.JPG", "notes.md", ".hidden.png", "inner/c.webp", ".git/d.png"):
        path = tmp_path / "scans" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_folder_gives_its_images_and_those_of_folders_in_it(files):
    assert list(find_images(["scans"])) == ["scans/a.JPG", "scans/b.png", "scans/inner/c.webp"]


def test_a_pattern_gives_what_matches(files):
    assert list(find_images(["scans/*.png"])) == ["scans/b.png"]
    assert list(find_images([files / "scans/**/*.webp"])) == [f"{files}/scans/inner/c.webp"]
    odd = files / "odd[1].png"
    odd.write_bytes(b"")
    assert list(find_images(["odd[1].png"])) == ["odd[1].png"]  # a file of that very name


def test_a_list_has_a_path_a_line_that_need_not_be_text(files, monkeypatch):
    (files / "list.txt").write_bytes(b"scans/b.png\n\nno such.png\r\n~/\xff.png\n")
    monkeypatch.setenv("HOME", "/home/me")
    assert list(find_images(["list.txt"])) == [
        "scans/b.png",
        "no such.png",
        "/home/me/" + os.fsdecode(b"\xff") + ".png",
    ]
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"one.png\ntwo.png")))
    assert list(find_images(["-", "three"])) == ["one.png", "two.png", "three"]


def test_all_that_names_no_image_is_told_at_once(files):
    (files / "empty").mkdir()
    with pytest.raises(KresnetError) as caught:
        find_images(["empty", "none.lst", "*.bmp", "scans"])
    assert [problem.code for problem in caught.value.problems] == ["data_empty", "file_missing", "file_missing"]


def test_paths_are_found_when_they_are_needed(files):
    found = find_images(["scans", "-"])
    assert next(found) == "scans/a.JPG"  # standard input has not been read
