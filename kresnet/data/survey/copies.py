"""Finds files that have the same contents."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kresnet.files import digest, head_digest

#: How many groups of copies are listed.
_MOST_LISTED = 10


@dataclass(frozen=True, slots=True)
class Copies:
    """Files of the same contents.

    Attributes:
        compared: how many files were compared.
        groups: names of the files of each group of copies, the largest group first.
        contradictory: those of them whose files are of different classes.
        across: those of them whose files are of different splits.
    """

    compared: int = 0
    groups: Sequence[tuple[str, ...]] = field(default_factory=tuple)
    contradictory: Sequence[tuple[str, ...]] = field(default_factory=tuple)
    across: Sequence[tuple[str, ...]] = field(default_factory=tuple)

    @property
    def count(self) -> int:
        """How many files are copies of another one."""
        return sum(len(group) - 1 for group in self.groups)

    def as_dict(self) -> dict[str, Any]:
        """Return the findings as JSON-ready values."""
        return {
            "compared": self.compared,
            "copies": self.count,
            "groups": [list(group) for group in self.groups[:_MOST_LISTED]],
            "of_different_classes": [list(group) for group in self.contradictory[:_MOST_LISTED]],
            "in_several_splits": [list(group) for group in self.across[:_MOST_LISTED]],
        }


@dataclass(frozen=True, slots=True)
class LabelledFile:
    """A file of a data set: its name for people, its path, its class and its split."""

    name: str
    path: Path
    label: str
    split: str


def find_copies(files: Iterable[LabelledFile]) -> Copies:
    """Compare files by size, then by their first bytes, then whole; those that cannot be read are left out."""
    files = list(files)
    by_size = _grouped(files, lambda path: path.stat().st_size)
    by_head = [group for alike in by_size for group in _grouped(alike, head_digest)]
    alike = [group for some in by_head for group in _grouped(some, digest)]
    alike.sort(key=lambda group: -len(group))

    def differing(attribute: str) -> tuple[tuple[str, ...], ...]:
        return tuple(_names(group) for group in alike if len({getattr(each, attribute) for each in group}) > 1)

    return Copies(len(files), tuple(map(_names, alike)), differing("label"), differing("split"))


def _names(group: Iterable[LabelledFile]) -> tuple[str, ...]:
    return tuple(file.name for file in group)


def _grouped(files: Iterable[LabelledFile], key: Callable[[Path], object]) -> list[list[LabelledFile]]:
    """Return the files with the same key, where there are several."""
    groups: dict[object, list[LabelledFile]] = defaultdict(list)
    for file in files:
        with contextlib.suppress(OSError):
            groups[key(file.path)].append(file)
    return [group for group in groups.values() if len(group) > 1]


__all__ = ["Copies", "LabelledFile", "find_copies"]
