"""A cache of bounded size: what was used longest ago goes, what is whole stays, damage is told."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from kresnet.data.prepared.file_cache import FileCache, open_cache
from kresnet.data.prepared.manifest import StoredFile
from kresnet.errors import KresnetError


def stored(letter: str, size: int = 40) -> tuple[StoredFile, bytes]:
    data = letter.encode() * size
    return StoredFile(letter, size, hashlib.sha256(data).hexdigest()), data


def fetch(cache: FileCache, letter: str, size: int = 40) -> tuple[Path, int]:
    """The path, and how often the file was read for it."""
    file, data = stored(letter, size)
    reads = []

    def read():
        reads.append(1)
        yield data[:7]
        yield data[7:]

    path = cache.path(file, read)
    assert path.read_bytes() == data
    return path, len(reads)


def test_files_are_read_once_and_the_oldest_make_room(tmp_path):
    cache = FileCache(tmp_path / "cache", 100)
    (tmp_path / "cache" / "weights").mkdir(parents=True)  # a folder is none of its files, and the oldest here
    for number, letter in enumerate("ab"):
        path, reads = fetch(cache, letter)
        assert reads == 1
        os.utime(path, (number, number))
    held = fetch(cache, "a")[0].open("rb")  # a is now the one that was used last
    assert fetch(cache, "a")[1] == 0
    assert fetch(cache, "c")[1] == 1
    assert [path.stat().st_size for path in (tmp_path / "cache").iterdir() if path.is_file()] == [40, 40]
    assert fetch(cache, "a")[1] == 0
    assert fetch(cache, "b")[1] == 1
    fetch(cache, "d", 100)
    assert sum(path.stat().st_size for path in (tmp_path / "cache").iterdir() if path.is_file()) == 100
    assert (tmp_path / "cache" / "weights").is_dir()
    assert held.read() == b"a" * 40  # who reads a file goes on reading it
    held.close()


def test_other_bytes_than_were_prepared_are_told_and_not_kept(tmp_path):
    file, data = stored("a")
    cache = FileCache(tmp_path, 100)
    for other in (data[:-1], data[:-1] + b"b", b""):
        with pytest.raises(KresnetError, match="a is damaged: what came is not what was prepared"):
            cache.path(file, lambda other=other: iter([other]))
    assert not list(tmp_path.iterdir())
    (tmp_path / file.sha256).write_bytes(b"cut short")
    assert cache.path(file, lambda: iter([data])).read_bytes() == data


def test_a_file_larger_than_the_cache_is_told(tmp_path):
    with pytest.raises(KresnetError, match="larger KRESNET_CACHE_GIGABYTES"):
        FileCache(tmp_path, 30).path(stored("a")[0], lambda: iter([]))


def test_the_environment_says_where_and_how_large(tmp_path, monkeypatch):
    monkeypatch.setenv("KRESNET_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("KRESNET_CACHE_GIGABYTES", "1e-7")
    assert open_cache().limit == 100
    assert fetch(open_cache(), "a")[0].parent == tmp_path
    for text in ("much", "-1", "0", "nan", "inf"):
        monkeypatch.setenv("KRESNET_CACHE_GIGABYTES", text)
        with pytest.raises(KresnetError, match="no size of a cache"):
            open_cache()
