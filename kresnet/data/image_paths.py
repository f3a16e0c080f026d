"""Image files that a user names: by path, by folder, by pattern, or in a list; found one after the other."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from kresnet.data.folder_listing import SUFFIXES
from kresnet.errors import KresnetError, Problem

#: Endings of text files with a path a line.
LIST_SUFFIXES = (".txt", ".lst", ".list")

#: Stands for a list on standard input.
STDIN = "-"


def find_images(named: Iterable[str | os.PathLike[str]]) -> Iterator[str]:
    """Return the paths of image files in the order in which they are named; never all of them at once.

    A name is that of an image file, of whatever ending, there or not; of a folder, whose image files are taken in
    alphabetical order, with those of the folders in it, hidden ones left out; a pattern such as `scans/**/*.png`; a
    text file (`.txt`, `.lst` or `.list`) with a path a line; or `-` for such lines on standard input. Paths in a list
    begin where the process does, and blank lines count for nothing.

    Raises:
        KresnetError: at once, `file_missing` for each list that is not there and each pattern that nothing matches,
            `data_empty` for each folder without images; while iterating, `file_unreadable` for a list that cannot be
            read.
    """
    sources: list[Iterator[str]] = []
    problems: list[Problem] = []
    for each in named:
        text = os.fspath(each)
        try:
            sources.append(_open_source(text))
        except KresnetError as error:
            problems += error.problems
    if problems:
        raise KresnetError(problems)
    return chain.from_iterable(sources)


def _open_source(text: str) -> Iterator[str]:
    path = Path(text).expanduser()
    if text == STDIN:
        return _lines(sys.stdin.buffer)
    if path.is_dir():
        remedy = f"files ending in {', '.join(SUFFIXES)}"
        return _require_one(
            _walk(path), Problem("data_empty", f"The folder {text} holds no image files.", remedy=remedy)
        )
    if path.suffix.lower() in LIST_SUFFIXES:
        if not path.is_file():
            raise KresnetError(Problem("file_missing", f"There is no file {text}.", remedy="check the path"))
        return _list_file(path)
    if glob.has_magic(text) and not os.path.lexists(path):
        missing = Problem("file_missing", f"No file matches {text}.", remedy="check the pattern")
        return _require_one(_files_that_match(path), missing)
    return iter([str(path)])


def _require_one(paths: Iterator[str], problem: Problem) -> Iterator[str]:
    """Return the paths, of which there has to be one."""
    first = next(paths, None)
    if first is None:
        raise KresnetError(problem)
    return chain([first], paths)


def _walk(folder: Path) -> Iterator[str]:
    for at, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if name.lower().endswith(SUFFIXES) and not name.startswith("."):
                yield str(Path(at, name))


def _files_that_match(path: Path) -> Iterator[str]:
    root = Path(path.anchor or ".")
    matching = root.glob(str(path.relative_to(path.anchor)))
    return iter(sorted(str(each) for each in matching if not each.is_dir() and not each.name.startswith(".")))


def _list_file(path: Path) -> Iterator[str]:
    try:
        with path.open("rb") as file:
            yield from _lines(file)
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}."
        raise KresnetError(Problem("file_unreadable", message)) from None


def _lines(file: Iterable[bytes]) -> Iterator[str]:
    """Yield the paths in a list; names of files need not be text."""
    for line in file:
        if path := os.fsdecode(line.strip(b"\r\n")):
            yield str(Path(path).expanduser())


__all__ = ["LIST_SUFFIXES", "STDIN", "find_images"]
