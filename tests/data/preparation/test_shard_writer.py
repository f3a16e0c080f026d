"""Shards: whole with their note, or not there."""

import numpy as np
import pytest

from kresnet.data.preparation.examples import PreparedExample
from kresnet.data.preparation.shard_writer import note_path, read_note, write_shard
from kresnet.data.prepared.shards import ends_digest
from kresnet.errors import Problem
from kresnet.files import digest

PROBLEM = Problem("image_unreadable", "x.png is empty.")


def examples(*bad):
    for place in range(5):
        if place in bad:
            yield PreparedExample(place, problem=PROBLEM)
        else:
            yield PreparedExample(place, bytes([place]) * 1000, bytes([place]) * 16)


@pytest.mark.parametrize("bad", [(), (1, 3), (0, 1, 2, 3, 4)])
def test_the_note_says_what_is_in_the_shard(tmp_path, bad):
    path = tmp_path / "s.array_record"
    written = write_shard(path, examples(*bad), None)
    found = read_note(path)
    assert found.places.tolist() == written.places.tolist() == [place for place in range(5) if place not in bad]
    assert found.left_out == dict.fromkeys(bad, "x.png is empty.")
    np.testing.assert_array_equal(found.digests[:, 0], found.places)
    assert found.shard == written.shard
    if len(bad) < 5:
        assert (found.shard.sha256, found.shard.ends) == (digest(path), ends_digest(path))
    assert sorted(each.name for each in tmp_path.iterdir()) == [".s.note.npz", "s.array_record"]


def test_nothing_is_written_where_problems_stop_it(tmp_path):
    problems: list[Problem] = []
    assert write_shard(tmp_path / "s.array_record", examples(1, 2), problems) is None
    assert problems == [PROBLEM, PROBLEM]
    assert not list(tmp_path.iterdir())


def test_a_shard_that_is_not_whole_does_not_count(tmp_path):
    path = tmp_path / "s.array_record"
    assert read_note(path) is None
    write_shard(path, examples(), None)
    path.write_bytes(path.read_bytes()[:-1])
    assert read_note(path) is None
    path.unlink()
    assert read_note(path) is None
    note_path(path).write_bytes(b"x")
    assert read_note(path) is None


def test_what_ends_the_writing_leaves_nothing(tmp_path):
    def failing():
        yield PreparedExample(0, b"x", bytes(16))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_shard(tmp_path / "s.array_record", failing(), None)
    assert not list(tmp_path.iterdir())
