"""Finds examples that two splits share."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kresnet.files import digest, head_digest

#: How many files are read at most to find copies; of a larger data set an even part of the test files is compared.
MAX_FILES = 20_000

#: A file's path, and its size in bytes.
SizedFile = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Overlap:
    """Examples of a split that are in another as well.

    Attributes:
        shared: how many.
        compared: how many of the split's examples were looked at.
        same: whether they are the very same files or records, rather than copies of them.
        example: name of one of them; empty if there is none.
    """

    shared: int = 0
    compared: int = 0
    same: bool = False
    example: str = ""


def overlap_of_files(train: Sequence[SizedFile], test: Sequence[SizedFile]) -> Overlap:
    """Compare two splits file by file: of files of equal size, the same file under two paths, and equal contents.

    Args:
        train: files that are trained on.
        test: files that are evaluated on.
    """
    paths = {path for path, _ in train}
    if listed_twice := [path for path, _ in test if path in paths]:
        return Overlap(len(listed_twice), len(test), same=True, example=listed_twice[0])
    counts = Counter(size for _, size in train)
    while len(test) > 1 and _reads(counts, test) > MAX_FILES:
        test = test[::2]
    wanted = {size for _, size in test}
    candidates = [each for each in train if each[1] in wanted]
    places = {place for path, _ in candidates if (place := _place(path))}
    same = [path for path, _ in test if _place(path) in places]
    if same:
        return Overlap(len(same), len(test), same=True, example=same[0])
    train_heads = {path: _head(path, size) for path, size in candidates}
    test_heads = {path: _head(path, size) for path, size in test if counts[size]}
    alike = set(train_heads.values()).intersection(test_heads.values())
    contents = set(_digests(path for path, head in train_heads.items() if head in alike))
    copies = [path for path, head in test_heads.items() if head in alike and contents.intersection(_digests([path]))]
    return Overlap(len(copies), len(test), example=copies[0] if copies else "")


def overlap_of_rows(train: np.ndarray, test: np.ndarray) -> Overlap:
    """Compare two arrays of examples of one type and shape, row by row."""
    known = {_row_digest(row) for row in train}
    copies = [number for number, row in enumerate(test) if _row_digest(row) in known]
    return Overlap(len(copies), len(test), example=f"row {copies[0]}" if copies else "")


def overlap_of_records(
    train: Iterable[tuple[str, int, int]], test: Iterable[tuple[str, int, int]], compared: int
) -> Overlap:
    """Compare the records that two slices of prepared files take.

    Args:
        train: file, first record and number of records of each part that is trained on.
        test: the same of what is evaluated on.
        compared: how many records are evaluated on.
    """
    parts = list(train)
    shared, example = 0, ""
    for file, first, count in test:
        taken: set[int] = set()
        for other, start, length in parts:
            if other == file:
                taken.update(range(max(first, start), min(first + count, start + length)))
        if taken and not example:
            example = f"record {min(taken)} of {Path(file).name}"
        shared += len(taken)
    return Overlap(shared, compared, same=shared > 0, example=example)


def _reads(counts: Counter[int], test: Sequence[SizedFile]) -> int:
    """Return how many files have to be read to compare these test files."""
    sizes = Counter(size for _, size in test)
    return sum(counts[size] + sizes[size] for size in sizes if counts[size])


def _place(path: str) -> tuple[int, int] | None:
    """Return what identifies a file, whatever link leads to it."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _head(path: str, size: int) -> tuple[int, bytes]:
    """Return size and digest of the first bytes of a file; of one that cannot be read, its path in their place."""
    try:
        return size, head_digest(Path(path))
    except OSError:
        return -1, os.fsencode(path)


def _digests(paths: Iterable[str]) -> list[str]:
    found = []
    for path in paths:
        with contextlib.suppress(OSError):
            found.append(digest(Path(path)))
    return found


def _row_digest(row: np.ndarray) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(row).tobytes(), digest_size=16).digest()


__all__ = ["MAX_FILES", "Overlap", "SizedFile", "overlap_of_files", "overlap_of_records", "overlap_of_rows"]
