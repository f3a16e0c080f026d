"""A terminal that tests can look at: a program on a pseudo-terminal, what it writes drawn by pyte."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from typing import Any

import pyte


class Screen:
    """A program whose streams are a terminal, unless told otherwise.

    Args:
        command: to run.
        environment: beside the process's own; `TERM` is `xterm-256color` unless it says otherwise.
        columns: of the terminal.
        options: as `subprocess.Popen` takes them, such as another stdout.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str] = {}, *, columns: int = 100, **options: Any
    ) -> None:
        self.drawn = pyte.HistoryScreen(columns, 50, history=1000)
        self._stream, self.raw, self.widest = pyte.ByteStream(self.drawn), b"", 0
        self._terminal, inner = pty.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        hidden = ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "COLUMNS")
        inherited = {name: value for name, value in os.environ.items() if name not in hidden}
        streams = dict.fromkeys(("stdin", "stdout", "stderr"), inner) | options
        self._process = subprocess.Popen(
            command, env=inherited | {"TERM": "xterm-256color"} | environment, start_new_session=True, **streams
        )
        os.close(inner)

    def __enter__(self) -> Screen:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._terminal)

    @property
    def lines(self) -> list[str]:
        """What stands on the screen, from top to bottom, without what is blank at the end of lines and screen."""
        return "\n".join(line.rstrip() for line in self.drawn.display).rstrip().splitlines()

    def type(self, text: str) -> None:
        """Press keys, one after the other."""
        os.write(self._terminal, text.encode())

    def wait_for(self, start: str, seconds: float = 60) -> None:
        """Read until the last line begins so."""
        end = time.monotonic() + seconds
        while not (self.lines and self.lines[-1].startswith(start)):
            assert time.monotonic() < end, f"{start!r} did not come:\n" + "\n".join(self.lines)
            self._read(1.0)

    def wait_until_shown(self, text: str, seconds: float = 60) -> None:
        """Read until a line has this text in it."""
        end = time.monotonic() + seconds
        while not any(text in line for line in self.lines):
            assert time.monotonic() < end, f"{text!r} did not come:\n" + "\n".join(self.lines)
            self._read(1.0)

    def interrupt(self) -> None:
        """Send what Ctrl-C sends."""
        self._process.send_signal(signal.SIGINT)

    def finish(self) -> int:
        """Read to the end; the exit status."""
        while self._read(120.0):
            pass
        return self._process.wait(120)

    def _read(self, seconds: float) -> bool:
        """Draw what comes next; whether more may come."""
        if not select.select([self._terminal], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self._terminal, 4096)
        except OSError:  # how a terminal says that nobody is left at its other end
            return False
        self.raw += data
        self._stream.feed(data)
        return bool(data)
