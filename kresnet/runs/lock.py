"""The lock of a run directory: one process at a time writes a run, and a lock ends with its process."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import socket
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kresnet.errors import KresnetError, make_error, shell_word
from kresnet.files import read_mapping, translate_os_errors

_HELD_ERRNOS = (errno.EAGAIN, errno.EACCES)


class RunLock:
    """A lock that one process holds within a `with` block. The file `lock` records that process and its host.

    The operating system releases the lock when the process ends, in whatever way, so that the file that a killed
    process leaves blocks no other. Where the file system has no locks, the recorded process number and start time
    decide; a process on another host is then taken to be running.
    """

    def __init__(self, directory: Path, log: Callable[[str], None]) -> None:
        self.directory, self.path, self.log = directory, directory / "lock", log
        self._descriptor = -1

    def __enter__(self) -> RunLock:
        """Take the lock.

        Raises:
            KresnetError: `run_locked` if another process holds it; `not_writable`.
        """
        with translate_os_errors(self.path):
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            before = read_holder(self.path)
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno in _HELD_ERRNOS or (before and _may_be_running(before)):
                    raise self._locked_error(before) from None
            if before:
                self.log(f"{_describe_process(before)} was writing {self.directory} and was killed; taking over.")
            self._write(json.dumps(_this_process()))
        except BaseException:
            os.close(self._descriptor)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(KresnetError):  # a full disk must not hide why the block was left
            self._write("")
        os.close(self._descriptor)

    def require_held(self) -> None:
        """Make sure that the run directory is still the one that this process locked, before writing to it.

        Raises:
            KresnetError: `run_missing`.
        """
        held = os.fstat(self._descriptor)
        with contextlib.suppress(OSError):
            present = self.path.stat()
            if (present.st_dev, present.st_ino) == (held.st_dev, held.st_ino):
                return
        message = f"{self.directory} was deleted, moved or replaced while it was being trained."
        raise make_error("run_missing", message, remedy="start a new run: kresnet fit SPEC -o RUN")

    def _locked_error(self, holder: Mapping[str, Any] | None) -> KresnetError:
        message = f"{_describe_process(holder) if holder else 'Another process'} is writing {self.directory}."
        remedy = "wait for it, or stop it: SIGTERM lets it save its state first"
        if holder and holder["host"] != socket.gethostname():
            remedy += f"; if it is gone, rm {shell_word(self.path)}"
        return make_error("run_locked", message, remedy=remedy)

    def _write(self, text: str) -> None:
        with translate_os_errors(self.path):
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, text.encode(), 0)


def is_held(directory: Path) -> bool:
    """Return whether a process is writing the run. The lock is only tried, and released at once."""
    path = directory / "lock"
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        holder = read_holder(path)
        return error.errno in _HELD_ERRNOS or (holder is not None and _may_be_running(holder))
    finally:
        os.close(descriptor)
    return False


def names_writer(directory: Path) -> bool:
    """Return whether the lock of a run names a process that may be running.

    Nothing is locked to find out, so that who only looks on is never in the way of a run that begins; of a process on
    another host it cannot be told that it was killed.
    """
    holder = read_holder(directory / "lock")
    return holder is not None and _may_be_running(holder)


def read_holder(path: Path) -> dict[str, Any] | None:
    """Return the process that a lock file names (`host`, `pid`, `started`, `since`); None if it names none."""
    holder = read_mapping(path)
    return holder if holder.keys() == _this_process().keys() else None


def _this_process() -> dict[str, Any]:
    return {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "started": _process_start(os.getpid()),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _may_be_running(holder: Mapping[str, Any]) -> bool:
    if holder["host"] != socket.gethostname():
        return True
    return holder["started"] is not None and holder["started"] == _process_start(holder["pid"])


def _process_start(pid: int) -> str | None:
    """Return when a process started, as boot identifier and clock ticks since the boot; None if there is none.

    Both come from the kernel, since the clock may be set back. The process number alone does not identify a process:
    another may have it by now.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return f"{boot}/{fields[19]}"  # field 22 of proc(5), counted from the one after the name


def _describe_process(holder: Mapping[str, Any]) -> str:
    return f"Process {holder['pid']} on {holder['host']} (since {holder['since']})"
