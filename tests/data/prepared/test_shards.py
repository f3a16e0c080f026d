"""Records by position, and shards that are lost, damaged, cut short, or of other data."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from array_record.python.array_record_module import ArrayRecordWriter

from kresnet.data.prepared import shards as module
from kresnet.data.prepared.manifest import Shard
from kresnet.data.prepared.shards import WRITER_OPTIONS, DamagedShard, ShardRecords, ends_digest, require_sizes
from kresnet.data.prepared.storage import LocalFolder, open_storage
from kresnet.errors import KresnetError

LENGTHS = (3, 5, 2)
RECORDS = [np.random.default_rng(number).bytes(30_000 + number) for number in range(sum(LENGTHS))]


@pytest.fixture
def written(tmp_path: Path) -> list[Shard]:
    found, start = [], 0
    for number, length in enumerate(LENGTHS):
        path = tmp_path / f"train-{number:05}.array_record"
        writer = ArrayRecordWriter(str(path), WRITER_OPTIONS)
        for record in RECORDS[start : start + length]:
            writer.write(record)
        writer.close()
        start += length
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        found.append(Shard(path.name, path.stat().st_size, sha256, length, ends_digest(path)))
    return found


def records_of(tmp_path: Path, written: list[Shard]) -> ShardRecords:
    return ShardRecords(open_storage(str(tmp_path)), written)


def test_records_come_by_position_from_many_threads(tmp_path, written, monkeypatch):
    monkeypatch.setattr(module, "_MOST_OPEN", 2)  # so that shards are closed and opened again
    records = records_of(tmp_path, written)
    assert len(records) == 10
    positions = np.random.default_rng(0).integers(0, 10, (40, 6))
    with ThreadPoolExecutor(4) as threads:
        for some, found in zip(positions, threads.map(records.read, positions), strict=True):
            assert found == [RECORDS[position] for position in some]
    assert len(records._open) <= 2
    assert records.describe(4) == "record 1 of train-00001.array_record"
    assert records.explain(4) is None


@pytest.mark.parametrize(
    ("damage", "told", "by_size"),
    [
        (lambda path: path.unlink(), "missing", "missing"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1000]), "cut short", "damaged"),
        (lambda path: path.write_bytes(b""), "cut short: 0 bytes", "damaged"),
        (lambda path: path.write_bytes(path.read_bytes() + b"x"), "longer than it was", "damaged"),
        (lambda path: path.write_bytes(bytes(path.stat().st_size)), "belongs to other prepared data", ""),
        (lambda path: _flip(path, 90_000), "record [0-4] of train-00001", ""),
    ],
)
def test_what_is_wrong_with_a_shard_is_told_with_its_name(tmp_path, written, damage, told, by_size):
    damage(tmp_path / written[1].file)
    records = records_of(tmp_path, written)
    assert records.read(np.array([0, 2, 9])) == [RECORDS[0], RECORDS[2], RECORDS[9]]  # of the others
    problems = [problem for position in range(3, 8) if (problem := records.explain(position))]
    assert problems
    assert all("train-00001" in problem.message for problem in problems)
    with pytest.raises(DamagedShard, match=told):
        records.read(np.arange(3, 8))
    assert "train-00001.array_record there again" in problems[0].remedy
    if by_size:
        with pytest.raises(KresnetError, match=f"are {by_size}: train-00001"):
            require_sizes(records.storage, written)
    else:
        require_sizes(records.storage, written)


def test_shards_of_another_preparation_are_told(tmp_path, written):
    (tmp_path / written[0].file).write_bytes((tmp_path / written[2].file).read_bytes().ljust(written[0].bytes, b"\0"))
    with pytest.raises(DamagedShard, match=r"belongs to other prepared data|longer"):
        records_of(tmp_path, written).read(np.array([0]))


def _flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def test_a_copy_that_is_removed_before_it_is_open_is_fetched_again(tmp_path, written):
    """A cache that others fill meanwhile removes what was used longest ago."""

    class SmallCache(LocalFolder):
        remote, removed = True, 0

        def local_file(self, stored):
            copy = tmp_path / "copy"
            copy.unlink(missing_ok=True)
            if self.removed < 3:
                self.removed += 1
            else:
                copy.write_bytes((tmp_path / stored.file).read_bytes())
            return copy

    records = ShardRecords(SmallCache(tmp_path), written)
    assert records.read(np.array([4])) == [RECORDS[4]]
    assert records.storage.removed == 3
    records = ShardRecords(SmallCache(tmp_path), written)
    records.storage.removed = -1000
    with pytest.raises(DamagedShard, match="missing"):
        records.read(np.array([4]))
