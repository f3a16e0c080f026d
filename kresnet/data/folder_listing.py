"""Lists folders of image files, without reading them and without TensorFlow."""

from __future__ import annotations

import os
from pathlib import Path

from kresnet.data.passed_over import PassedOverFiles

#: Endings of the files that are read as images, in any case.
SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".webp")


def list_folders(folder: Path) -> list[str]:
    """Return the names of the folders in `folder`, sorted, hidden ones left out; none where it does not exist."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))


def list_image_files(folder: Path, passed_over: PassedOverFiles) -> list[tuple[str, int]]:
    """Return names and sizes in bytes of image files, sorted; a link that leads nowhere counts as a file of size -1.

    Args:
        folder: of one class.
        passed_over: counts what is not read.
    """
    files = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if Path(entry).is_dir() or not entry.name.lower().endswith(SUFFIXES) or entry.name.startswith("."):
                passed_over.add(Path(entry))
            else:
                files.append((entry.name, file_size(entry)))
    return sorted(files)


def file_size(file: os.DirEntry[str] | Path) -> int:
    """Return the size of a file in bytes; -1 where there is none."""
    try:
        return file.stat().st_size
    except OSError:
        return -1


__all__ = ["SUFFIXES", "file_size", "list_folders", "list_image_files"]
