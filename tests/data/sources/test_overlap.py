"""Test examples that are trained on are found, as the same files and as copies."""

import os
import shutil

import numpy as np

from kresnet.data.sources import overlap
from kresnet.data.sources.overlap import Overlap, overlap_of_files, overlap_of_records, overlap_of_rows


def files(folder, **contents):
    """Files of these contents: path and size of each."""
    folder.mkdir(exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return [(str(folder / name), len(content)) for name, content in contents.items()]


def test_copies_are_found_under_other_names(tmp_path):
    head = bytes(5000)
    train = files(tmp_path / "train", a=head + b"1", b=head + b"2", c=b"short", d=b"other")
    test = files(tmp_path / "test", x=head + b"2", y=head + b"3", z=b"brief", w=b"a size of its own")
    found = overlap_of_files(train, test)
    assert found == Overlap(1, 4, example=str(tmp_path / "test/x"))
    assert overlap_of_files(train, test[1:]) == Overlap(0, 3)


def test_links_to_the_same_file_are_the_same(tmp_path):
    train = files(tmp_path / "train", a=b"one", b=b"two")
    os.link(tmp_path / "train/a", tmp_path / "hard")
    (tmp_path / "soft").symlink_to(tmp_path / "train/b")
    found = overlap_of_files(train, [(str(tmp_path / "hard"), 3), (str(tmp_path / "soft"), 3)])
    assert (found.shared, found.same) == (2, True)


def test_files_that_cannot_be_read_are_no_copies(tmp_path):
    train = files(tmp_path / "train", a=b"one")
    assert overlap_of_files([*train, ("missing", 3)], [("missing too", 3), ("gone", -1)]).shared == 0


def test_of_a_large_data_set_a_part_is_compared(tmp_path, monkeypatch):
    monkeypatch.setattr(overlap, "MAX_FILES", 12)
    train = files(tmp_path / "train", **{f"f{n}": bytes([n]) for n in range(8)})
    shutil.copytree(tmp_path / "train", tmp_path / "test")
    found = overlap_of_files(train, [(path.replace("train", "test"), size) for path, size in train])
    assert (found.shared, found.compared, found.same) == (4, 4, False)


def test_rows_and_records():
    rows = np.arange(12, dtype=np.float32).reshape(6, 2)
    assert overlap_of_rows(rows[:4], rows[3:]) == Overlap(1, 3, example="row 0")
    assert overlap_of_rows(rows[:4], rows[4:]) == Overlap(0, 2)
    found = overlap_of_records([("f", 0, 50), ("g", 0, 10), ("f", 40, 30)], [("f", 45, 20), ("h", 0, 5)], 25)
    assert found == Overlap(20, 25, same=True, example="record 45 of f")
    assert not overlap_of_records([("f", 0, 45)], [("f", 45, 5)], 5).same
