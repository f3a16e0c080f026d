"""Prepared data on a server: `s3://`, `gs://` and `https://`, through fsspec.

array_record reads files of this machine only, and a run that reads shards one after the other needs all of each: so
whole shards are fetched, in pieces, into a cache of bounded size, and checked by their digests on the way.

Who may read them is the backend's business: it finds credentials where it always does. Nothing that a backend says is
repeated in messages, and addresses that hold a password or a signature are refused, as they would be written down.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar
from urllib.parse import urlsplit

from kresnet.data.prepared.file_cache import SIZE_VARIABLE, FileCache, open_cache
from kresnet.data.prepared.manifest import StoredFile
from kresnet.errors import KresnetError, Problem, make_error
from kresnet.runtime import require_extra

#: Package that speaks to each kind of server.
_BACKENDS = {"s3": "s3fs", "gs": "gcsfs", "https": "aiohttp", "http": "aiohttp"}
#: For how many seconds a server that does not answer is asked again.
PATIENCE_VARIABLE = "KRESNET_STORAGE_SECONDS"
_USUAL_PATIENCE = 120.0
#: Seconds for a connection, and for the next bytes of an answer.
_CONNECT_SECONDS, _READ_SECONDS = 10, 30
#: Bytes of one request.
_PIECE = 16 * 2**20
#: Shards that are fetched at once ahead of those that are read.
_FETCHED_AHEAD = 4

T = TypeVar("T")


class RemoteFolder:
    """A folder on a server; see `kresnet.data.prepared.storage.Storage`."""

    remote = True

    def __init__(self, address: str, files: Any, folder: str, cache: FileCache) -> None:
        """Take the address for people, the fsspec file system, the folder as that calls it, and the cache."""
        self._address, self._files, self._folder, self._cache = address, files, folder.rstrip("/"), cache
        self._ahead = ThreadPoolExecutor(_FETCHED_AHEAD, thread_name_prefix="kresnet-fetch")
        self._requested: set[str] = set()
        self._lock = Lock()

    def __str__(self) -> str:
        return self._address

    @property
    def room(self) -> int:
        """How many bytes may be open at once."""
        return self._cache.limit

    def read(self, name: str) -> bytes:
        """See `Storage.read`.

        Raises:
            KresnetError: `data_missing`, `data_unreachable`.
        """
        return self._patiently(name, lambda: self._files.cat_file(f"{self._folder}/{name}"), _patience())

    def local_file(self, stored: StoredFile) -> Path:
        """See `Storage.local_file`.

        Raises:
            KresnetError: `data_missing`, `data_unreachable`, and as `FileCache.path`.
        """
        return self._cache.path(stored, lambda: self._pieces(stored, _patience()))

    def local_size(self, name: str) -> int | None:
        """See `Storage.local_size`: a server is not asked."""
        return None

    def prefetch(self, files: Sequence[StoredFile]) -> None:
        """See `Storage.prefetch`."""
        for stored in files:
            with self._lock:
                if stored.file in self._requested:
                    continue
                self._requested.add(stored.file)
            self._ahead.submit(self._fetch_ahead, stored)

    def _fetch_ahead(self, stored: StoredFile) -> None:
        try:
            self._cache.path(stored, lambda: self._pieces(stored, 0))
        except (OSError, KresnetError):
            pass  # told by who needs the file
        finally:
            with self._lock:
                self._requested.discard(stored.file)

    def require_room(self, size: int, remedy: str) -> None:
        """See `Storage.require_room`.

        Raises:
            KresnetError: `contradiction`.
        """
        if size > self._cache.limit:
            message = (
                f"The order of images needs {size / 1e9:.3g} GB of {self._address} at a time, and the cache holds "
                f"{self._cache.limit / 1e9:.3g} GB."
            )
            raise make_error("contradiction", message, path="recipe.data.order",
                             remedy=f"{remedy}, or a larger {SIZE_VARIABLE}")  # fmt: skip

    def _pieces(self, stored: StoredFile, patience: float) -> Iterator[bytes]:
        """Yield the bytes of a file."""
        path, at = f"{self._folder}/{stored.file}", 0
        while at < stored.bytes:
            end = min(at + _PIECE, stored.bytes)

            def ask(start: int = at, end: int = end) -> bytes:
                found = self._files.cat_file(path, start=start, end=end)
                if len(found) == stored.bytes:  # a server that knows no ranges
                    found = found[start:end]
                if len(found) != end - start:
                    raise ConnectionError("the answer is cut short")
                return found

            yield self._patiently(stored.file, ask, patience)
            at = end

    def _patiently(self, name: str, ask: Callable[[], T], patience: float) -> T:
        """Return the server's answer about a file, for which it is asked again for some seconds.

        Raises:
            KresnetError: `data_missing` or `data_unreachable`.
        """
        deadline, pause = time.monotonic() + patience, 0.5
        while True:
            try:
                return ask()
            except FileNotFoundError:
                message = f"{self._address} holds no {name}."
                raise make_error("data_missing", message, path="recipe.data.path",
                                 remedy="copy it there again, or the address of a folder of prepared data",
                                 ) from None  # fmt: skip
            except Exception as error:  # every backend has errors of its own, and their words may hold secrets
                reason = _reason(error)
                if reason == _REFUSED or time.monotonic() + pause > deadline:
                    break
            time.sleep(pause)
            pause = min(2 * pause, 10.0)
        raise self._unreachable(reason)

    def _unreachable(self, reason: str) -> KresnetError:
        remedy = (
            "the credentials that the server wants, where its own tools look for them"
            if reason == _REFUSED
            else "the same again when it answers"
        )
        message = f"{self._address} cannot be read: {reason}."
        return KresnetError(Problem("data_unreachable", message, path="recipe.data.path", remedy=remedy))


_REFUSED = "the server refuses access"


def _reason(error: Exception) -> str:
    """Return why a server gave no answer, in words that are none of the backend's."""
    status = getattr(error, "status", None) or getattr(error, "code", None)
    if isinstance(error, PermissionError) or status in (401, 403) or "Credentials" in type(error).__name__:
        return _REFUSED
    if isinstance(error, TimeoutError) or "Timeout" in type(error).__name__:
        return "the server does not answer in time"
    if isinstance(status, int):
        return f"the server answers with status {status}"
    if isinstance(error, ConnectionError) or "Connect" in type(error).__name__ or "Disconnect" in type(error).__name__:
        return "there is no connection to the server"
    return f"the server gives no answer ({type(error).__name__})"


def open_remote(address: str) -> RemoteFolder:
    """Return the folder at an address.

    Raises:
        KresnetError: `wrong_value` for an address with a password or a signature, or of an unknown kind; `environment`
            where a package is missing.
    """
    parts = urlsplit(address)
    if "@" in address or parts.query or parts.fragment:
        message = "An address is written down with the run, and may hold no user, password, signature or other query."
        raise make_error("wrong_value", message, path="recipe.data.path", expected="s3://BUCKET/FOLDER and the like",
                         remedy="leave it out; credentials come from where the backend looks for them")  # fmt: skip
    if parts.scheme not in _BACKENDS or not parts.netloc:
        expected = ", ".join(f"{scheme}://" for scheme in _BACKENDS)
        raise make_error("wrong_value", f"{address} is no address that is known.", path="recipe.data.path",
                         expected=f"a folder, or {expected} and where it lies", found=address)  # fmt: skip
    module = _BACKENDS[parts.scheme]
    require_extra("cloud", f"{parts.scheme}://", only=(module,))
    import fsspec

    files, folder = fsspec.core.url_to_fs(address, skip_instance_cache=True, **_options(parts.scheme))
    files.retries = 1  # asking again is done here
    return RemoteFolder(address, files, folder, open_cache())


def _options(scheme: str) -> dict[str, Any]:
    """Return what sets the time-outs of a backend."""
    if scheme == "s3":
        limits = {"connect_timeout": _CONNECT_SECONDS, "read_timeout": _READ_SECONDS}
        return {"config_kwargs": {**limits, "retries": {"max_attempts": 1}}}
    if scheme == "gs":
        return {"timeout": _READ_SECONDS}
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS, sock_read=_READ_SECONDS)
    return {"client_kwargs": {"timeout": timeout}}


def _patience() -> float:
    try:
        return max(0.0, float(os.environ.get(PATIENCE_VARIABLE) or _USUAL_PATIENCE))
    except ValueError:
        raise make_error("environment", f"{PATIENCE_VARIABLE} is no number of seconds.",
                         expected="a number, such as 120") from None  # fmt: skip


__all__ = ["PATIENCE_VARIABLE", "RemoteFolder", "open_remote"]
