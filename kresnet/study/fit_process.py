"""One `kresnet fit` of a study, in a process of its own."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from kresnet.errors import TO_BE_CONTINUED, Problem
from kresnet.files import translate_os_errors
from kresnet.study.resources import RunResources

#: Of prctl(2): which signal a process gets when its parent ends.
_PR_SET_PDEATHSIG = 1


class FitProcess:
    """A running `kresnet fit`; what it tells goes to a log file, its result or its problems stay to be read."""

    def __init__(self, arguments: Sequence[str], log: Path, share: RunResources) -> None:
        """Start it.

        Args:
            arguments: of `kresnet fit`.
            log: file that its messages are added to.
            share: of the machine.

        Raises:
            KresnetError: `not_writable` or `disk_full`.
        """
        self.command = ["kresnet", "fit", *arguments]
        self.log, self._began = log, time.monotonic()
        self._asked = False
        self._answer = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process
        with translate_os_errors(log):
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("ab") as messages:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "kresnet.cli.main", "fit", *arguments, "--json"],
                    stdin=subprocess.DEVNULL,
                    stdout=self._answer,
                    stderr=messages,
                    env={**os.environ, **share.environment()},
                    start_new_session=True,  # a Ctrl-C reaches the study alone, which passes it on once
                    preexec_fn=lambda: _prepare(share),
                )

    def stop(self) -> None:
        """Ask it to save its state and end; one that has not begun to listen yet ends with nothing to save."""
        self._asked = True
        self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self._began

    def outcome(self) -> tuple[Literal["finished", "stopped", "failed"], Problem | None]:
        """How it ended: `finished`, `stopped` (it can go on), or `failed` with the problem that it told."""
        status = self._process.wait()
        if status == 0:
            return "finished", None
        if status == TO_BE_CONTINUED or (self._asked and status == -signal.SIGTERM):
            return "stopped", None
        return "failed", self._problem(status)

    def _problem(self, status: int) -> Problem:
        """The first problem of its answer, or what its exit status means."""
        self._answer.seek(0)
        with contextlib.suppress(ValueError, LookupError, TypeError):
            told: dict[str, Any] = json.loads(self._answer.read())["problems"][0]
            return Problem(told["code"], told["message"], told.get("path", ""), remedy=told.get("remedy", ""))
        if status < 0:
            name = signal.Signals(-status).name
            message = f"The process was ended by {name}" + (", as for want of memory." if -status == 9 else ".")
            return Problem("internal", message, remedy=f"see {self.log}")
        return Problem("internal", f"The process ended with status {status}.", remedy=f"see {self.log}")


def _prepare(share: RunResources) -> None:
    """In the new process, before it becomes Python: its cores, and to be asked to stop should the study be killed."""
    if share.cores:
        os.sched_setaffinity(0, share.cores)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
