"""Counts the files that lie with a data set and are not read."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class PassedOverFiles:
    """Files of a folder that are not read.

    Attributes:
        root: the folder.
        counts: how many, and the path of one of them below `root`, by the reason.
    """

    root: Path
    counts: dict[str, tuple[int, str]] = field(default_factory=dict)

    def add(self, path: Path) -> None:
        """Count what lies in a class folder and is not read: a file, or all files of a folder."""
        if path.name.startswith("."):
            self._count("hidden files and folders", path)
        elif path.is_dir():
            for below in path.rglob("*"):
                if below.is_file():
                    self._count("files in sub-folders", below)
        else:
            ending = path.suffix.lower()
            self._count(f"files ending in {ending}" if ending else "files without an ending", path)

    def add_beside_classes(self) -> None:
        """Count what lies in `root`, the folder of a split, and in no class folder."""
        with os.scandir(self.root) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    self._count("hidden files and folders", Path(entry))
                elif not entry.is_dir():
                    self._count("files beside the class folders", Path(entry))

    def _count(self, reason: str, path: Path) -> None:
        name = os.fsencode(path.relative_to(self.root)).decode(errors="backslashreplace")
        count, example = self.counts.get(reason, (0, name))
        self.counts[reason] = (count + 1, min(example, name))


__all__ = ["PassedOverFiles"]
