"""Random access to TFRecord files, by an index of where each record lies.

A record is: length (uint64, little endian), its CRC (4 bytes), the data, their CRC (4 bytes).
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kresnet.errors import fail

_HEADER, _FOOTER = 12, 4


@dataclass(frozen=True, slots=True)
class Part:
    """Records `skip` to `skip + take - 1` of a file."""

    path: Path
    skip: int
    take: int


class RecordIndex:
    """The records of several files' parts, in order, addressed by position."""

    def __init__(self, parts: Iterable[Part]) -> None:
        """Walk the files' record headers (about a second for a million records).

        Raises:
            KresnetError: `data_missing` or `image_unreadable`, naming the file that is missing or cut short.
        """
        self.parts = tuple(parts)
        self._starts = np.cumsum([0] + [part.take for part in self.parts])  # of each part, in positions
        extents = [_walk(part) for part in self.parts]
        self._extents = np.concatenate(extents) if extents else np.empty((0, 2), np.int64)

    def __len__(self) -> int:
        return len(self._extents)

    def read(self, positions: np.ndarray) -> np.ndarray:
        """The records at `positions` (integers (B,)), as an array of bytes objects (B,)."""
        records = np.empty(len(positions), object)
        for place, position in enumerate(positions):
            offset, length = self._extents[position]
            with self.parts[self._part(position)].path.open("rb", buffering=0) as file:
                file.seek(offset)
                records[place] = file.read(length)
        return records

    def describe(self, position: int) -> str:
        """Name a record for people."""
        number = self._part(position)
        part = self.parts[number]
        return f"record {part.skip + position - self._starts[number]} of {part.path}"

    def _part(self, position: int) -> int:
        """The number of the part that holds the record at `position`."""
        return int(np.searchsorted(self._starts, position, side="right")) - 1


def _walk(part: Part) -> np.ndarray:
    """Offset and length in bytes of the data of a part's records: int64 (take, 2)."""
    extents = np.empty((part.take, 2), np.int64)
    try:
        with part.path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as contents:
            position = 0
            for record in range(part.skip + part.take):
                (length,) = struct.unpack_from("<Q", contents, position)
                if position + _HEADER + length + _FOOTER > len(contents):
                    raise _cut_short(part, record)
                if record >= part.skip:
                    extents[record - part.skip] = position + _HEADER, length
                position += _HEADER + length + _FOOTER
    except (struct.error, ValueError):  # the file ends within a header, or is empty
        raise _cut_short(part, None) from None
    except OSError as error:
        raise fail(
            "data_missing", f"{part.path} can not be read: {error.strerror}.", remedy="prepare it again"
        ) from None
    return extents


def _cut_short(part: Part, record: int | None) -> Exception:
    where = "before its last record" if record is None else f"within record {record}"
    return fail("image_unreadable", f"{part.path} is damaged: it ends {where}.", remedy="prepare the data set again")
