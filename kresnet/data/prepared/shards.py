"""Records of many shards by position: array_record files, opened when they are first needed."""

from __future__ import annotations

import contextlib
import hashlib
import resource
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from kresnet.data.prepared.manifest import Shard
from kresnet.data.prepared.storage import Storage
from kresnet.errors import Problem, make_error

#: How many bytes of each end of a shard `ends_digest` reads.
_ENDS = 65_536
#: Shards that are open at once, at most; fewer where the process may open fewer files.
_MOST_OPEN = 1024
#: How often a copy may be removed by others before it is open: as often as a small cache has readers.
_OPENINGS = 20
#: Each record for itself, and nothing read ahead: what comes next is not known here.
_READER = {"options": "readahead_buffer_size:0", "file_reader_buffer_size": 32_768}
#: Each record in a chunk of its own, as Grain wants it, and as it is: image files do not become smaller.
WRITER_OPTIONS = "group_size:1,uncompressed"


class DamagedShard(ValueError):
    """A record cannot be read. A `ValueError`, which TensorFlow turns into an `InvalidArgumentError`."""


class ShardRecords:
    """The records of several shards, in order, addressed by position.

    Attributes:
        starts: position of the first record of each shard, and at the end their number, int64 (shards + 1,).
    """

    def __init__(self, storage: Storage, shards: Sequence[Shard]) -> None:
        """Take shards in a storage; none is opened yet."""
        self.storage, self.shards = storage, shards
        self.starts = np.cumsum([0, *(shard.examples for shard in shards)], dtype=np.int64)
        self._open: OrderedDict[int, tuple[Any, Lock]] = OrderedDict()
        self._lock = Lock()
        self._most_open = min(_MOST_OPEN, max(8, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4))
        if storage.room is not None:  # what is open takes room, though it was removed
            largest = max((shard.bytes for shard in shards), default=1)
            self._most_open = min(self._most_open, max(1, storage.room // largest))

    def __len__(self) -> int:
        return int(self.starts[-1])

    def read(self, positions: np.ndarray) -> list[bytes]:
        """Return the records at `positions`, integers (B,).

        Raises:
            DamagedShard: where a shard is lost, damaged or another one; `explain` says which.
            KresnetError: `data_unreachable` where the shards' server does not answer.
        """
        numbers = self.shard_of(positions)
        return [self._read(int(number), int(at)) for number, at in zip(numbers, positions, strict=True)]

    def shard_of(self, positions: np.ndarray) -> np.ndarray:
        """Return the number of the shard that holds each record, int64 (B,)."""
        return np.searchsorted(self.starts, positions, side="right") - 1

    def request(self, numbers: np.ndarray) -> None:
        """Let shards that are read soon be fetched meanwhile, where they lie on a server."""
        self.storage.prefetch([self.shards[number] for number in numbers])

    def describe(self, position: int) -> str:
        """Name a record for people."""
        number = int(self.shard_of(np.array(position)))
        return f"record {position - int(self.starts[number])} of {self.shards[number].file}"

    def explain(self, position: int) -> Problem | None:
        """Return what is wrong with the shard of a record that cannot be read; None where it can.

        Raises:
            KresnetError: as `read`.
        """
        number = int(self.shard_of(np.array(position)))
        try:
            self._read(number, position)
        except DamagedShard as error:
            remedy = f"copy {self.shards[number].file} there again, or prepare the data again"
            return Problem("image_unreadable", f"{error}.", path="recipe.data.path", remedy=remedy)
        return None

    def _read(self, number: int, position: int) -> bytes:
        reader, lock = self._reader(number)
        try:
            with lock:
                return reader.read([position - int(self.starts[number])])[0]
        except (RuntimeError, IndexError):
            place = f"{self.describe(position)} in {self.storage}"
            raise DamagedShard(f"{place} is damaged") from None

    def _reader(self, number: int) -> tuple[Any, Lock]:
        with self._lock:
            if number in self._open:
                self._open.move_to_end(number)
                return self._open[number]
        opened = self._open_shard(number), Lock()
        with self._lock:
            kept = self._open.setdefault(number, opened)
            self._open.move_to_end(number)
            while len(self._open) > self._most_open:
                self._open.popitem(last=False)  # closed with the last thread that reads it
            return kept

    def _open_shard(self, number: int) -> Any:
        """Open a shard; of a server, fetch it again where its copy was removed for another's before it was open."""
        shard = self.shards[number]
        for _ in range(_OPENINGS if self.storage.remote else 1):
            with contextlib.suppress(FileNotFoundError):
                return self._open_copy(shard, self._local_copy(shard))
        raise DamagedShard(f"The shard {shard.file} of {self.storage} is missing")

    def _local_copy(self, shard: Shard) -> Path:
        try:
            return self.storage.local_file(shard)
        except FileNotFoundError:
            raise DamagedShard(f"The shard {shard.file} of {self.storage} is missing") from None

    def _open_copy(self, shard: Shard, path: Path) -> Any:
        from array_record.python.array_record_module import ArrayRecordReader

        name = f"The shard {shard.file} of {self.storage}"
        try:
            size = path.stat().st_size
            if size != shard.bytes:
                how = "cut short" if size < shard.bytes else "longer than it was"
                raise DamagedShard(f"{name} is {how}: {size:,} bytes of {shard.bytes:,}")
            if ends_digest(path) != shard.ends:
                raise DamagedShard(f"{name} is damaged, or belongs to other prepared data")
            reader = ArrayRecordReader(str(path), **_READER)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise DamagedShard(f"{name} cannot be read: {error.strerror}") from None
        except RuntimeError:
            if not path.exists():  # the reader does not say so
                raise FileNotFoundError from None
            raise DamagedShard(f"{name} is damaged") from None
        if reader.num_records() != shard.examples:
            raise DamagedShard(f"{name} is damaged: {reader.num_records():,} records of {shard.examples:,}")
        return reader


def require_sizes(storage: Storage, shards: Sequence[Shard]) -> None:
    """Make sure that all shards of a local folder are there and have their sizes; of a server nothing is asked.

    Raises:
        KresnetError: `data_missing` or `image_unreadable`, naming the shards.
    """
    if storage.remote:
        return
    missing, other = [], []
    for shard in shards:
        size = storage.local_size(shard.file)
        if size is None:
            missing.append(shard.file)
        elif size != shard.bytes:
            other.append(f"{shard.file} ({size:,} bytes of {shard.bytes:,})")
    for code, files, how in (("data_missing", missing, "missing"), ("image_unreadable", other, "damaged")):
        if files:
            more = f" and {len(files) - 5} more" if len(files) > 5 else ""
            message = f"Shards of {storage} are {how}: {', '.join(files[:5])}{more}."
            remedy = "copy them there again, or prepare the data again"
            raise make_error(code, message, path="recipe.data.path", remedy=remedy)


def ends_digest(path: Path) -> str:
    """Return a hexadecimal digest of a shard's first and last bytes, among which is where each record lies."""
    with path.open("rb") as file:
        found = hashlib.blake2b(file.read(_ENDS), digest_size=16)
        file.seek(max(0, path.stat().st_size - _ENDS))
        found.update(file.read(_ENDS))
    return found.hexdigest()


__all__ = ["WRITER_OPTIONS", "DamagedShard", "ShardRecords", "ends_digest", "require_sizes"]
