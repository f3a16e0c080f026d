"""Notices what a file must not bring about: calls, imports, processes, sockets, changes of files."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any

_FORBIDDEN = (
    "exec", "compile", "import", "pickle.find_class", "os.", "subprocess.", "socket.", "shutil.", "ctypes.",
    "code.__new__", "builtins.", "marshal.", "tempfile.", "urllib.", "webbrowser.", "pty.", "_thread.",
)  # fmt: skip
_ALLOWED = ("os.listdir", "os.scandir", "os.stat")


class _Watch:
    """What is noticed while somebody watches."""

    installed = False
    events: list[str] | None = None
    thread = 0  # the one that opens the file: others of the process, of earlier tests, may do as they like


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if _Watch.events is None or threading.get_ident() != _Watch.thread:
        return
    writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
    if writes or (event.startswith(_FORBIDDEN) and event not in _ALLOWED):
        _Watch.events.append(f"{event} {ascii(arguments)[:200]}")


@contextlib.contextmanager
def watched() -> Iterator[list[str]]:
    """Give the list of what Python's audit events say was called, imported, started or written within the block."""
    if not _Watch.installed:
        sys.addaudithook(_note)  # for good: hooks cannot be removed
        _Watch.installed = True
    _Watch.thread = threading.get_ident()
    _Watch.events = events = list[str]()
    gc.disable()  # what earlier tests left may do as it likes when it is collected
    try:
        yield events
    finally:
        _Watch.events = None
        gc.enable()
