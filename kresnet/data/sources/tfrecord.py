"""Random access to TFRecord files, by an index of where each record lies.

A record is: length (uint64, little endian), its CRC (4 bytes), the data, their CRC (4 bytes). Both sums are checked:
the length's when the file is walked, since all that follows depends on it, the data's whenever they are read.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import google_crc32c
import numpy as np

from kresnet.errors import make_error

_HEADER, _FOOTER = 12, 4

#: Stands for the length of a record that the damage of its file has made unreachable.
_LOST = -1


class DamagedRecord(ValueError):
    """A record cannot be read. A `ValueError`, which TensorFlow turns into an `InvalidArgumentError`."""


@dataclass(frozen=True, slots=True)
class RecordFile:
    """The records `skip` to `skip + take - 1` of a TFRecord file."""

    path: Path
    skip: int
    take: int


class RecordIndex:
    """The records of several files' parts, in order, addressed by position."""

    def __init__(self, parts: Iterable[RecordFile], *, keep_damaged: bool = False) -> None:
        """Walk the files' record headers (about two seconds for a million records).

        Args:
            parts: the files' parts, in order.
            keep_damaged: count records beyond the damage of a file too; reading one raises `DamagedRecord`.

        Raises:
            KresnetError: `data_missing` or `image_unreadable`, naming the file that is missing or cut short.
        """
        self.parts = tuple(parts)
        self._starts = np.cumsum([0] + [part.take for part in self.parts])  # of each part, in positions
        extents = [_record_extents(part, keep_damaged) for part in self.parts]
        self._extents = np.concatenate(extents) if extents else np.empty((0, 2), np.int64)

    def __len__(self) -> int:
        return len(self._extents)

    @property
    def bytes(self) -> int:
        """How many bytes the records have."""
        return int(self._extents[:, 1].clip(0).sum())

    def read(self, positions: np.ndarray) -> np.ndarray:
        """Return the records at `positions` (integers (B,)), as an array of bytes objects (B,).

        Raises:
            DamagedRecord: if one is lost, or its sum is not that of its bytes.
        """
        records = np.empty(len(positions), object)
        for place, position in enumerate(positions):
            offset, length = self._extents[position]
            if length == _LOST:
                raise DamagedRecord(f"{self.describe(position)} is lost")
            with self.parts[self._part(position)].path.open("rb", buffering=0) as file:
                file.seek(offset)
                data = file.read(length + _FOOTER)
            if len(data) != length + _FOOTER or _checksum(data[:length]) != data[length:]:
                raise DamagedRecord(f"{self.describe(position)} is damaged")
            records[place] = data[:length]
        return records

    def describe(self, position: int, *, folder: bool = True) -> str:
        """Name a record for people, its file with or without where it lies."""
        number = self._part(position)
        part = self.parts[number]
        return f"record {part.skip + position - self._starts[number]} of {part.path if folder else part.path.name}"

    def _part(self, position: int) -> int:
        """Return the number of the part that holds the record at `position`."""
        return int(np.searchsorted(self._starts, position, side="right")) - 1


def _record_extents(part: RecordFile, keep_damaged: bool) -> np.ndarray:
    """Return offset and length in bytes of the data of a part's records, int64 (take, 2)."""
    extents = np.full((part.take, 2), _LOST, np.int64)
    try:
        with part.path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as contents:
            position = 0
            for record in range(part.skip + part.take):
                header = contents[position : position + _HEADER]
                length = int.from_bytes(header[:8], "little")
                if len(header) < _HEADER or position + _HEADER + length + _FOOTER > len(contents):
                    return _extents_before_damage(extents, part, f"it ends within record {record}", keep_damaged)
                if _checksum(header[:8]) != header[8:]:
                    return _extents_before_damage(
                        extents, part, f"the length of record {record} is not what it was", keep_damaged
                    )
                if record >= part.skip:
                    extents[record - part.skip] = position + _HEADER, length
                position += _HEADER + length + _FOOTER
    except ValueError:  # an empty file cannot be mapped
        return _extents_before_damage(extents, part, "it is empty", keep_damaged)
    except OSError as error:
        raise make_error(
            "data_missing", f"{part.path} can not be read: {error.strerror}.", remedy="prepare it again"
        ) from None
    return extents


def _extents_before_damage(extents: np.ndarray, part: RecordFile, damage: str, keep_damaged: bool) -> np.ndarray:
    """Return the extents before the damage, if the rest is to be left out; else raise `KresnetError`."""
    if keep_damaged:
        return extents
    raise make_error("image_unreadable", f"{part.path} is damaged: {damage}.", remedy="prepare the data set again")


def _checksum(data: bytes) -> bytes:
    """Return the masked CRC-32C that TensorFlow writes (`tsl/lib/hash/crc32c.h`), four bytes, little endian."""
    crc = google_crc32c.value(data)
    return ((((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF).to_bytes(4, "little")
