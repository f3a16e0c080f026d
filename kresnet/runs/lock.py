"""One writer a run: a lock that dies with its process."""

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

from kresnet.errors import KresnetError, make_error
from kresnet.files import translate_os_errors

_HELD = (errno.EAGAIN, errno.EACCES)


class RunLock:
    """Held within its block by one process; the file `lock` says by which: host, process and when it started.

    The system lets go of it when the process ends, however it ends, so that a file left by a killed process hinders
    nobody. Where the file system has no locks, the process number and its start time decide, and another host's word
    is taken.
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
                if error.errno in _HELD or (before and _may_run(before)):
                    raise self._refusal(before) from None
            if before:
                self.log(f"{_named(before)} was writing {self.directory} and was killed; taking over.")
            self._write(json.dumps(_this_process()))
        except BaseException:
            os.close(self._descriptor)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(KresnetError):  # a full disk must not hide why the block was left
            self._write("")
        os.close(self._descriptor)

    def require(self) -> None:
        """Make sure that the run is still there and still this process's, before something is written to it.

        Raises:
            KresnetError: `run_missing`.
        """
        held = os.fstat(self._descriptor)
        with contextlib.suppress(OSError):
            found = self.path.stat()
            if (found.st_dev, found.st_ino) == (held.st_dev, held.st_ino):
                return
        message = f"{self.directory} was deleted, moved or replaced while it was being trained."
        raise make_error("run_missing", message, remedy="kresnet fit SPEC -o RUN starts a new run")

    def _refusal(self, holder: Mapping[str, Any] | None) -> KresnetError:
        message = f"{_named(holder) if holder else 'Another process'} is writing {self.directory}."
        remedy = "wait for it, or stop it: SIGTERM lets it save its state first"
        if holder and holder["host"] != socket.gethostname():
            remedy += f"; if it is gone, rm {self.path}"
        return make_error("run_locked", message, remedy=remedy)

    def _write(self, text: str) -> None:
        with translate_os_errors(self.path):
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, text.encode(), 0)


def is_held(directory: Path) -> bool:
    """Whether a process is writing the run; takes no lock for longer than a look."""
    path = directory / "lock"
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        holder = read_holder(path)
        return error.errno in _HELD or (holder is not None and _may_run(holder))
    finally:
        os.close(descriptor)
    return False


def read_holder(path: Path) -> dict[str, Any] | None:
    """Who wrote a lock file and has not taken its name out since."""
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return holder if isinstance(holder, dict) and holder.keys() == _this_process().keys() else None


def _this_process() -> dict[str, Any]:
    return {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "started": _start_of(os.getpid()),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _may_run(holder: Mapping[str, Any]) -> bool:
    if holder["host"] != socket.gethostname():
        return True
    return holder["started"] is not None and holder["started"] == _start_of(holder["pid"])


def _start_of(pid: int) -> str | None:
    """When a process started, as the boot and the clock ticks since; None if there is no such process.

    From the kernel's own count, not from the clock, which may be set. A process number alone may be another's by now.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return f"{boot}/{fields[19]}"  # field 22 of proc(5), counted from the one after the name


def _named(holder: Mapping[str, Any]) -> str:
    return f"Process {holder['pid']} on {holder['host']} (since {holder['since']})"
