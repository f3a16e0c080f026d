"""Files that are either whole or not there (write beside, flush, rename, flush the folder), and the cache's folder."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import math
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kresnet.errors import KresnetError, make_error

#: Names the folder of what kresnet can fetch or make again.
CACHE_VARIABLE = "KRESNET_CACHE_DIR"
_USUAL_CACHE = "~/.cache/kresnet"

#: How many bytes of a file `head_digest` reads.
_HEAD_BYTES = 4096

#: What a caller may name a file by.
AnyPath = str | os.PathLike[str]

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)


def cache_folder() -> Path:
    """Return the folder in which kresnet keeps what it can fetch or make again."""
    return Path(os.environ.get(CACHE_VARIABLE) or _USUAL_CACHE).expanduser()


@contextlib.contextmanager
def translate_os_errors(path: Path) -> Iterator[None]:
    """Turn a refusal to write at `path` into an error of kresnet's, whether Python or TensorFlow's C++ reports it.

    Raises:
        KresnetError: `disk_full` or `not_writable`.
    """
    try:
        yield
    except KresnetError:
        raise
    except Exception as error:
        number = error.errno if isinstance(error, OSError) else None
        if number in _FULL or _says(error, _FULL):
            remedy = "free some space, or write to another disk with -o"
            raise make_error("disk_full", f"There is no room left to write {path}.", remedy=remedy) from error
        if isinstance(error, OSError) or _says(error, _REFUSED):
            reason = os.strerror(number) if number else "permission denied"
            message = f"{path} cannot be written: {reason}."
            raise make_error(
                "not_writable", message, remedy="make it writable, or name another place with -o"
            ) from error
        raise


def _says(error: Exception, numbers: tuple[int, ...]) -> bool:
    """Whether an error without a number, as TensorFlow and HDF5 raise them, carries the system's words for one."""
    return any(os.strerror(number) in str(error) for number in numbers)


def refuse_existing(directory: Path, remedy: str = "another -o") -> None:
    """Make sure that nothing stands at `directory`, or only an empty directory.

    Raises:
        KresnetError: `output_exists`.
    """
    if directory.is_dir() and not any(directory.iterdir()):
        return
    if directory.exists():
        raise make_error("output_exists", f"{directory} already exists; nothing is overwritten.", remedy=remedy)


@contextlib.contextmanager
def staged_directory(final: Path) -> Iterator[Path]:
    """A directory beside `final` that takes its place, whole and flushed, when the block ends well.

    Raises:
        KresnetError: `disk_full` or `not_writable`; then nothing is left.
    """
    staged = final.with_name(f".{final.name}.{os.getpid()}.tmp")
    with translate_os_errors(final):
        shutil.rmtree(staged, ignore_errors=True)  # of a process of this number that was killed
        staged.mkdir(parents=True)
        try:
            yield staged
            staged.replace(final)
            flush(final.parent)
        finally:
            shutil.rmtree(staged, ignore_errors=True)


@contextlib.contextmanager
def staged_file(final: Path) -> Iterator[Path]:
    """A path beside `final`, of the same suffix, whose file takes its place, flushed, when the block ends well.

    Raises:
        KresnetError: `disk_full` or `not_writable`; then an old file is untouched and no new one left.
    """
    staged = final.with_name(f".{final.stem}.{os.getpid()}.tmp{final.suffix}")
    with translate_os_errors(final):
        try:
            yield staged
            flush(staged)
            staged.replace(final)
            flush(final.parent)
        finally:
            staged.unlink(missing_ok=True)


def flush(path: Path) -> None:
    """Force a file or a directory to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """Replace the file at `path` by `text`, atomically.

    Raises:
        KresnetError: `disk_full` or `not_writable`; the old file is untouched.
    """
    with staged_file(path) as staged:
        staged.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """`write_text` of indented JSON."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def replace_non_finite(value: Any) -> Any:
    """Return JSON values in which every float that is no finite number has become None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: replace_non_finite(inner) for key, inner in value.items()}
    return [replace_non_finite(inner) for inner in value] if isinstance(value, list | tuple) else value


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The mappings of a file of JSON lines; none if it cannot be read, and what a kill cut short is left out."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    found = []
    for line in text.splitlines():
        with contextlib.suppress(ValueError):
            found.append(json.loads(line))
    return [line for line in found if isinstance(line, dict)]


def read_mapping(path: Path) -> dict[str, Any]:
    """The mapping of a JSON file; empty if the file cannot be read, or holds none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def head_digest(path: Path) -> bytes:
    """Digest of a file's first bytes, 16 bytes long: files in which it differs need not be compared whole."""
    with path.open("rb") as file:
        return hashlib.blake2b(file.read(_HEAD_BYTES), digest_size=16).digest()


def digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def json_digest(value: Any) -> str:
    """SHA-256 of JSON values, in hexadecimal; the order of a mapping's keys makes no difference."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
