"""Where the files of prepared data lie: a folder of this machine, or a server that `fsspec` speaks to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from kresnet.data.prepared.manifest import StoredFile
from kresnet.errors import make_error


class Storage(Protocol):
    """A folder of files, here or elsewhere. `str` of it is what messages call it.

    Attributes:
        remote: whether files have to be fetched before they can be read.
    """

    remote: bool

    @property
    def room(self) -> int | None:
        """How many bytes may be open at once; None for any."""

    def read(self, name: str) -> bytes:
        """Return the contents of a small file."""

    def local_file(self, stored: StoredFile) -> Path:
        """Return a path of this machine at which a file can be read now."""

    def local_size(self, name: str) -> int | None:
        """Return the size of a file in bytes; None where there is none."""

    def prefetch(self, files: Sequence[StoredFile]) -> None:
        """Let files that are read soon be fetched meanwhile."""

    def require_room(self, size: int, remedy: str) -> None:
        """Raise `KresnetError`, with this remedy, where there is no room for files of `size` bytes at a time."""


class LocalFolder:
    """A folder that the operating system reads: of a disk of this machine, or of NFS and the like."""

    remote = False
    room: int | None = None

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __str__(self) -> str:
        return str(self._folder)

    def read(self, name: str) -> bytes:
        """See `Storage.read`.

        Raises:
            KresnetError: `data_missing`.
        """
        try:
            return (self._folder / name).read_bytes()
        except OSError as error:
            raise make_error("data_missing", f"{self._folder / name} cannot be read: {error.strerror}.",
                             path="recipe.data.path", remedy="kresnet prepare DATA -o DIR") from None  # fmt: skip

    def local_file(self, stored: StoredFile) -> Path:
        """See `Storage.local_file`."""
        return self._folder / stored.file

    def local_size(self, name: str) -> int | None:
        """See `Storage.local_size`."""
        try:
            return (self._folder / name).stat().st_size
        except OSError:
            return None

    def prefetch(self, files: Sequence[StoredFile]) -> None:
        """See `Storage.prefetch`: nothing has to be fetched."""

    def require_room(self, size: int, remedy: str) -> None:
        """See `Storage.require_room`: files are read where they lie."""


def open_storage(path: str) -> Storage:
    """Return what reads the files below a path or an address.

    Raises:
        KresnetError: as `open_remote`.
    """
    if "://" in path:
        from kresnet.data.prepared.remote_storage import open_remote

        return open_remote(path)
    return LocalFolder(Path(path).expanduser())


__all__ = ["LocalFolder", "Storage", "open_storage"]
