"""Lists folders of image files, without reading them and without TensorFlow."""

from __future__ import annotations

import os
from pathlib import Path

from kresnet.data.passed_over import PassedOverFiles
from kresnet.errors import shell_word

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
            if is_image_file(entry):
                files.append((entry.name, file_size(entry)))
            else:
                passed_over.add(Path(entry))
    return sorted(files)


def holds_images(folder: Path) -> bool:
    """Return whether there is an image file in a folder itself."""
    with os.scandir(folder) as entries:
        return any(map(is_image_file, entries))


def is_image_file(entry: os.DirEntry[str]) -> bool:
    """Return whether an entry of a folder is read as an image; of what is no link nothing else is asked for."""
    if not entry.name.lower().endswith(SUFFIXES) or entry.name.startswith("."):
        return False
    return not (Path(entry).is_dir() if entry.is_symlink() else entry.is_dir())


def table_remedy(root: Path) -> str:
    """Return what to do with a folder of classes of which no part is to be tested on."""
    return (
        f"kresnet data {shell_word(root)} -o images.csv, then --set "
        "'recipe.data={kind: table, path: images.csv, label: label, test_split: 0.2}'; "
        "or move some images of each class to a folder to test on"
    )


def file_size(file: os.DirEntry[str] | Path) -> int:
    """Return the size of a file in bytes; -1 where there is none."""
    try:
        return file.stat().st_size
    except OSError:
        return -1


__all__ = ["SUFFIXES", "file_size", "holds_images", "is_image_file", "list_folders", "list_image_files",
           "table_remedy"]  # fmt: skip
