"""Copies of files of a server, in a folder of bounded size: those that were used last stay."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Lock

from kresnet.data.prepared.manifest import StoredFile
from kresnet.errors import make_error
from kresnet.files import cache_folder, staged_file

#: How many gigabytes (10^9 bytes) of copies are kept.
SIZE_VARIABLE = "KRESNET_CACHE_GIGABYTES"
_USUAL_GIGABYTES = 64.0


class FileCache:
    """A folder of copies, which several processes may share.

    Attributes:
        limit: how many bytes it holds at most.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder, self.limit = folder, limit
        self._locks: defaultdict[str, Lock] = defaultdict(Lock)
        self._evicting = Lock()

    def path(self, stored: StoredFile, read: Callable[[], Iterator[bytes]]) -> Path:
        """Return where a copy of a file lies, which is made first where there is none.

        Args:
            stored: the file.
            read: yields its bytes, piece by piece.

        Raises:
            KresnetError: `image_unreadable` where other bytes come than were prepared; `contradiction` for a file
                larger than the cache; `disk_full` or `not_writable`; what `read` raises.
        """
        path = self._folder / stored.sha256
        with self._locks[stored.sha256]:
            with contextlib.suppress(OSError):
                if path.stat().st_size == stored.bytes:
                    os.utime(path)
                    return path
            self._make_room(stored)
            found = hashlib.sha256()
            pieces = read()
            with staged_file(path) as staged:
                with staged.open("wb") as file:
                    for piece in pieces:
                        found.update(piece)
                        file.write(piece)
                if found.hexdigest() != stored.sha256:
                    message = "what came is not what was prepared"
                    raise make_error("image_unreadable", f"{stored.file} is damaged: {message}.",
                                     path="recipe.data.path", remedy="copy it there again")  # fmt: skip
            return path

    def _make_room(self, stored: StoredFile) -> None:
        """Remove what was used longest ago, until a file fits in."""
        if stored.bytes > self.limit:
            message = f"{stored.file} has {stored.bytes / 1e9:.3g} GB, and the cache holds {self.limit / 1e9:.3g}."
            raise make_error("contradiction", message, remedy=f"a larger {SIZE_VARIABLE}")
        with self._evicting:
            self._folder.mkdir(parents=True, exist_ok=True)
            there = []
            for path in self._folder.iterdir():
                with contextlib.suppress(OSError):  # another process removes some, too
                    facts = path.stat()
                    if not path.is_file():  # folders hold other things than copies
                        continue
                    there.append((facts.st_mtime_ns, facts.st_size, path))
            size = sum(each for _, each, _ in there) + stored.bytes
            for _, each, path in sorted(there):
                if size <= self.limit:
                    break
                path.unlink(missing_ok=True)  # who reads it goes on reading it
                size -= each


def open_cache() -> FileCache:
    """Return the cache that the environment names.

    Raises:
        KresnetError: `environment` for a size that is no number.
    """
    stated = os.environ.get(SIZE_VARIABLE) or _USUAL_GIGABYTES
    try:
        size = float(stated)
        if not 0 < size < 1e9:
            raise ValueError
    except ValueError:
        raise make_error("environment", f"{SIZE_VARIABLE} is no size of a cache.", expected="gigabytes, such as 64",
                         found=str(stated)) from None  # fmt: skip
    return FileCache(cache_folder(), int(size * 1e9))


__all__ = ["SIZE_VARIABLE", "FileCache", "open_cache"]
